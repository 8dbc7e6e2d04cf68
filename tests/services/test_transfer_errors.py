"""Failures of transfers: in reading order, and one that is shared is told once, at its first line."""

from __future__ import annotations

from dataclasses import replace

from cachi2ish.errors import Cachi2ishError, NetworkError, NotLockedError, Origin, StorageError
from cachi2ish.services.fetch.transfer_errors import those_that_count
from tests.core.one_project import pin

BUILD, EARLY, LATE = (
    replace(pin(), origin=Origin(file, line))
    for file, line in (("requirements-build.txt", 3), ("requirements.txt", 3), ("requirements.txt", 55))
)


def told(*errors: tuple[object, Cachi2ishError]) -> list[str]:
    return [str(error.origin) for error in those_that_count(errors, (), print)]  # type: ignore[arg-type]


def test_a_failure_that_lines_share_is_told_once_at_the_first_of_them() -> None:
    shared = NetworkError("gone", origin=Origin("elsewhere", 1))
    own = NetworkError("gone too", origin=EARLY.origin)
    assert told((LATE, shared), (EARLY, own), (BUILD, shared)) == [
        "requirements-build.txt:3",
        "requirements.txt:3",
    ]


def test_a_full_disk_is_no_line_of_a_file() -> None:
    errors = [(one, StorageError(f"no space for {one}", origin=one.origin, cause="disk")) for one in (BUILD, LATE)]
    assert told(*errors) == ["None"]


def test_failures_that_only_read_alike_are_each_told() -> None:
    errors = [(one, StorageError("it cannot be read", origin=one.origin)) for one in (BUILD, LATE)]
    assert told(*errors) == ["None", "None"]


def test_an_error_that_threads_share_is_not_changed() -> None:
    shared = NetworkError("gone", origin=Origin("elsewhere", 1))
    assert told((LATE, shared)) == ["requirements.txt:55"]
    assert shared.origin == Origin("elsewhere", 1)


def test_what_another_file_serves_is_no_failure() -> None:
    heard: list[str] = []
    error = NotLockedError("not the file that is locked", origin=EARLY.origin)
    assert not list(those_that_count([(EARLY, error)], {EARLY}, heard.append))
    assert heard == [f"not taken: {error}"]
    assert list(those_that_count([(EARLY, error)], set(), heard.append)) == [error]
