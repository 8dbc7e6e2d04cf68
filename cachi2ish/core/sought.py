"""What a run seeks on the page of a project: seldom all of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self, TypeVar

from cachi2ish.core.digests import Digest

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Sought:
    """The files that requirements speak of; `EVERYTHING` for all files.

    digests: every one that the run's requirements name for the project; empty where one of them names none, and
    only the index can tell which files there are.
    versions: those that the run's requirements pin, as they spell them; empty for all.
    """

    digests: frozenset[Digest] = frozenset()
    versions: frozenset[str] = frozenset()

    @classmethod
    def of(cls, digests: Collection[Digest] = (), versions: Collection[str] = ()) -> Self:
        """Return the same for any collections."""
        return cls(frozenset(digests), frozenset(versions))

    def __or__(self, other: Sought) -> Sought:
        """Return what covers both."""
        return Sought(_both(self.digests, other.digests), _both(self.versions, other.versions))

    def covers_digests_of(self, other: Sought) -> bool:
        """Return whether what a memory knows by these digests is all that it need know for ``other``."""
        return _covers(self.digests, other.digests)

    def covers_versions_of(self, other: Sought) -> bool:
        """Return whether a page with these versions has all those of ``other``."""
        return _covers(self.versions, other.versions)


#: All files of a project, as the index has them today.
EVERYTHING = Sought()


def _both(left: frozenset[_Item], right: frozenset[_Item]) -> frozenset[_Item]:
    return left | right if left and right else frozenset()


def _covers(these: frozenset[_Item], others: frozenset[_Item]) -> bool:
    return not these or (bool(others) and others <= these)
