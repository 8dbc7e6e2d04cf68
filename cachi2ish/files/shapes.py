"""Reads what somebody else wrote, once JSON, TOML or YAML has been taken apart, into a struct: its shape.

A shape is declared once, as a struct of msgspec, which reads what fits. What it refuses goes to a pydantic model
that is then made of the same declaration: it may still take it (``"5"`` for a number, unless it is strict), or
says all that is wrong, with the places. So pydantic, which takes long to load, is loaded for odd values only::

    class Pin(Struct, frozen=True, forbid_unknown_fields=True):
        name: Annotated[str, Before(checked_name)]
        version: str | None = None

    pin = read({"name": "attrs"}, Pin)

What a type cannot say, `Before` and `After` do for a field, and ``__post_init__`` for a whole struct.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from msgspec import Struct, ValidationError, convert

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_Shape = TypeVar("_Shape", bound=Struct)

#: The type of a problem that is an `UnfitValueError`; its hint is in the context.
OWN_WORDS = "own_words"


class UnfitValueError(ValueError):
    """A rule refuses a value. ``str()``: the problem, for the user as it stands; hint: what to do, or ""."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.hint = hint


class Before(Struct, frozen=True):
    """Calls ``rule`` with a value before its type is looked at.

    It returns what fits as it is, and anything else as it was meant; it raises `ValueError`. A value that is left
    out is not looked at.
    """

    rule: Callable[[Any], object]


class After(Before, frozen=True):
    """Calls ``rule`` with a value that has the type."""


class WrongShapeError(Exception):
    """A value has not its shape. problems: all that is wrong, in the order of the fields, in pydantic's words."""

    def __init__(self, problems: Sequence[ErrorDetails]) -> None:
        super().__init__(problems)
        self.problems = problems


def read(value: object, shape: type[_Shape], *, strict: bool = False) -> _Shape:
    """Return ``value`` as a ``shape``; raises `WrongShapeError`.

    strict: whether what has another type is refused, though it could be converted.
    """
    try:
        found = convert(value, shape)
        if not _has_rules(shape) or _fits(value, shape):
            return found
    except (ValidationError, ValueError, RecursionError):
        pass
    from cachi2ish.files.explained import read_or_explain  # noqa: PLC0415  (it imports pydantic)

    return read_or_explain(value, shape, strict=strict)


@cache
def _has_rules(hint: Any) -> bool:  # noqa: ANN401  (as typing has it)
    if isinstance(hint, type) and issubclass(hint, Struct):
        return any(map(_has_rules, hints_of(hint).values()))
    marks = getattr(hint, "__metadata__", ())
    return any(isinstance(mark, Before) for mark in marks) or any(map(_has_rules, get_args(hint)))


def _fits(value: Any, hint: Any) -> bool:  # noqa: ANN401  (what was written, and a type as typing has it)
    """Return whether all rules leave ``value``, which has the type, as it is; raises what they raise."""
    if get_origin(hint) is Annotated:
        hint, *marks = get_args(hint)
        if any(isinstance(mark, Before) and mark.rule(value) != value for mark in marks):
            return False
    arms = get_args(hint) if isinstance(hint, UnionType) or get_origin(hint) is Union else (hint,)
    return value is None or all(_fits(*member) for arm in arms for member in _members(value, arm))


def _members(value: Any, hint: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401  (as above)
    origin = get_origin(hint)
    if origin is Annotated:
        yield value, hint
    elif origin in {tuple, list} and isinstance(value, list | tuple):
        yield from ((one, get_args(hint)[0]) for one in value)
    elif origin is dict and isinstance(value, dict):
        yield from ((one, get_args(hint)[1]) for one in value.values())
    elif isinstance(hint, type) and issubclass(hint, Struct) and isinstance(value, dict):
        types = hints_of(hint)
        names = zip(hint.__struct_encode_fields__, hint.__struct_fields__, strict=True)
        yield from ((value[key], types[name]) for key, name in names if key in value)


@cache
def hints_of(shape: type[Struct]) -> dict[str, Any]:
    """Return the types of the fields of a struct, with all that is said of them."""
    return get_type_hints(shape, include_extras=True)
