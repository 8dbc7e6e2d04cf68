"""Environment markers (PEP 508) for machines other than this one.

What is known of a machine is a mapping from marker variables to values. It need not be complete: a marker that
reads a variable of which nothing is known counts as holding, because a file too many does no harm offline and a
file too few breaks the build.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.utils import canonicalize_name

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_WORD = re.compile(r"[a-z_]+")
_OPERATORS = frozenset({"and", "or", "in", "not"})


def holds(marker: str | None, machines: Iterable[Mapping[str, str]]) -> bool:
    """Return whether ``marker`` holds on at least one of ``machines``; no marker always does.

    ``extra`` is empty: what a project asks for only with an extra is written without that in a lock file.
    """
    if marker is None:
        return True
    parsed, read = _parsed(marker)
    return any(_holds(parsed, read, {"extra": "", **machine}) for machine in machines)


@lru_cache(1000)  # a lock has few, and asks about each for many machines
def _parsed(marker: str) -> tuple[Marker, frozenset[str]]:
    """Return a marker, and the variables that it reads."""
    parsed = Marker(marker)
    return parsed, frozenset(_WORD.findall(_QUOTED.sub("", str(parsed)))) - _OPERATORS


def _holds(marker: Marker, read: Iterable[str], machine: dict[str, str]) -> bool:
    # Every variable that is read is known, so nothing of the machine that runs this comes in.
    if any(name not in machine for name in read):
        return True
    try:
        return marker.evaluate(machine)
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
    left = _any(deque(_TOKEN.findall(str(marker))), selection)
    return left if isinstance(left, bool) else str(Marker(left))


def _any(tokens: deque[str], selection: Selection) -> str | bool:
    terms = [_all(tokens, selection)]
    while tokens and tokens[0] == "or":
        tokens.popleft()
        terms.append(_all(tokens, selection))
    return _joined(terms, " or ", decisive=True)


def _all(tokens: deque[str], selection: Selection) -> str | bool:
    terms = [_term(tokens, selection)]
    while tokens and tokens[0] == "and":
        tokens.popleft()
        terms.append(_term(tokens, selection))
    return _joined(terms, " and ", decisive=False)


def _joined(terms: Collection[str | bool], word: str, *, decisive: bool) -> str | bool:
    open_terms = [term for term in terms if isinstance(term, str)]
    if any(term is decisive for term in terms) or not open_terms:
        return decisive if any(term is decisive for term in terms) else not decisive
    return word.join(open_terms)


def _term(tokens: deque[str], selection: Selection) -> str | bool:
    if tokens[0] == "(":
        tokens.popleft()
        inner = _any(tokens, selection)
        tokens.popleft()
        return inner if isinstance(inner, bool) else f"({inner})"
    comparison = [tokens.popleft(), tokens.popleft(), tokens.popleft()]
    if comparison[1] == "not":
        comparison.append(tokens.popleft())
    if selection.keys().isdisjoint(comparison):
        return " ".join(comparison)
    member, *operator, variable = comparison
    if variable not in selection or operator not in (["in"], ["not", "in"]):
        raise ValueError(f"{' '.join(comparison)} is no comparison with a set")
    return (canonicalize_name(member[1:-1]) in selection[variable]) == (operator == ["in"])
