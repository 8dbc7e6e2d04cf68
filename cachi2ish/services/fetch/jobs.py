"""The files of a plan, and the jobs of the stage "transfer": a file of an address, and a commit as an archive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from threading import Event
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from cachi2ish.core.artifacts import Artifact, Blob
from cachi2ish.core.choose.choice import Choice
from cachi2ish.core.digests import Digest, any_strong, comparable, strong
from cachi2ish.core.outputs import name_of_git
from cachi2ish.core.pages import IndexFile
from cachi2ish.core.requirements import Git, Pinned, Requirement, Url
from cachi2ish.core.targets.machine import Target
from cachi2ish.core.urls import Address
from cachi2ish.errors import Cachi2ishError, Origin
from cachi2ish.http.interface import Downloader
from cachi2ish.sdists.interface import Identity
from cachi2ish.services.fetch.identifying import Fetched
from cachi2ish.services.fetch.ports import no_spare_work
from cachi2ish.services.fetch.reading import Reading
from cachi2ish.services.fetch.scheduler import SpareWork
from cachi2ish.services.fetch.targeting import direct_name, requirements_of, serves
from cachi2ish.services.progress import Arrival, PlannedFile, Reporter

if TYPE_CHECKING:
    from cachi2ish.git.interface import Repositories


#: Artifacts of several requirements are the same file whatever line asks for it.
_ANYWHERE = Origin("")

#: Each empty set weighs as much as a full one.
_NO_DIGESTS: frozenset[Digest] = frozenset()


class _AbandonedError(Cachi2ishError):
    """Ends a transfer whose outcome nobody waits for any more; what has arrived is kept and taken up again."""


class Means(Struct, frozen=True, kw_only=True):
    """What transfers use.

    recall: tells what a file of the cache says it is, None where only opening it tells.
    identify: tells it by opening the file, if need be. Both raise where it is not what was asked for.
    on_file: is given each file that is finished, by the name it will have, from many threads.
    concurrency: files under way at once.
    spare_work: returns what threads can do for the last files, None for nothing.
    """

    downloader: Downloader
    repositories: Repositories
    recall: Callable[[Requirement, Blob, str], Identity | None]
    identify: Callable[[Requirement, Blob, str], Identity | None]
    reporter: Reporter
    on_file: Callable[[str, Blob], None]
    concurrency: int
    spare_work: SpareWork = no_spare_work


class Retrieved(Struct, frozen=True, gc=False):
    """A file in the cache. cache_hit: it was there before; then what it says it is may be known too."""

    blob: Blob
    cache_hit: bool


class FileJob(Struct, frozen=True, kw_only=True, gc=False):
    """A file at an address. index, upload_time: of one that an index lists. abandoned: set when nobody waits.

    key: the artifact, whoever asks for it, see `anywhere`. Thousands of jobs may wait.
    """

    requirement: Pinned | Url
    key: Artifact
    index: str | None = None
    upload_time: datetime | None = None
    means: Means
    abandoned: Event

    @property
    def size(self) -> int | None:
        """Bytes as the index states them."""
        return self.key.size

    def bring(self) -> Retrieved:
        """Return the file, from the cache or from its server."""
        artifact = replace(self.key, origin=self.requirement.origin)
        received, size, progress = 0, artifact.size, self.means.reporter.progress

        def on_size(declared: int) -> None:
            nonlocal size
            if declared != size:
                progress.resize(size, declared)
                size = declared

        def advance(more: int) -> None:
            nonlocal received
            if self.abandoned.is_set():
                raise _AbandonedError("the run has failed elsewhere")
            received += more
            progress.advance(more)

        with progress.under_way(artifact.filename):
            blob = _with_digest_of(self.means.downloader.fetch(artifact, advance, on_size), artifact)
        if size is not None:
            on_size(blob.size)
        self.means.reporter.arrived(
            Arrival(
                filename=artifact.filename,
                size=blob.size,
                sha256=blob.sha256,
                cached=not received,
                received=received,
                announced=size is not None,
                host=artifact.url.host,
                url=artifact.url.redacted,
                index=self.index,
            )
        )
        return Retrieved(blob, cache_hit=not received)

    def finish_at_once(self, brought: Retrieved) -> Fetched | None:
        """Hand the file on if it came from the cache and need not be opened."""
        return _finished_at_once(self, self.key.filename, brought)

    def finish(self, brought: Retrieved) -> Fetched:
        """Look into the file, and hand it on."""
        return self.hand_on(brought, self.means.identify(self.requirement, brought.blob, self.key.filename))

    def hand_on(self, brought: Retrieved, identity: Identity | None) -> Fetched:
        """Hand the file on, which says that it is ``identity``."""
        self.means.on_file(self.key.filename, brought.blob)
        return Fetched(
            requirement=self.requirement,
            filename=self.key.filename,
            url=self.key.url.redacted,
            index=self.index,
            blob=brought.blob,
            digests=tuple(sorted({*strong(self.key.digests), brought.blob.digest})),
            verified=self.key.verifiable,
            identity=identity,
            upload_time=self.upload_time,
        )


def anywhere(artifact: Artifact) -> Artifact:
    """Return the same for a requirement of any place."""
    return replace(artifact, origin=_ANYWHERE)


def _with_digest_of(blob: Blob, artifact: Artifact) -> Blob:
    """Return ``blob`` with the text of its digest that ``artifact`` has, if it has it.

    A text for each of thousands of files, which stay until the end, would be there twice.
    """
    promised = (one.value for one in (*artifact.digests, *artifact.allowed))
    return replace(blob, sha256=next((one for one in promised if one == blob.sha256), blob.sha256))


class GitJob(Struct, frozen=True, kw_only=True):
    """A commit as an archive."""

    requirement: Git
    means: Means

    @property
    def key(self) -> tuple[Address, str, str, str | None]:
        """What the archive depends on."""
        one = self.requirement
        return one.url, one.commit, one.project, one.subdirectory

    @property
    def size(self) -> None:
        """Not known before the archive is made."""
        return

    def bring(self) -> Retrieved:
        """Return the archive, from the cache or made of what the repository sends."""
        found = self.means.repositories.find(self.requirement)
        with self.means.reporter.progress.under_way(name_of_git(self.requirement)):
            blob = found or self.means.repositories.archive(self.requirement)
        self.means.reporter.arrived(
            Arrival(
                filename=name_of_git(self.requirement),
                size=blob.size,
                sha256=blob.sha256,
                cached=found is not None,
                received=0,
                announced=False,
                host=self.requirement.url.host,
                url=self.requirement.url.redacted,
            )
        )
        return Retrieved(blob, cache_hit=found is not None)

    def finish_at_once(self, brought: Retrieved) -> Fetched | None:
        """Hand the archive on if it came from the cache and need not be opened."""
        return _finished_at_once(self, name_of_git(self.requirement), brought)

    def finish(self, brought: Retrieved) -> Fetched:
        """Look into the archive, and hand it on."""
        filename = name_of_git(self.requirement)
        return self.hand_on(brought, self.means.identify(self.requirement, brought.blob, filename))

    def hand_on(self, brought: Retrieved, identity: Identity | None) -> Fetched:
        """Hand the archive on, which says that it is ``identity``."""
        filename = name_of_git(self.requirement)
        self.means.on_file(filename, brought.blob)
        return Fetched(
            requirement=self.requirement,
            filename=filename,
            url=self.requirement.url.redacted,
            blob=brought.blob,
            digests=(brought.blob.digest,),
            verified=True,
            identity=identity,
        )


def _finished_at_once(job: FileJob | GitJob, filename: str, brought: Retrieved) -> Fetched | None:
    # Only the few threads of `finish` open files: that may take 150 MB of memory in each of them.
    known = job.means.recall(job.requirement, brought.blob, filename) if brought.cache_hit else None
    return None if known is None else job.hand_on(brought, known)


# A file is planned, and then submitted.
_address = lru_cache(256)(Address)


def artifact_of(requirement: Pinned, file: IndexFile) -> Artifact:
    """Return the file of an index as it has to arrive for a requirement."""
    # Where lock file and index state digests of the same kind, choosing has compared them already, and those
    # of the index are proved. Else the file itself must show that the lock file means it.
    # Equal ones are one object: there are thousands.
    digests = requirement.digests if file.digests == requirement.digests else file.digests
    compared = comparable(requirement.digests, digests)
    return Artifact(
        filename=file.filename,
        url=_address(file.url),
        digests=digests,
        allowed=_NO_DIGESTS if compared else requirement.digests,
        size=file.size,
        origin=requirement.origin,
    )


def files_of_choice(choice: Choice) -> Iterator[PlannedFile]:
    """Yield the files that a pinned requirement has become."""
    requirement = choice.requirement
    for file, index in choice.listed:
        address = _address(file.url)
        yield PlannedFile(
            filename=file.filename,
            url=address.redacted,
            host=address.host,
            name=requirement.project,
            version=requirement.version,
            origin=requirement.origin,
            targets=tuple(one.target for one in choice.by_target if file in one.files),
            size=file.size,
            digests=_digests(file.digests, requirement),
            upload_time=file.upload_time,
            index=index or None,
        )


def files_of_direct(reading: Reading, wanted: Iterable[Url | Git]) -> Iterator[PlannedFile]:
    """Yield the file of each requirement with an address, with the targets of all packages that need it."""
    targets: dict[Url | Git, dict[Target, None]] = {requirement: {} for requirement in wanted}
    for package, requirement in requirements_of(reading):
        if not isinstance(requirement, Pinned) and requirement in targets:
            concerned = (one for one in package.policy.targets if one.wants(requirement.marker))
            targets[requirement] |= {one: None for one in concerned if serves(requirement, one)}
    for requirement, served in targets.items():
        yield PlannedFile(
            filename=direct_name(requirement),
            url=requirement.url.redacted,
            host=requirement.url.host,
            name=requirement.project,
            origin=requirement.origin,
            targets=tuple(served),
            digests=(requirement.digest,) if isinstance(requirement, Url) else (),
            commit=requirement.commit if isinstance(requirement, Git) else None,
        )


def _digests(of_index: frozenset[Digest], requirement: Pinned) -> tuple[Digest, ...]:
    """Return what the index says; where it says nothing strong, also what the lock allows, if that is one."""
    allowed = frozenset() if any_strong(of_index) else strong(requirement.digests)
    return tuple(sorted(of_index | allowed if len(allowed) == 1 else of_index))
