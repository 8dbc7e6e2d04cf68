"""What structs of msgspec say of a field that is not to be printed, or not to be compared; and texts they share.

With it they take the place of dataclasses, of which each takes a half to a whole millisecond of every start of the
program, and a struct a thirtieth of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from types import MemberDescriptorType
from typing import Any, cast

from msgspec import Struct


class _Method:
    """A method of a struct that leaves fields out, and refuses names of none: one that is misspelt shows a secret.

    It does so where the class is made: when Python calls ``__set_name__``, the class has its fields already.
    """

    def __init__(self, left_out: tuple[str, ...], method: Callable[..., Any]) -> None:
        self._left_out = left_out
        self._method = method

    def __set_name__(self, owner: type, name: str) -> None:
        found = ((field, getattr(owner, field, None)) for field in self._left_out)
        unknown = [field for field, member in found if not isinstance(member, MemberDescriptorType)]
        if unknown:
            raise TypeError(f"{owner.__name__} has no field {' and no '.join(unknown)}")
        setattr(owner, name, self._method)


def repr_without(*hidden: str) -> Callable[[Any], str]:
    """Return a ``__repr__`` that leaves the fields ``hidden`` out, which are long or may hold a secret.

    For the body of a struct, which is refused without such a field::

        class Answer(Struct):
            url: str
            status: int

            __repr__ = repr_without("url")
    """

    def text_of(one: Struct) -> str:
        shown = (name for name in one.__struct_fields__ if name not in hidden)
        return f"{type(one).__name__}({', '.join(f'{name}={getattr(one, name)!r}' for name in shown)})"

    return cast("Callable[[Any], str]", _Method(hidden, text_of))


def compared_without(*ignored: str) -> tuple[Callable[[Any, object], bool], Callable[[Any], int]]:
    """Return an ``__eq__`` and a ``__hash__`` for which the fields ``ignored`` make no difference.

    For the body of a struct, which gets no other, and is refused without such a field::

        class Answer(Struct, eq=False):
            body: bytes
            from_cache: bool

            __eq__, __hash__ = compared_without("from_cache")
    """

    def values(one: Struct) -> tuple[object, ...]:
        return tuple([getattr(one, name) for name in one.__struct_fields__ if name not in ignored])

    def equal(one: Struct, other: Struct) -> bool:
        return values(one) == values(other) if type(one) is type(other) else NotImplemented

    def hash_of(one: Struct) -> int:
        return hash(values(one))

    methods = _Method(ignored, equal), _Method(ignored, hash_of)
    return cast("tuple[Callable[[Any, object], bool], Callable[[Any], int]]", methods)


def shared_texts(texts: Iterable[str]) -> tuple[str, ...]:
    """Return ``texts`` as a tuple; equal tuples are one object: thousands of files have the same few."""
    return _same(tuple(texts))


@lru_cache(256)
def _same(texts: tuple[str, ...]) -> tuple[str, ...]:
    return texts
