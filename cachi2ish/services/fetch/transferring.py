"""Stage "transfer": files come into the cache, whole, verified, and being the distribution they claim to be.

Transfers start while other requirements are still being chosen, and each file is handed on as soon as it has
arrived, to be copied into the staging directory (see ``placing``). That is harmless: the cache is addressed by
content, and nothing is published before every stage has ended well.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import replace
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
from cachi2ish.core.urls import host_of, redact
from cachi2ish.errors import Cachi2ishError, DigestMismatchError, Origin, raise_all
from cachi2ish.sdists.interface import Identity
from cachi2ish.services.fetch.identifying import Fetched, identify
from cachi2ish.services.fetch.ports import Network, Ports
from cachi2ish.services.fetch.scheduler import LargestFirst
from cachi2ish.services.fetch.transfer_errors import position, those_that_count
from cachi2ish.services.reporter import Arrival, Reporter

#: Seconds that transfers have to end by themselves once nobody waits for their outcome: time to end a git process
#: and to remove temporary files, and no time for a server that is silent.
_GRACE = 2.0

#: Threads that look into files and copy them. That is work for the processor, and more threads at it would take
#: turns away from those that read pages, so that it is known late which files there are to fetch.
_FINISHERS = 2

#: Artifacts of several requirements are the same file whatever line asks for it.
_ANYWHERE = Origin("")


class _AbandonedError(Cachi2ishError):
    """Ends a transfer whose outcome nobody waits for any more; what has arrived is kept and taken up again."""


class Transfers:
    """The transfers of one run. Use as a context manager; `wait` for the outcome.

    arrived: is given each file, by the name it will have, from many threads.
    """

    def __init__(
        self, network: Network, ports: Ports, reporter: Reporter, arrived: Callable[[str, Blob], None]
    ) -> None:
        self._network = network
        self._ports = ports
        self._reporter = reporter
        self._arrived = arrived
        self._fetching = LargestFirst(ports.concurrency)
        self._finishing = ThreadPoolExecutor(_FINISHERS, thread_name_prefix="finish")
        self._lock = Lock()
        self._abandoned = Event()
        self._outcomes: list[tuple[Requirement, Future[Fetched]]] = []
        self._steps: list[Future[None]] = []
        self._blobs: dict[Hashable, Future[Blob]] = {}
        self._expected: set[Hashable] = set()
        self._each_needed: set[Requirement] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._fetching.shutdown()
            self._finishing.shutdown()
            return
        self._abandoned.set()
        self._fetching.abandon()
        self._finishing.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            running = tuple(self._steps)
        wait_for(running, timeout=_GRACE)

    def submit_choice(self, choice: Choice) -> None:
        """Start fetching the files that were chosen for a pinned requirement."""
        if choice.by_target:  # what serves one target does not serve another
            with self._lock:
                self._each_needed.add(choice.requirement)
        for file in choice.files:
            artifact = _index_artifact(choice.requirement, file)
            self._submit(choice.requirement, artifact, choice.index or None, file.upload_time)

    def submit_url(self, requirement: Url) -> None:
        """Start fetching the file of a URL requirement; raises `LockFileError` for an impossible name."""
        artifact = Artifact(
            filename=name_of_url(requirement),
            url=requirement.url,
            digests=frozenset({requirement.digest}),
            origin=requirement.origin,
        )
        self._submit(requirement, artifact)

    def submit_git(self, requirement: Git) -> None:
        """Start archiving a git commit."""
        key = requirement.url, requirement.commit, requirement.project, requirement.subdirectory

        def bring() -> Blob:
            found = self._ports.repositories.find(requirement)
            blob = found or self._ports.repositories.archive(requirement)
            self._reporter.arrived(
                Arrival(
                    filename=name_of_git(requirement),
                    size=blob.size,
                    sha256=blob.sha256,
                    cached=found is not None,
                    received=0,
                    announced=False,
                    host=host_of(requirement.url),
                )
            )
            return blob

        def finish(blob: Blob) -> Fetched:
            filename = name_of_git(requirement)
            return Fetched(
                requirement=requirement,
                filename=filename,
                url=redact(requirement.url),
                blob=blob,
                digests=(blob.digest,),
                verified=True,
                identity=self._identify(requirement, blob, filename),
            )

        self._start(requirement, key, None, bring, finish)

    def wait(self) -> tuple[Fetched, ...]:
        """Return all files once they are there, sorted; raises all failures at once when the rest is done."""
        fetched: list[Fetched] = []
        errors: list[tuple[Requirement, Cachi2ishError]] = []
        for requirement, future in self._outcomes:
            try:
                fetched.append(future.result())
            except Cachi2ishError as error:
                errors.append((requirement, error))
        served = {one.requirement for one in fetched} - self._each_needed
        raise_all(those_that_count(errors, served, self._reporter.debug))
        return tuple(sorted(fetched, key=lambda one: (one.filename, position(one.requirement))))

    def mismatches(self) -> tuple[DigestMismatchError, ...]:
        """Return the files among those that have arrived by now that are not what was promised."""
        with self._lock:
            ended = [future for _, future in self._outcomes if future.done() and not future.cancelled()]
        failures = (future.exception() for future in ended)
        return tuple(dict.fromkeys(one for one in failures if isinstance(one, DigestMismatchError)))

    def _submit(
        self,
        requirement: Pinned | Url,
        artifact: Artifact,
        index: str | None = None,
        upload_time: datetime | None = None,
    ) -> None:
        key = replace(artifact, origin=_ANYWHERE)

        def bring() -> Blob:
            return self._download(artifact, index)

        def finish(blob: Blob) -> Fetched:
            digests = {blob.digest, *strong(artifact.digests)}
            return Fetched(
                requirement=requirement,
                filename=artifact.filename,
                url=redact(artifact.url),
                index=index,
                blob=blob,
                digests=tuple(sorted(digests)),
                verified=artifact.verifiable,
                identity=self._identify(requirement, blob, artifact.filename),
                upload_time=upload_time,
            )

        self._start(requirement, key, artifact.size, bring, finish)

    def _identify(self, requirement: Requirement, blob: Blob, filename: str) -> Identity | None:
        ports = self._ports
        return identify(requirement, blob, filename, ports.sdists, ports.recollection, ports.leniency)

    def _start(
        self,
        requirement: Requirement,
        key: Hashable,
        size: int | None,
        bring: Callable[[], Blob],
        finish: Callable[[Blob], Fetched],
    ) -> None:
        outcome: Future[Fetched] = Future()

        def complete(blob: Blob) -> None:
            try:
                fetched = finish(blob)
                self._arrived(fetched.filename, blob)
            except BaseException as error:  # noqa: BLE001  (it is raised where the outcome is waited for)
                outcome.set_exception(error)
            else:
                outcome.set_result(fetched)

        def fetch() -> None:
            try:
                blob = self._blob(key, bring)
            except BaseException as error:  # noqa: BLE001  (as above)
                outcome.set_exception(error)
            else:
                with self._lock:
                    self._steps.append(self._finishing.submit(complete, blob))

        with self._lock:
            new = key not in self._expected
            self._expected.add(key)
            self._outcomes.append((requirement, outcome))
            self._steps.append(self._fetching.submit(size, fetch))
        if new:
            self._reporter.expect(size)

    def _blob(self, key: Hashable, bring: Callable[[], Blob]) -> Blob:
        # Two requirements may need the same file: the first one brings it, the others wait for it.
        with self._lock:
            known = self._blobs.get(key)
            future = self._blobs.setdefault(key, Future())
        if known is None:
            try:
                future.set_result(bring())
            except BaseException as error:  # noqa: BLE001  (it is raised in every thread that waits)
                future.set_exception(error)
        return future.result()

    def _download(self, artifact: Artifact, index: str | None) -> Blob:
        received = 0

        def advance(size: int) -> None:
            nonlocal received
            if self._abandoned.is_set():
                raise _AbandonedError("the run has failed elsewhere")
            received += size
            self._reporter.advance(size)

        blob = self._network.downloader.fetch(artifact, advance)
        self._reporter.arrived(
            Arrival(
                filename=artifact.filename,
                size=blob.size,
                sha256=blob.sha256,
                cached=not received,
                received=received,
                announced=artifact.size is not None,
                host=host_of(artifact.url),
                index=index,
            )
        )
        return blob


def _index_artifact(requirement: Pinned, file: IndexFile) -> Artifact:
    # Where lock file and index state digests of the same kind, choosing has compared them already, and those
    # of the index are proved. Else the file itself must show that the lock file means it.
    compared = comparable(requirement.digests, file.digests)
    return Artifact(
        filename=file.filename,
        url=file.url,
        digests=file.digests,
        allowed=frozenset() if compared else requirement.digests,
        size=file.size,
        origin=requirement.origin,
    )
