"""Repositories of a run that may not use the network: local ones are read, and of others there is the cache."""

from __future__ import annotations

from pathlib import Path

from cachi2ish.core.artifacts import Blob
from cachi2ish.core.inventory import VcsOrigin
from cachi2ish.core.requirements import Git
from cachi2ish.core.urls import redact
from cachi2ish.errors import NotCachedError
from cachi2ish.git.interface import Repositories


class CachedArchives:
    """Implements `Repositories`: what ``repositories`` knows without asking a remote one."""

    def __init__(self, repositories: Repositories) -> None:
        self._repositories = repositories

    def origin(self, source: Path) -> VcsOrigin | None:
        """Return where the checkout that holds ``source`` comes from; raises `GitError`."""
        return self._repositories.origin(source)

    def find(self, requirement: Git) -> Blob | None:
        """Return the archive of the commit from the cache, or None."""
        return self._repositories.find(requirement)

    def archive(self, requirement: Git) -> Blob:
        """Return the archive of the commit from the cache; raises `NotCachedError` where it is not there."""
        blob = self.find(requirement)
        if blob is None:
            raise NotCachedError(
                f"commit {requirement.commit} of {redact(requirement.url)} is not in the cache",
                origin=requirement.origin,
            )
        return blob
