"""What a run seeks on the page of a project: seldom all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from cachi2ish.core.digests import Digest

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Sought:
    """The files that requirements speak of; `EVERYTHING` for all files.

    digests: every one that the run's requirements name for the project; empty where one of them names none, and
    only the index can tell which files there are.
    versions: those that the run's requirements pin, as they spell them; empty for all. Whether a file on a page is
    of one of them is told by `cachi2ish.core.interest.Interest`.
    """

    digests: frozenset[Digest] = frozenset()
    versions: frozenset[str] = frozenset()

    def __or__(self, other: Sought) -> Sought:
        """Return what covers both."""
        return Sought(_both(self.digests, other.digests), _both(self.versions, other.versions))

    def covers_digests_of(self, other: Sought) -> bool:
        """Return whether an answer that was complete for these digests is complete for those of ``other``."""
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
