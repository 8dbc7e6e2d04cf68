"""Many things, some at once: what a statement or a transaction can take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

_Item = TypeVar("_Item")


def in_batches(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    """Yield so many at once, and the rest."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
