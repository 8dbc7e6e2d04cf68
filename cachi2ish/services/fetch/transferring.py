"""Stage "transfer": files come into the cache, whole, verified, and being the distribution they claim to be.

Transfers start while other requirements are still being chosen, and each file is handed on as soon as it has
arrived, to be copied into the staging directory (see ``placing``). That is harmless: the cache is addressed by
content, and nothing is published before every stage has ended well.

With it: what another file makes up for.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from datetime import datetime
from math import inf
from threading import Lock
from types import TracebackType
from typing import Self

from msgspec import Struct, field

from cachi2ish.core.artifacts import Artifact
from cachi2ish.core.choose.choice import Choice, ChosenFiles
from cachi2ish.core.choose.explain import warning_of
from cachi2ish.core.digests import any_strong
from cachi2ish.core.outputs import name_of_url
from cachi2ish.core.pages import IndexFile
from cachi2ish.core.requirements import Git, Pinned, Requirement, Url
from cachi2ish.errors import (
    Cachi2ishError,
    DigestMismatchError,
    NotCachedError,
    NotLockedError,
    UnavailableError,
    raise_all,
)
from cachi2ish.services.fetch.failures import failures_of_transfers, position
from cachi2ish.services.fetch.identifying import Fetched
from cachi2ish.services.fetch.jobs import FileJob, GitJob, Means, anywhere, artifact_of
from cachi2ish.services.fetch.scheduler import Outcome, Scheduler
from cachi2ish.services.progress import Reporter

#: So many outcomes are kept before those that have ended well are released.
_RELEASE_AFTER = 100


class Chosen(Struct, eq=False):
    """A choice whose files are on their way. Not safe for threads.

    first: as it was made; choice: as it is by now. kept: what `Transfers.submit_choice` has returned of it.
    dispensed: the files that it had to do without, and why. possible: whether it can.
    """

    first: Choice
    choice: Choice
    kept: ChosenFiles
    dispensed: list[tuple[IndexFile, Cachi2ishError]] = field(default_factory=list)
    possible: bool = True

    @classmethod
    def of(cls, choice: Choice) -> Chosen:
        """Return ``choice`` as it begins."""
        return cls(choice, choice, ChosenFiles.of(choice))

    def without(self, file: IndexFile, error: Cachi2ishError) -> tuple[tuple[IndexFile, str], ...]:
        """Do without ``file``; return the files to fetch in its place, each with its index."""
        before = set(self.choice.files)
        self.dispensed.append((file, error))
        try:
            self.choice = self.choice.without(file)
        except UnavailableError:
            self.possible = False
        return tuple(pair for pair in self.choice.listed if pair[0] not in before) if self.possible else ()

    def report(self, reporter: Reporter) -> None:
        """Tell what was left out, and what else is there to be told of what came in its place."""
        origin = self.choice.requirement.origin
        for file, error in self.dispensed:
            if isinstance(error, NotLockedError) and not any_strong(file.digests):
                reporter.warning(
                    f"{origin}: {file.filename} is left out: the requirement names no hash of it, and its index"
                    " states none"
                )
            else:
                reporter.debug(f"not taken: {error}")
        for warning in self.choice.warnings:
            if warning not in self.first.warnings:
                reporter.warning(f"{origin}: {warning_of(warning)}")


def may_be_left_out(error: BaseException | None) -> bool:
    """Return whether a transfer has failed because the lock names another file, or may name another one."""
    return isinstance(error, NotLockedError) or (isinstance(error, NotCachedError) and error.dispensable)


def all_needed(choice: Choice, errors: Sequence[tuple[IndexFile, Cachi2ishError]]) -> Iterator[Cachi2ishError]:
    """Yield those of ``errors`` that count: none as long as ``choice`` can do without the files."""
    chosen = Chosen.of(choice)
    for file, error in errors:
        chosen.without(file, error)
    if not chosen.possible:
        yield from (error for _, error in errors)


class _Outcome(Struct, frozen=True, gc=False):
    """What is awaited. key: of the job.

    chosen, file: what it was chosen for, and as which file of the page; None where no other can take its place.
    """

    requirement: Requirement
    key: Hashable
    future: Outcome[Fetched]
    chosen: Chosen | None
    file: IndexFile | None


class Transfers:
    """The transfers of one run. Use as a context manager; `wait` for the outcome."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._scheduler = Scheduler(means.concurrency)
        self._lock = Lock()
        self._outcomes: list[_Outcome] = []
        self._fetched: list[Fetched] = []  # of those that have ended well, see `_release_finished`
        self._limit: float = _RELEASE_AFTER
        self._expected: set[Hashable] = set()
        self._changed: dict[ChosenFiles, Chosen] = {}  # choices that had to do without a file

    def __enter__(self) -> Self:
        self._scheduler.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scheduler.__exit__(kind, error, trace)
        if kind is None:
            self._changed.clear()
            self._expected.clear()

    def submit_choice(self, choice: Choice) -> ChosenFiles:
        """Start fetching the files that were chosen for a pinned requirement; return what is to be kept of it."""
        chosen = Chosen.of(choice)
        replaceable = None if choice.page is None else chosen
        for file, index in choice.listed:
            self._submit_listed(choice.requirement, file, index, replaceable)
        return chosen.kept

    def submit_url(self, requirement: Url) -> None:
        """Start fetching the file of a URL requirement; raises `LockFileError` for an impossible name."""
        artifact = Artifact(
            filename=name_of_url(requirement),
            url=requirement.url,
            digests=frozenset({requirement.digest}),
            origin=requirement.origin,
        )
        self._submit(self._file_job(requirement, artifact))

    def submit_git(self, requirement: Git) -> None:
        """Start archiving a git commit."""
        self._submit(GitJob(requirement=requirement, means=self._means))

    def settled(self, choices: Iterable[ChosenFiles]) -> tuple[ChosenFiles, ...]:
        """Return the choices as they have turned out. choices: as `submit_choice` has returned them."""
        return tuple(ChosenFiles.of(self._changed[one].choice) if one in self._changed else one for one in choices)

    def wait(self) -> tuple[Fetched, ...]:
        """Return all files once they are there, sorted; raises all failures at once when the rest is done."""
        with self._lock:
            self._limit = inf  # wait() walks the list while it grows: no entry may leave it
            fetched, self._fetched = self._fetched, []
        errors: list[tuple[Requirement, Cachi2ishError]] = []
        self._scheduler.lend(self._means.spare_work)
        for one in self._outcomes:  # it grows where another file takes the place of one
            try:
                fetched.append(one.future.result())
            except Cachi2ishError as error:
                if one.chosen is None or one.file is None or not may_be_left_out(error):
                    errors.append((one.requirement, error))
                    continue
                self._changed[one.chosen.kept] = one.chosen
                for file, index in one.chosen.without(one.file, error):
                    self._submit_listed(one.chosen.first.requirement, file, index, one.chosen)
        for chosen in self._changed.values():
            if chosen.possible:
                chosen.report(self._means.reporter)
            else:
                errors += ((chosen.first.requirement, error) for _, error in chosen.dispensed)
        raise_all(failures_of_transfers(errors))
        self._outcomes.clear()
        return tuple(sorted(fetched, key=lambda one: (one.filename, position(one.requirement))))

    def mismatches(self) -> tuple[Cachi2ishError, ...]:
        """Return the files that have arrived by now and are not what was promised, in reading order."""
        with self._lock:
            outcomes = tuple(self._outcomes)
        ended = (one for one in outcomes if one.future.done())
        wrong = {
            one.key: error for one in ended if isinstance(error := one.future.exception(), DigestMismatchError)
        }
        # The first of all that need a file is its place, whether its future has ended by now or not.
        met = [(one, wrong[one.key]) for one in outcomes if one.key in wrong]
        errors: list[tuple[Requirement, Cachi2ishError]] = [
            (one.requirement, error) for one, error in met if one.chosen is None or not may_be_left_out(error)
        ]
        for chosen in dict.fromkeys(one.chosen for one, _ in met if one.chosen is not None):
            of_choice = [(one.file, error) for one, error in met if one.chosen is chosen and one.file is not None]
            dispensable = [(file, error) for file, error in of_choice if may_be_left_out(error)]
            errors += ((chosen.first.requirement, error) for error in all_needed(chosen.first, dispensable))
        return tuple(failures_of_transfers(errors))

    def _submit_listed(self, requirement: Pinned, file: IndexFile, index: str, chosen: Chosen | None) -> None:
        job = self._file_job(requirement, artifact_of(requirement, file), index or None, file.upload_time)
        self._submit(job, chosen, None if chosen is None else file)

    def _file_job(
        self,
        requirement: Pinned | Url,
        artifact: Artifact,
        index: str | None = None,
        upload_time: datetime | None = None,
    ) -> FileJob:
        return FileJob(
            requirement=requirement,
            key=anywhere(artifact),
            index=index,
            upload_time=upload_time,
            means=self._means,
            abandoned=self._scheduler.abandoned,
        )

    def _submit(self, job: FileJob | GitJob, chosen: Chosen | None = None, file: IndexFile | None = None) -> None:
        key = job.key
        with self._lock:
            new = key not in self._expected
            self._expected.add(key)
            self._outcomes.append(_Outcome(job.requirement, key, self._scheduler.submit(job), chosen, file))
            if len(self._outcomes) > self._limit:
                self._release_finished()
        if new:
            self._means.reporter.progress.add_file(job.size)

    def _release_finished(self) -> None:
        """Keep of what has ended well the file alone: what it was asked for and by whom weighs as much again."""
        left: list[_Outcome] = []
        for one in self._outcomes:
            if one.future.done() and one.future.exception() is None:
                self._fetched.append(one.future.result())
            else:
                left.append(one)
        self._outcomes = left
        self._limit = 2 * len(left) + _RELEASE_AFTER
