"""Sets of marker environments, to walk the graph of a lock file: a marker as a set, with union and intersection.

A set is a union of boxes. A box says for some variables which values they may have: a set of texts, or spans of
versions. ``python_version`` and ``python_full_version`` are one variable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache, reduce

from msgspec import Struct
from packaging.version import InvalidVersion, Version

from cachi2ish.core.targets.boxes import Box, Literal, Texts, Values
from cachi2ish.core.targets.dependency_specifiers import read_marker
from cachi2ish.core.targets.markers import fold
from cachi2ish.core.targets.spans import Spans

#: A union of more boxes than this becomes everything, which holds it: a file too many does no harm.
MOST_BOXES = 48

_PYTHON = "python_full_version"
_MINOR = "python_version"
_REVERSED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Environments(Struct, frozen=True):
    """A set of marker environments: `EVERYWHERE`, `NOWHERE`, or what `environments_of` makes of a marker."""

    boxes: tuple[Box, ...]

    def __and__(self, other: Environments) -> Environments:
        if other == EVERYWHERE or not self.boxes:
            return self
        return other if self == EVERYWHERE else _intersection(self, other)

    def __or__(self, other: Environments) -> Environments:
        if self == other or not other.boxes:
            return self
        return _union(self, other) if self.boxes else other

    @property
    def marker(self) -> str | None:
        """The marker as text; None where it always holds. `NOWHERE` has none."""
        if self == EVERYWHERE:
            return None
        texts = sorted(box.marker() for box in self.boxes)
        return str(read_marker(" or ".join(texts if len(texts) == 1 else (f"({text})" for text in texts))))


EVERYWHERE = Environments((Box(),))
NOWHERE = Environments(())

#: Returns whether ``extra == "name"`` holds.
Extras = Callable[[str], bool]


def environments_of(marker: str | None, is_extra: Extras | None = None) -> Environments:
    """Return where a marker holds; raises `ValueError` for one that packaging does not read.

    is_extra: answers for comparisons with ``extra``; without it, nothing is known of them.
    """
    if marker is None:
        return EVERYWHERE
    if is_extra is None or "extra" not in marker:
        return _parsed(marker)
    return _folded(marker, is_extra)


@lru_cache(maxsize=10_000)
def _parsed(marker: str) -> Environments:
    return _folded(marker, None)


def _folded(marker: str, is_extra: Extras | None) -> Environments:
    return fold(
        read_marker(marker),
        lambda parts: _comparison(parts, is_extra),
        any_of=lambda terms: reduce(Environments.__or__, terms),
        all_of=lambda terms: reduce(Environments.__and__, terms),
    )


def _comparison(parts: Sequence[str], is_extra: Extras | None) -> Environments:
    left, *operators, right = parts
    operator = " ".join(operators)
    if left[:1] in "\"'":
        left, right, operator = right, left, _REVERSED.get(operator, operator if operator in "==!=" else "")
    value = right[1:-1]
    if left == "extra" and is_extra is not None and operator in {"==", "!="}:
        return EVERYWHERE if is_extra(value) == (operator == "==") else NOWHERE
    if left in {_PYTHON, _MINOR}:
        spans = _python_spans(left, operator, value)
        if spans is not None:
            return _of_side(_PYTHON, spans)
    elif operator in {"==", "!="} and not _is_version(left):
        return _of_side(left, Texts(frozenset({value}), others=operator == "!="))
    # Of what is compared in other ways, only the whole comparison is known.
    return _of_side(" ".join(parts), Literal())


def _of_side(variable: str, values: Values) -> Environments:
    if values.everything:
        return EVERYWHERE
    return NOWHERE if values.empty else Environments((Box(((variable, values),)),))


def _is_version(variable: str) -> bool:
    return variable.endswith(("_version", "_release"))


@cache
def _python_spans(variable: str, operator: str, value: str) -> Spans | None:
    """Return the versions of Python that a comparison means; None where it is of a kind that is not known."""
    prefix = value.removesuffix(".*")
    try:
        version = Version(prefix)
    except (InvalidVersion, ValueError):
        return None
    if version != Version(version.base_version) or version.epoch or (prefix != value and operator not in "==!="):
        return None
    release = version.release
    if operator == "~=":
        return Spans.at_least(release) & Spans.series(release[:-1]) if len(release) > 1 else None
    if prefix != value:
        spans = Spans.series(release)
        return spans if operator == "==" else spans.complement()
    if variable == _MINOR:
        return _minor_spans(operator, release)
    return Spans.compared(operator, release)


def _minor_spans(operator: str, release: tuple[int, ...]) -> Spans | None:
    """``python_version`` has two numbers: what is behind the second one puts it between two of its values."""
    minor = (*release, 0)[:2]
    between = any(release[2:])
    match operator:
        case "<" | ">=":
            spans = Spans.below(_after(minor) if between else minor)
        case "<=" | ">":
            spans = Spans.below(_after(minor))
        case "==" | "!=":
            spans = Spans.nothing() if between else Spans.series(minor)
        case _:
            return None
    return spans if operator in {"<", "<=", "=="} else spans.complement()


def _after(minor: tuple[int, ...]) -> tuple[int, ...]:
    return (*minor[:-1], minor[-1] + 1)


@lru_cache(maxsize=50_000)
def _intersection(one: Environments, other: Environments) -> Environments:
    met = (mine & theirs for mine in one.boxes for theirs in other.boxes)
    boxes = _fewest(box for box in met if box is not None)
    return one if boxes is None else Environments(boxes)  # too many: what holds them is known


@lru_cache(maxsize=50_000)
def _union(one: Environments, other: Environments) -> Environments:
    boxes = _fewest((*one.boxes, *other.boxes))
    return EVERYWHERE if boxes is None else Environments(boxes)


def _fewest(boxes: Iterable[Box]) -> tuple[Box, ...] | None:
    """Return boxes for the same environments, sorted; None where they are too many."""
    found: list[Box] = []
    for box in boxes:
        _add(box, found)
        if len(found) > MOST_BOXES:
            return None
    return tuple(sorted(found, key=Box.marker))


def _add(box: Box, found: list[Box]) -> None:
    if any(one.holds(box) for one in found):
        return  # first: it may merge with others as well, and the union would be written in another way
    position = 0
    while position < len(found):
        merged = found[position].merged(box)
        if merged is None:
            position += 1
        else:
            box = merged
            del found[position]
            position = 0
    found.append(box)
