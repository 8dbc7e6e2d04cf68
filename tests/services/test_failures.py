"""Failures: in reading order, and one that is shared stands once, at its first line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cachi2ish.errors import Cachi2ishError, HostError, NetworkError, NotLockedError, Origin, StorageError
from cachi2ish.services.fetch.failures import each_cause_once, failures_of_transfers
from tests.core.one_project import pin

BUILD, EARLY, LATE = (
    replace(pin(), origin=Origin(file, line))
    for file, line in (("requirements-build.txt", 3), ("requirements.txt", 3), ("requirements.txt", 55))
)


def places(*errors: tuple[object, Cachi2ishError]) -> list[str]:
    return [str(error.origin) for error in failures_of_transfers(errors, (), print)]  # type: ignore[arg-type]


def test_a_failure_that_lines_share_is_told_once_at_the_first_of_them() -> None:
    shared = NetworkError("gone", origin=Origin("elsewhere", 1))
    own = NetworkError("gone too", origin=EARLY.origin)
    assert places((LATE, shared), (EARLY, own), (BUILD, shared)) == [
        "requirements-build.txt:3",
        "requirements.txt:3",
    ]


def test_a_full_disk_is_no_line_of_a_file() -> None:
    errors = [(one, StorageError(f"no space for {one}", origin=one.origin, cause="disk")) for one in (BUILD, LATE)]
    assert places(*errors) == ["None"]


def test_failures_that_only_read_alike_are_each_told() -> None:
    errors = [(one, StorageError("it cannot be read", origin=one.origin)) for one in (BUILD, LATE)]
    assert places(*errors) == ["None", "None"]


def test_an_error_that_threads_share_is_not_changed() -> None:
    shared = NetworkError("gone", origin=Origin("elsewhere", 1))
    assert places((LATE, shared)) == ["requirements.txt:55"]
    assert shared.origin == Origin("elsewhere", 1)


def test_what_another_file_serves_is_no_failure() -> None:
    left_out: list[str] = []
    error = NotLockedError("not the file that is locked", origin=EARLY.origin)
    assert not list(failures_of_transfers([(EARLY, error)], {EARLY}, left_out.append))
    assert left_out == [f"not taken: {error}"]
    assert list(failures_of_transfers([(EARLY, error)], set(), left_out.append)) == [error]


@pytest.mark.parametrize(
    ("lines", "also"),
    [
        ([], ""),
        ([1], ""),
        ([2], "; the same for a.txt:2"),
        ([2, 3], "; the same for a.txt:2 and a.txt:3"),
        ([2, 3, 4], "; the same for a.txt:2, a.txt:3 and 1 more place"),
        ([2, 3, 4, 5, 5], "; the same for a.txt:2, a.txt:3 and 2 more places"),
    ],
)
def test_a_failure_of_a_host_names_some_of_the_other_places(lines: list[int], also: str) -> None:
    errors = [HostError("it is away", cause="a.test", origin=Origin("a.txt", line)) for line in (1, *lines)]
    other = HostError("it is away", cause="b.test")
    assert [str(one) for one in each_cause_once([*errors, other])] == [f"a.txt:1: it is away{also}", "it is away"]
