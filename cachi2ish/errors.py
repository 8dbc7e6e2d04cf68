"""Every way in which cachi2ish can fail: facts as fields, a hint, an exit code.

There is one tree. Each class stands for one kind of failure and has one exit code, so that a pipeline can
tell a tampered file from a slow network without reading text. The codes are part of the interface
(``docs/reference/exit-codes.md``) and never change meaning.

An error does not change once it is made: threads may share it. What another place or other words need is a copy.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from typing import ClassVar, Final, NamedTuple, Self

from cachi2ish.advice import Hint, Place
from cachi2ish.exit_codes import GRAVITY, ExitCode


class Origin(NamedTuple):
    """Where a statement of the user stands. A tuple, as ``--help`` loads it; compared with other origins only.

    ``file`` is the path as the user would type it (relative to the source directory, POSIX separators);
    ``line`` counts from 1 and is None for the file as a whole.
    """

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


class Cachi2ishError(Exception):
    """What all errors of this program have in common.

    problem: one sentence, no final full stop: what is wrong, with the values that make it so.
    hint: what to do about it, one sentence or a `Hint`, or None where nothing helpful can be said.
    origin: the place that the user can go to and edit, or None.
    cause: equal for errors of one class that are one and the same failure, whatever met it; it is compared and
    not shown. None where there is only this one.

    Neither text may hold a credential: addresses are redacted before they come here.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.INTERNAL

    #: Whether the line of a requirement that meets it can mend it.
    of_requirement: ClassVar[bool] = True

    def __init__(
        self, problem: str, *, hint: str | None = None, origin: Origin | None = None, cause: Hashable = None
    ) -> None:
        super().__init__(problem)
        self.problem: Final = problem
        self.hint: Final = hint
        self.origin: Final = origin
        self.cause: Final = cause

    def __str__(self) -> str:
        return self.problem if self.origin is None else f"{self.origin}: {self.problem}"

    def at(self, origin: Origin | None) -> Self:
        """Return the same error at another place."""
        copy = self._copy(origin=origin)
        copy.__cause__, copy.__context__ = self.__cause__, self.__context__
        copy.__suppress_context__ = self.__suppress_context__
        return copy.with_traceback(self.__traceback__)

    def reworded(self, problem: str, hint: str | None = None) -> Self:
        """Return the same error in other words, without what it came of: that may hold what the words must not."""
        return self._copy(problem=problem, hint=hint or self.hint)

    def _copy(self, **changed: object) -> Self:
        fields = {**vars(self), **changed}
        copy = type(self).__new__(type(self), fields["problem"])
        vars(copy).update(fields)
        return copy


class InputError(Cachi2ishError):
    """The JSON input, a path that it names, or a setting is wrong."""

    exit_code = ExitCode.INPUT
    of_requirement = False


class UnknownLockError(InputError):
    """A file has a name that no lock file has."""


class UsageError(InputError):
    """The command line cannot be understood: an option has a value that it cannot have, or an argument is missing.

    The same value in a file is an `InputError`, since there it is a setting that is wrong.
    """

    exit_code = ExitCode.USAGE


class LockFileError(Cachi2ishError):
    """A lock file is malformed, or asks for something that cannot be prefetched."""

    exit_code = ExitCode.LOCKFILE


class UnavailableError(Cachi2ishError):
    """No index has the project or the version, or it has no file that may be taken."""

    exit_code = ExitCode.UNAVAILABLE


class ProjectNotFoundError(UnavailableError):
    """An index has no page for a project (HTTP 404 or 410).

    said: why, in the words of the index; "" where it says no more than that.
    """

    def __init__(self, project: str, index: str, said: str = "", hint: str = Hint.NAME_INDEX_OF_PROJECT) -> None:
        problem = f"{project} is not on {index}"
        super().__init__(f"{problem}: {said}" if said else problem, hint=hint, cause=(project, index))
        self.project: Final = project
        self.index: Final = index
        self.said: Final = said


class AccessError(UnavailableError):
    """A host refuses the user name and password that it was given, or asks for them.

    Its cause is the host: the same is to be expected of whatever else is asked of it.
    """


class ForbiddenError(AccessError):
    """An index answers HTTP 403 for a page, as S3 and CloudFront do for one that is not there."""


class AfterIndexDateError(UnavailableError):
    """A project or a version is there today, and was not at the index date.

    index: the address of the index that has it. lock: the lock file that names its files, "" for none.
    """

    def __init__(self, problem: str, *, hint: Hint, origin: Origin | None, index: str, lock: str) -> None:
        super().__init__(problem, hint=hint, origin=origin)
        self.index: Final = index
        self.lock: Final = lock


