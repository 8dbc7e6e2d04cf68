"""Stage "transfer": files come into the cache, whole, verified, and being the distribution they claim to be.

Transfers start while other requirements are still being chosen, and each file is handed on as soon as it has
arrived, to be copied into the staging directory (see ``placing``). That is harmless: the cache is addressed by
content, and nothing is published before every stage has ended well.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Event, Lock
from types import TracebackType
from typing import Self

from cachi2ish.core.artifacts import Artifact, Blob
from cachi2ish.core.choose.choice import Choice
from cachi2ish.core.digests import comparable, strong
from cachi2ish.core.pages import IndexFile
from cachi2ish.core.placement import name_of_git, name_of_url
from cachi2ish.core.requirements import Git, Pinned, Requirement, Url
from cachi2ish.core.urls import Address
from cachi2ish.errors import Cachi2ishError, DigestMismatchError, Origin, raise_all
from cachi2ish.git.interface import Repositories
from cachi2ish.http.interface import Downloader
from cachi2ish.sdists.interface import Identity
from cachi2ish.services.fetch.failures import failures_of_transfers, position
from cachi2ish.services.fetch.identifying import Fetched
from cachi2ish.services.fetch.scheduler import Scheduler
from cachi2ish.services.reporter import Arrival, Reporter, under_way

#: Artifacts of several requirements are the same file whatever line asks for it.
_ANYWHERE = Origin("")


class _AbandonedError(Cachi2ishError):
    """Ends a transfer whose outcome nobody waits for any more; what has arrived is kept and taken up again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What transfers use.

    identify: tells what a file says it is, and raises where that is not what was asked for.
    on_file: is given each file that is finished, by the name it will have, from many threads.
    concurrency: files under way at once.
    """

    downloader: Downloader
    repositories: Repositories
    identify: Callable[[Requirement, Blob, str], Identity | None]
    reporter: Reporter
    on_file: Callable[[str, Blob], None]
    concurrency: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _FileJob:
    """A file at an address. index, upload_time: of one that an index lists. abandoned: set when nobody waits."""

    requirement: Pinned | Url
    artifact: Artifact
    index: str | None = None
    upload_time: datetime | None = None
    means: Means = field(repr=False)
    abandoned: Event = field(repr=False)

    @property
    def key(self) -> Artifact:
        """The artifact, whoever asks for it."""
        return replace(self.artifact, origin=_ANYWHERE)

    @property
    def size(self) -> int | None:
        """Bytes as the index states them."""
        return self.artifact.size

    def bring(self) -> Blob:
        """Return the file, from the cache or from its server."""
        received, size, reporter = 0, self.artifact.size, self.means.reporter

        def on_size(declared: int) -> None:
            nonlocal size
            if declared != size:
                reporter.resize(size, declared)
                size = declared

        def advance(more: int) -> None:
            nonlocal received
            if self.abandoned.is_set():
                raise _AbandonedError("the run has failed elsewhere")
            received += more
            reporter.advance(more)

        with under_way(self.artifact.filename, reporter):
            blob = self.means.downloader.fetch(self.artifact, advance, on_size)
        if size is not None:
            on_size(blob.size)
        reporter.arrived(
            Arrival(
                filename=self.artifact.filename,
                size=blob.size,
                sha256=blob.sha256,
                cached=not received,
                received=received,
                announced=size is not None,
                host=self.artifact.url.host,
                url=self.artifact.url.redacted,
                index=self.index,
            )
        )
        return blob

    def finish(self, brought: Blob) -> Fetched:
        """Look into the file, and hand it on."""
        identity = self.means.identify(self.requirement, brought, self.artifact.filename)
        self.means.on_file(self.artifact.filename, brought)
        return Fetched(
            requirement=self.requirement,
            filename=self.artifact.filename,
            url=self.artifact.url.redacted,
            index=self.index,
            blob=brought,
            digests=tuple(sorted({brought.digest, *strong(self.artifact.digests)})),
            verified=self.artifact.verifiable,
            identity=identity,
            upload_time=self.upload_time,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _GitJob:
    """A commit as an archive."""

    requirement: Git
    means: Means = field(repr=False)

    @property
    def key(self) -> tuple[Address, str, str, str | None]:
        """What the archive depends on."""
        one = self.requirement
        return one.url, one.commit, one.project, one.subdirectory

    @property
    def size(self) -> None:
        """Not known before the archive is made."""
        return

    def bring(self) -> Blob:
        """Return the archive, from the cache or made of what the repository sends."""
        found = self.means.repositories.find(self.requirement)
        with under_way(name_of_git(self.requirement), self.means.reporter):
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
        return blob

    def finish(self, brought: Blob) -> Fetched:
        """Look into the archive, and hand it on."""
        filename = name_of_git(self.requirement)
        identity = self.means.identify(self.requirement, brought, filename)
        self.means.on_file(filename, brought)
        return Fetched(
            requirement=self.requirement,
            filename=filename,
            url=self.requirement.url.redacted,
            blob=brought,
            digests=(brought.digest,),
            verified=True,
            identity=identity,
        )


class Transfers:
    """The transfers of one run. Use as a context manager; `wait` for the outcome."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._scheduler = Scheduler(means.concurrency)
        self._lock = Lock()
        self._outcomes: list[tuple[Requirement, Hashable, Future[Fetched]]] = []  # with the key of the job
        self._expected: set[Hashable] = set()
        self._each_needed: set[Requirement] = set()

    def __enter__(self) -> Self:
        self._scheduler.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scheduler.__exit__(kind, error, trace)

    def submit_choice(self, choice: Choice) -> None:
        """Start fetching the files that were chosen for a pinned requirement."""
        if choice.by_target:  # what serves one target does not serve another
            with self._lock:
                self._each_needed.add(choice.requirement)
        for file, index in choice.listed:
            artifact = _index_artifact(choice.requirement, file)
            self._submit_file(choice.requirement, artifact, index or None, file.upload_time)

    def submit_url(self, requirement: Url) -> None:
        """Start fetching the file of a URL requirement; raises `LockFileError` for an impossible name."""
        artifact = Artifact(
            filename=name_of_url(requirement),
            url=requirement.url,
            digests=frozenset({requirement.digest}),
            origin=requirement.origin,
        )
        self._submit_file(requirement, artifact)

    def submit_git(self, requirement: Git) -> None:
        """Start archiving a git commit."""
        self._submit(_GitJob(requirement=requirement, means=self._means))

    def wait(self) -> tuple[Fetched, ...]:
        """Return all files once they are there, sorted; raises all failures at once when the rest is done."""
        fetched: list[Fetched] = []
        errors: list[tuple[Requirement, Cachi2ishError]] = []
        for requirement, _, future in self._outcomes:
            try:
                fetched.append(future.result())
            except Cachi2ishError as error:
                errors.append((requirement, error))
        served = {one.requirement for one in fetched} - self._each_needed
        raise_all(failures_of_transfers(errors, served, self._means.reporter.debug))
        return tuple(sorted(fetched, key=lambda one: (one.filename, position(one.requirement))))

    def mismatches(self) -> tuple[Cachi2ishError, ...]:
        """Return the files that have arrived by now and are not what was promised, in reading order."""
        with self._lock:
            outcomes = tuple(self._outcomes)
        ended = ((key, future) for _, key, future in outcomes if future.done() and not future.cancelled())
        wrong = {key: one for key, future in ended if isinstance(one := future.exception(), DigestMismatchError)}
        # The first of all that need a file is its place, whether its future has ended by now or not.
        errors = ((requirement, wrong[key]) for requirement, key, _ in outcomes if key in wrong)
        return tuple(failures_of_transfers(errors, (), self._means.reporter.debug))

    def _submit_file(
        self,
        requirement: Pinned | Url,
        artifact: Artifact,
        index: str | None = None,
        upload_time: datetime | None = None,
    ) -> None:
        self._submit(
            _FileJob(
                requirement=requirement,
                artifact=artifact,
                index=index,
                upload_time=upload_time,
                means=self._means,
                abandoned=self._scheduler.abandoned,
            )
        )

    def _submit(self, job: _FileJob | _GitJob) -> None:
        with self._lock:
            new = job.key not in self._expected
            self._expected.add(job.key)
            self._outcomes.append((job.requirement, job.key, self._scheduler.submit(job)))
        if new:
            self._means.reporter.expect(job.size)


def _index_artifact(requirement: Pinned, file: IndexFile) -> Artifact:
    # Where lock file and index state digests of the same kind, choosing has compared them already, and those
    # of the index are proved. Else the file itself must show that the lock file means it.
    compared = comparable(requirement.digests, file.digests)
    return Artifact(
        filename=file.filename,
        url=Address(file.url),
        digests=file.digests,
        allowed=frozenset() if compared else requirement.digests,
        size=file.size,
        origin=requirement.origin,
    )
