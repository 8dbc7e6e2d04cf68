"""Repositories, as the rest of the program asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from cachi2ish.cache.interface import BlobStore, Recollection
from cachi2ish.core.artifacts import Blob
from cachi2ish.core.digests import Digest
from cachi2ish.core.inventory import VcsOrigin
from cachi2ish.core.requirements import Git
from cachi2ish.errors import NotCachedError, StorageError
from cachi2ish.git.checkout import origin_of_checkout, time_of_commit
from cachi2ish.git.command import MEMORY, GitCommand
from cachi2ish.git.remotes import normalised, remote

#: Part of what a cached archive is found by: raise it with every change of the bytes.
FORMAT = "1"

#: Silence after which a transfer is given up. Servers with much to count are silent for a while first.
STALL_SECONDS = 180.0


class GitRepositories:
    """Implements ``Repositories``.

    blobs: where archives are kept. recollection: which archive was made of what.
    environ: the user's environment, for git alone. scratch: where clones are made for the time of a fetch,
    None for the system's temporary directory. stall_seconds: how long git may be silent. timeout: seconds that one
    run of git may take in all, None for any number. fetching: hears of each run of git that fetches.
    memory: bytes that each process of git may hold. offline: whether nothing is fetched.
    """

    def __init__(
        self,
        blobs: BlobStore,
        recollection: Recollection,
        environ: Mapping[str, str],
        *,
        scratch: Path | None = None,
        stall_seconds: float = STALL_SECONDS,
        timeout: float | None = None,
        fetching: Callable[[], None] = lambda: None,
        memory: int = MEMORY,
        offline: bool = False,
    ) -> None:
        self._blobs = blobs
        self._recollection = recollection
        self._command = GitCommand(environ, stall_seconds, timeout, fetching, memory)
        self._scratch = scratch
        self._offline = offline

    def origin(self, source: Path) -> VcsOrigin | None:
        """Return where the checkout that holds ``source`` comes from, or None; raises `GitError`."""
        return origin_of_checkout(source, self._command)

    def committed_at(self, source: Path) -> datetime | None:
        """Return when the commit of the checkout that holds ``source`` was made, or None."""
        return time_of_commit(source, self._command)

    def find(self, requirement: Git) -> Blob | None:
        """Return the archive of the commit from the cache, or None."""
        known = self._recollection.get(archive_key(requirement))
        return self._blobs.find([Digest("sha256", known)]) if known else None

    def archive(self, requirement: Git) -> Blob:
        """Return the archive of the commit; raises `GitError`, and `StorageError` for a full disk.

        Offline, raises `NotCachedError` where it is not in the cache.
        """
        key = archive_key(requirement)
        blob = self.find(requirement)
        if blob is None and self._offline:
            raise NotCachedError(
                f"commit {requirement.commit} of {requirement.url} is not in the cache", origin=requirement.origin
            )
        if blob is None:
            try:
                blob = self._make(requirement, key)
            except OSError as error:
                raise StorageError(
                    f"{requirement}: no archive can be made ({error.strerror or error})",
                    hint="check the space and the rights in the temporary directory",
                    origin=requirement.origin,
                ) from error
            self._recollection.put(key, blob.sha256)
        return blob

    def _make(self, requirement: Git, key: str) -> Blob:
        # Most runs have no git requirement, or find its archive in the cache.
        from cachi2ish.git.archive import archived  # noqa: PLC0415
        from cachi2ish.git.clone import cloned, fetch_commit  # noqa: PLC0415
        from cachi2ish.git.git_errors import subject  # noqa: PLC0415

        source = remote(requirement.url, local=requirement.url.scheme == "file")
        about = subject(str(requirement), source, requirement.commit, requirement.origin)
        with cloned(self._command, about, self._scratch) as clone:
            whole = fetch_commit(clone)
            top = f"{requirement.project}-{requirement.commit}"
            with (
                archived(clone, top=top, subdirectory=requirement.subdirectory, whole=whole) as chunks,
                self._blobs.writer(key, ["sha256"]) as writer,
            ):
                if writer.offset:
                    writer.restart()
                for chunk in chunks:
                    writer.write(chunk)
                return writer.commit()


def archive_key(requirement: Git) -> str:
    """Return what an archive is remembered by: all that its bytes depend on, and no credential."""
    where = requirement.subdirectory or ""
    return "\n".join(
        (
            "git-archive",
            FORMAT,
            requirement.project,
            requirement.commit,
            where,
            normalised(requirement.url.with_credentials),
        ),
    )
