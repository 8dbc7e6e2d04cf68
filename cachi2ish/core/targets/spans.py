"""Sets of versions of Python, as spans between cuts."""

from __future__ import annotations

from typing import Self

from msgspec import Struct

#: A place between versions: numbers without zeros at the end, and whether it is just behind that version.
_Cut = tuple[tuple[int, ...], bool]
_Span = tuple[_Cut | None, _Cut | None]

_FIRST: _Cut = ((), False)

#: The numbers that ``python_version`` has.
_MINOR = 2


class Spans(Struct, frozen=True):
    """Versions from one cut to another, sorted and apart. A span without a beginning or an end has None there."""

    spans: tuple[_Span, ...]

    @classmethod
    def nothing(cls) -> Self:
        """Return no version."""
        return cls(())

    @classmethod
    def below(cls, release: tuple[int, ...]) -> Self:
        """Return the versions before one."""
        return cls(((None, _cut(release)),))

    @classmethod
    def at_least(cls, release: tuple[int, ...]) -> Self:
        """Return a version and those after it."""
        return cls(((_cut(release), None),))

    @classmethod
    def series(cls, release: tuple[int, ...]) -> Self:
        """Return the versions that begin like this one: 3.11 and 3.11.4, of 3.11."""
        return cls(((_cut(release), _cut((*release[:-1], release[-1] + 1))),))

    @classmethod
    def compared(cls, operator: str, release: tuple[int, ...]) -> Self | None:
        """Return the versions for which a comparison holds; None for an operator that is not known."""
        before, behind = _cut(release), _cut(release, behind=True)
        match operator:
            case "<" | ">=":
                spans = cls(((None, before),))
            case "<=" | ">":
                spans = cls(((None, behind),))
            case "==" | "!=":
                spans = cls(((before, behind),))
            case _:
                return None
        return spans if operator in {"<", "<=", "=="} else spans.complement()

    @property
    def empty(self) -> bool:
        """Whether there is no version in it."""
        return not self.spans

    @property
    def everything(self) -> bool:
        """Whether each version is in it."""
        return self.spans == ((None, None),)

    def __and__(self, other: Spans) -> Spans:
        found: list[_Span] = []
        for begin, end in self.spans:
            for other_begin, other_end in other.spans:
                first = max(begin or _FIRST, other_begin or _FIRST)
                ends = [one for one in (end, other_end) if one is not None]
                last = min(ends) if ends else None
                if last is None or first < last:
                    found.append((None if first == _FIRST else first, last))
        return Spans(tuple(found))

    def complement(self) -> Self:
        """Return all other versions."""
        found: list[_Span] = []
        begin: _Cut | None = None
        for first, last in self.spans:
            if first is not None:
                found.append((begin, first))
            if last is None:
                return type(self)(tuple(found))
            begin = last
        return type(self)((*found, (begin, None)))

    def __or__(self, other: Spans) -> Spans:
        return (self.complement() & other.complement()).complement()

    def marker(self, _variable: str) -> str:
        """Return a marker for these versions."""
        left_out = self.complement().spans
        points = [first for first, last in left_out if first and last and _is_point(first, last)]
        if len(left_out) > len(self.spans) or not points:
            texts = [_span(*span) for span in self.spans]
            return texts[0] if len(texts) == 1 else f"({' or '.join(_grouped(text) for text in texts)})"
        around = Spans(tuple(one for one in left_out if one[0] not in points)).complement()
        without = " and ".join(f'python_full_version != "{_text(one)}"' for one in points)
        return without if around.everything else f"{around.marker(_variable)} and {without}"


def _grouped(text: str) -> str:
    return f"({text})" if " and " in text else text


def _cut(release: tuple[int, ...], *, behind: bool = False) -> _Cut:
    while release and not release[-1]:
        release = release[:-1]
    return release, behind


def _is_point(first: _Cut, last: _Cut) -> bool:
    return first[0] == last[0]


def _span(first: _Cut | None, last: _Cut | None) -> str:
    if first and last and _is_point(first, last):
        return f'python_full_version == "{_text(first)}"'
    if first and last and _is_minor(first) and last == _cut((*_padded(first)[:-1], _padded(first)[-1] + 1)):
        return f'python_version == "{_text(first)}"'
    texts = []
    if first is not None:
        texts.append(_compared(first, ">", ">="))
    if last is not None:
        texts.append(_compared(last, "<=", "<"))
    return " and ".join(texts)


def _compared(cut: _Cut, behind: str, before: str) -> str:
    if _is_minor(cut):
        return f'python_version {before} "{_text(cut)}"'
    return f'python_full_version {behind if cut[1] else before} "{_text(cut)}"'


def _is_minor(cut: _Cut) -> bool:
    return not cut[1] and len(cut[0]) <= _MINOR


def _padded(cut: _Cut) -> tuple[int, ...]:
    return (*cut[0], 0, 0)[: max(_MINOR, len(cut[0]))]


def _text(cut: _Cut) -> str:
    return ".".join(map(str, _padded(cut)))
