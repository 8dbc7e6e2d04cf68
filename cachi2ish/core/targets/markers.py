"""Environment markers (PEP 508) for machines other than this one.

What is known of a machine is a mapping from marker variables to values. It need not be complete: a marker that
reads a variable of which nothing is known counts as holding, because a file too many does no harm offline and a
file too few breaks the build.

The library's reader of markers is loaded with the first marker: a lock for one platform has none.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from packaging.markers import Marker

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_WORD = re.compile(r"[a-z_]+")
_OPERATORS = frozenset({"and", "or", "in", "not"})


def holds(marker: str | None, machines: Iterable[Mapping[str, str]]) -> bool:
    """Return whether ``marker`` holds on at least one of ``machines``; no marker always does.

    ``extra`` is empty: what a project asks for only with an extra is written without that in a lock file.
    """
    if marker is None:
        return True
    _, read = _parsed(marker)
    return any(_holds(marker, read, {"extra": "", **machine}) for machine in machines)


@lru_cache(1000)  # a lock has few, and asks about each for many machines
def _parsed(marker: str) -> tuple[Marker, tuple[str, ...]]:
    """Return a marker, and the variables that it reads, sorted."""
    from cachi2ish.core.targets.dependency_specifiers import read_marker  # noqa: PLC0415  (a lock may have no marker)

    parsed = read_marker(marker)
    return parsed, tuple(sorted({*_WORD.findall(_QUOTED.sub("", str(parsed)))} - _OPERATORS))


def may_be(marker: str | None, machines: Iterable[Mapping[str, str]]) -> frozenset[bool]:
    """Return what ``marker`` may say on the machines: one answer, or both where they differ or one is not known.

    As `holds`, and ``extra`` is what a machine says of it.
    """
    if marker is None:
        return frozenset({True})
    _, read = _parsed(marker)
    found: set[bool] = set()
    for machine in machines:
        known = {"extra": "", **machine}
        answer = _holds(marker, read, known)
        found |= {answer} if known.keys() >= {*read} else {answer, not answer}
    return frozenset(found)


def _holds(marker: str, read: Iterable[str], machine: dict[str, str]) -> bool:
    # Every variable that is read is known, so nothing of the machine that runs this comes in.
    if any(name not in machine for name in read):
        return True
    return _evaluated(marker, tuple(machine[name] for name in read))


@lru_cache(10_000)  # most markers read a variable or two, which are the same on many machines
def _evaluated(marker: str, values: tuple[str, ...]) -> bool:
    from packaging.markers import UndefinedComparison, UndefinedEnvironmentName  # noqa: PLC0415  (a lock may have no marker)

    parsed, read = _parsed(marker)
    try:
        return parsed.evaluate(dict(zip(read, values, strict=True)))
    except (UndefinedComparison, UndefinedEnvironmentName):
        return True


#: Set variables of a marker and their members, normalised names (PEP 751: ``extras``, ``dependency_groups``).
Selection = Mapping[str, Collection[str]]

_TOKEN = re.compile(r"""\s*('[^']*'|"[^"]*"|[()]|[^\s()'"]+)""")


def settle(marker: Marker, selection: Selection) -> str | bool:
    """Return what is left of ``marker`` once its set variables have their members: text, or whether it holds.

    ``'dev' in dependency_groups and os_name == 'nt'`` leaves ``os_name == "nt"`` where ``dev`` is selected, and
    False where it is not. Raises `ValueError` where a set variable is read in another way than with ``in``.
    """

    def one(comparison: Sequence[str]) -> str | bool:
        return _settled(comparison, selection)

    def any_of(terms: Sequence[str | bool]) -> str | bool:
        return _joined(terms, " or ", decisive=True)

    def all_of(terms: Sequence[str | bool]) -> str | bool:
        return _joined(terms, " and ", decisive=False)

    def group(inner: str | bool) -> str | bool:  # noqa: FBT001  (what is left may be a truth value)
        return f"({inner})" if isinstance(inner, str) else inner

    from cachi2ish.core.targets.dependency_specifiers import read_marker  # noqa: PLC0415  (a lock may have no marker)

    left = fold(marker, one, any_of=any_of, all_of=all_of, group=group)
    return left if isinstance(left, bool) else str(read_marker(left))


#: What `fold` makes of a marker.
_T = TypeVar("_T")


def fold(
    marker: Marker,
    one: Callable[[Sequence[str]], _T],
    *,
    any_of: Callable[[Sequence[_T]], _T],
    all_of: Callable[[Sequence[_T]], _T],
    group: Callable[[_T], _T] = lambda inner: inner,
) -> _T:
    """Return what a marker comes to, from its comparisons upwards.

    one: is given a comparison in three parts, or four with ``not in``; texts are between quotation marks.
    group: is given what stands between brackets.
    Raises `ValueError` for a marker with quotation marks in a text.
    """
    text = str(marker)
    tokens = deque(_TOKEN.findall(text))
    if "".join("".join(tokens).split()) != "".join(text.split()):
        raise ValueError("it has quotation marks in a text")

    def terms(word: str, term: Callable[[], _T]) -> list[_T]:
        found = [term()]
        while tokens and tokens[0] == word:
            tokens.popleft()
            found.append(term())
        return found

    def alternatives() -> _T:
        return any_of(terms("or", conjunction))

    def conjunction() -> _T:
        return all_of(terms("and", comparison))

    def comparison() -> _T:
        if tokens[0] == "(":
            tokens.popleft()
            inner = alternatives()
            tokens.popleft()
            return group(inner)
        parts = [tokens.popleft(), tokens.popleft(), tokens.popleft()]
        if parts[1] == "not":
            parts.append(tokens.popleft())
        return one(parts)

    return alternatives()


def _joined(terms: Sequence[str | bool], word: str, *, decisive: bool) -> str | bool:
    open_terms = [term for term in terms if isinstance(term, str)]
    if any(term is decisive for term in terms) or not open_terms:
        return decisive if any(term is decisive for term in terms) else not decisive
    return word.join(open_terms)


def _settled(comparison: Sequence[str], selection: Selection) -> str | bool:
    if selection.keys().isdisjoint(comparison):
        return " ".join(comparison)
    member, *operator, variable = comparison
    if variable not in selection or operator not in (["in"], ["not", "in"]):
        raise ValueError(f"{' '.join(comparison)} is no comparison with a set")
    return (canonicalize_name(member[1:-1]) in selection[variable]) == (operator == ["in"])