class NotCachedError(UnavailableError):
    """The cache does not have something, and nothing else may be asked (``--offline``).

    dispensable: whether, with a network, the file might have proved to be one that the lock file does not
    name; another file of the same requirement serves then.
    """

    def __init__(
        self,
        problem: str,
        *,
        hint: str | None = None,
        origin: Origin | None = None,
        cause: Hashable = None,
        dispensable: bool = False,
    ) -> None:
        super().__init__(problem, hint=hint or Hint.FILL_CACHE, origin=origin, cause=cause)
        self.dispensable: Final = dispensable


class NetworkError(Cachi2ishError):
    """A server could not be reached, or went on failing after all retries."""

    exit_code = ExitCode.NETWORK


class HostError(NetworkError):
    """A failure of a host as a whole, which has a cause: it would be the same for whatever else is asked of it."""


class DigestMismatchError(Cachi2ishError):
    """The bytes that arrived are not the bytes that the lock file or the index promised."""

    exit_code = ExitCode.DIGEST


class NotLockedError(DigestMismatchError):
    """The file is what the index promised, but none of the digests in the lock file is its digest.

    Until its bytes have arrived that cannot be known where the two use different algorithms.
    """


class DistributionError(Cachi2ishError):
    """An archive cannot be read, is unsafe to unpack, or is another distribution than its name says."""

    exit_code = ExitCode.DISTRIBUTION


class GitError(Cachi2ishError):
    """A git repository cannot be cloned, or does not have the commit."""

    exit_code = ExitCode.GIT


class StorageError(Cachi2ishError):
    """A file or directory cannot be read or written: missing, no rights, no space.

    place: where another place would help, the one that it would be instead of: the hint then ends with "choose
    another place" or the like, and a front end says how.
    """

    exit_code = ExitCode.STORAGE

    def __init__(
        self,
        problem: str,
        *,
        hint: str | None = None,
        origin: Origin | None = None,
        cause: Hashable = None,
        place: Place | None = None,
    ) -> None:
        super().__init__(problem, hint=hint, origin=origin, cause=cause)
        self.place: Final = place

    def instead_of(self, place: Place) -> Self:
        """Return the same error where another option names the place."""
        return self._copy(place=place)


class DisprovedError(Cachi2ishError):
    """An output was written, and an offline install from it will fail (``--verify``)."""

    exit_code = ExitCode.DISPROVED
    of_requirement = False


class UnprovedError(Cachi2ishError):
    """An output was written, and nobody can say whether it is enough for an offline install (``--verify``)."""

    exit_code = ExitCode.UNPROVED
    of_requirement = False


def gravity(error: Cachi2ishError) -> int:
    """Return the place of a single error in the order in which errors decide the exit status: 0 is the gravest."""
    return GRAVITY.index(error.exit_code)


class ErrorGroup(Cachi2ishError):
    """All the errors of one stage, in the order in which a reader of the files meets them."""

    def __init__(self, errors: Iterable[Cachi2ishError]) -> None:
        self.errors: Final[tuple[Cachi2ishError, ...]] = tuple(leaf for error in errors for leaf in leaves(error))
        super().__init__("\n".join(str(error) for error in self.errors))

    @property
    def gravest(self) -> ExitCode:
        """The exit code of the whole: that of its gravest member."""
        return min(self.errors, key=gravity).exit_code


@contextmanager
def located(origin: Origin | None) -> Iterator[None]:
    """Give the errors of the block, where they have no place, this one."""
    try:
        yield
    except Cachi2ishError as error:
        if error.origin is not None or origin is None or not error.of_requirement:
            raise
        raise error.at(origin) from error.__cause__


def leaves(error: Cachi2ishError) -> tuple[Cachi2ishError, ...]:
    """Return the single errors that ``error`` consists of: itself, or the members of a group."""
    return error.errors if isinstance(error, ErrorGroup) else (error,)


def exit_code_of(error: Cachi2ishError) -> ExitCode:
    """Return the exit status that ``error`` gives to the process."""
    return error.gravest if isinstance(error, ErrorGroup) else error.exit_code


def raise_all(errors: Iterable[Cachi2ishError]) -> None:
    """Raise nothing for no error, the error itself for one, and an `ErrorGroup` for several."""
    found = tuple(leaf for error in errors for leaf in leaves(error))
    if len(found) == 1:
        raise found[0]
    if found:
        raise ErrorGroup(found)
