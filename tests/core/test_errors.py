"""Several failures arrive together, and the gravest decides the exit status."""

from __future__ import annotations

import pytest

from cachi2ish.advice import Hint, Place
from cachi2ish.errors import (
    AfterIndexDateError,
    Cachi2ishError,
    DigestMismatchError,
    ErrorGroup,
    HostError,
    LockFileError,
    NetworkError,
    NotCachedError,
    Origin,
    ProjectNotFoundError,
    StorageError,
    exit_code_of,
    leaves,
    located,
    raise_all,
)
from cachi2ish.exit_codes import ExitCode

PLACE = Origin("requirements.txt", 7)


def every_error_class(root: type[Cachi2ishError] = Cachi2ishError) -> list[type[Cachi2ishError]]:
    return [root, *(found for child in root.__subclasses__() for found in every_error_class(child))]


def test_no_error_raises_nothing() -> None:
    raise_all([])


def test_one_error_is_raised_as_it_is() -> None:
    with pytest.raises(NetworkError, match="slow"):
        raise_all([NetworkError("slow")])


def test_several_errors_keep_their_order_and_groups_are_flattened() -> None:
    first, second, third = LockFileError("a"), NetworkError("b"), NetworkError("c")
    with pytest.raises(ErrorGroup) as caught:
        raise_all([ErrorGroup([first, second]), third])
    assert caught.value.errors == (first, second, third)


def test_a_tampered_file_decides_over_a_slow_network() -> None:
    group = ErrorGroup([NetworkError("slow"), DigestMismatchError("tampered"), LockFileError("typo")])
    assert exit_code_of(group) is ExitCode.DIGEST


@pytest.mark.parametrize("code", set(ExitCode) - {ExitCode.OK, ExitCode.INTERRUPTED, ExitCode.TERMINATED})
def test_every_exit_code_of_an_error_can_be_weighed(code: ExitCode) -> None:
    class Failure(Cachi2ishError):
        exit_code = code

    assert exit_code_of(ErrorGroup([Failure("x")])) is code


def test_an_error_names_its_place() -> None:
    assert str(LockFileError("no pin", origin=Origin("requirements.txt", 7))) == "requirements.txt:7: no pin"
    assert str(LockFileError("no pin", origin=Origin("requirements.txt"))) == "requirements.txt: no pin"


def every_kind() -> list[Cachi2ishError]:
    """Return an error of each class, with all the fields that it can have."""
    plain = [kind for kind in every_error_class() if kind.__init__ is Cachi2ishError.__init__]
    return [
        *(kind("wrong", hint="mend it") for kind in plain),
        ProjectNotFoundError("apple", "https://index.example/simple/"),
        AfterIndexDateError("late", hint=Hint.ALLOW_UNTIMED, origin=None, index="https://x.example/", lock="lock"),
        NotCachedError("not here", dispensable=True),
        HostError("gone", cause=("host", "unreached"), hint="wait"),
        StorageError("full", hint="choose another place", place=Place.CACHE, cause=28),
    ]


def test_the_example_of_every_class_is_there() -> None:
    assert {type(error) for error in every_kind()} == set(every_error_class()) - {ErrorGroup}


@pytest.mark.parametrize("error", every_kind(), ids=lambda error: type(error).__name__)
def test_an_error_at_another_place_is_a_copy_with_all_that_it_knows(error: Cachi2ishError) -> None:
    before = dict(vars(error))
    cause = ValueError("why")
    try:
        raise error from cause
    except Cachi2ishError as caught:
        other = caught.at(PLACE)
    assert vars(error) == before
    assert type(other) is type(error)
    assert vars(other) == {**before, "origin": PLACE}
    assert str(other) == f"{PLACE}: {error.problem}"
    assert (other.args, other.__cause__, other.__traceback__) == (error.args, cause, error.__traceback__)


@pytest.mark.parametrize("error", every_kind(), ids=lambda error: type(error).__name__)
def test_an_error_in_other_words_keeps_its_facts_and_not_what_it_came_of(error: Cachi2ishError) -> None:
    error.__cause__ = ValueError("s3cret")
    other = error.reworded("****")
    assert vars(other) == {**vars(error), "problem": "****"}
    assert type(other) is type(error)
    assert "s3cret" not in f"{other!r} {other.args} {other.__cause__} {other.__context__}"


def test_a_block_gives_its_place_to_errors_that_have_none() -> None:
    error = HostError("gone", cause="x")
    with pytest.raises(HostError) as caught, located(PLACE):
        raise error
    assert (caught.value.origin, caught.value.cause, error.origin) == (PLACE, "x", None)
    own = LockFileError("no pin", origin=Origin("other.txt", 1))
    with pytest.raises(LockFileError) as kept, located(PLACE):
        raise own
    assert kept.value is own


def test_leaves_of_a_single_error() -> None:
    error = NetworkError("x")
    assert leaves(error) == (error,)
    assert exit_code_of(error) is ExitCode.NETWORK
