"""Boxes of marker environments: for some variables, the values that they may have."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from cachi2ish.core.targets.spans import Spans


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts, or all but these."""

    texts: frozenset[str]
    others: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is no text in it."""
        return not self.texts and not self.others

    @property
    def everything(self) -> bool:
        """Whether each text is in it."""
        return not self.texts and self.others

    def __and__(self, other: Texts) -> Texts:
        if self.others and other.others:
            return Texts(self.texts | other.texts, others=True)
        if self.others or other.others:
            named, left_out = (other, self) if self.others else (self, other)
            return Texts(named.texts - left_out.texts)
        return Texts(self.texts & other.texts)

    def complement(self) -> Texts:
        """Return all other texts."""
        return Texts(self.texts, others=not self.others)

    def __or__(self, other: Texts) -> Texts:
        return (self.complement() & other.complement()).complement()

    def marker(self, variable: str) -> str:
        """Return a marker for these texts."""
        operator, word = ("!=", " and ") if self.others else ("==", " or ")
        text = word.join(f"{variable} {operator} {_quoted(one)}" for one in sorted(self.texts))
        return f"({text})" if len(self.texts) > 1 and not self.others else text


Values = Texts | Spans


class Box(Struct, frozen=True):
    """What each variable may be, sorted by its name; of the others nothing is said."""

    sides: tuple[tuple[str, Values], ...] = ()

    def __and__(self, other: Box) -> Box | None:
        found: dict[str, Values] = dict(self.sides)
        for variable, values in other.sides:
            both = _both(found[variable], values) if variable in found else values
            if both.empty:
                return None
            found[variable] = both
        return Box(tuple(sorted(found.items(), key=lambda side: side[0])))

    def holds(self, other: Box) -> bool:
        """Return whether every environment of ``other`` is one of this box."""
        theirs = dict(other.sides)
        return all(
            variable in theirs and _both(values, theirs[variable]) == theirs[variable]
            for variable, values in self.sides
        )

    def merged(self, other: Box) -> Box | None:
        """Return one box for both, where they differ in one variable at most."""
        if self.holds(other):
            return self
        if other.holds(self):
            return other
        mine, theirs = dict(self.sides), dict(other.sides)
        if mine.keys() != theirs.keys():
            return None
        different = [variable for variable in mine if mine[variable] != theirs[variable]]
        if len(different) != 1:
            return None
        either = _either(mine[different[0]], theirs[different[0]])
        sides = {**mine, different[0]: either}
        if either.everything:
            del sides[different[0]]
        return Box(tuple(sides.items()))

    def marker(self) -> str:
        """Return a marker for these environments."""
        return " and ".join(values.marker(variable) for variable, values in self.sides)


class Literal(Texts):
    """The comparison that a variable is called like, which holds."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(frozenset({"holds"}))

    def __and__(self, other: Texts) -> Texts:
        return self

    def marker(self, variable: str) -> str:
        """Return the comparison."""
        return variable


def _both(one: Values, other: Values) -> Values:
    if isinstance(one, Spans):
        assert isinstance(other, Spans)  # noqa: S101  (a variable has values of one kind)
        return one & other
    assert isinstance(other, Texts)  # noqa: S101  (as above)
    return one & other


def _either(one: Values, other: Values) -> Values:
    if isinstance(one, Spans):
        assert isinstance(other, Spans)  # noqa: S101  (as above)
        return one | other
    assert isinstance(other, Texts)  # noqa: S101  (as above)
    return one | other


def _quoted(text: str) -> str:
    return f"'{text}'" if '"' in text else f'"{text}"'
