"""Several failures arrive together, and the gravest decides the exit status."""

from __future__ import annotations

import pytest

from cachi2ish.errors import (
    Cachi2ishError,
    DigestMismatchError,
    ErrorGroup,
    ExitCode,
    LockFileError,
    NetworkError,
    Origin,
    exit_code_of,
    leaves,
    raise_all,
)


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


def test_leaves_of_a_single_error() -> None:
    error = NetworkError("x")
    assert leaves(error) == (error,)
    assert exit_code_of(error) is ExitCode.NETWORK
