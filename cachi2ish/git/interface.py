"""Git as the other rooms see it: where a checkout comes from, and a commit as an archive."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Protocol

from cachi2ish.core.artifacts import Blob
from cachi2ish.core.inventory import VcsOrigin
from cachi2ish.core.requirements import Git


class Repositories(Protocol):
    """Repositories, local and remote."""

    def origin(self, source: Path) -> VcsOrigin | None:
        """Return where the checkout that holds ``source`` comes from.

        None where it is no git checkout, has no remote, or no commit yet.
        Raises `GitError` for a checkout whose own files cannot be read.
        """
        ...

    def committed_at(self, source: Path) -> datetime | None:
        """Return when the commit of the checkout that holds ``source`` was made, aware.

        None where it is no git checkout, has no commit yet, or git cannot tell.
        """
        ...

    def find(self, requirement: Git) -> Blob | None:
        """Return the archive of the commit if it is in the cache, checked now, or None."""
        ...

    def archive(self, requirement: Git) -> Blob:
        """Return a reproducible archive of the commit, from the cache or from the repository.

        Raises `GitError`: unreachable, no such commit, no rights. Safe to call from many threads.
        """
        ...
