"""Failures: in reading order, and one that is shared stands once, at its first line."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from cachi2ish.core.choose.checks import Policy
from cachi2ish.core.choose.choice import choose
from cachi2ish.errors import Cachi2ishError, HostError, NetworkError, NotLockedError, Origin, StorageError
from cachi2ish.services.fetch.failures import each_cause_once, failures_of_transfers
from cachi2ish.services.fetch.transferring import Chosen, all_needed
from tests.core.machines import LINUX, WINDOWS
from tests.core.one_project import SDIST, file, page, pin, sha256, sha512
from tests.services.fakes import Notes

BUILD, EARLY, LATE = (
    replace(pin(), origin=Origin(file, line))
    for file, line in (("requirements-build.txt", 3), ("requirements.txt", 3), ("requirements.txt", 55))
)


def places(*errors: tuple[object, Cachi2ishError]) -> list[str]:
    return [str(error.origin) for error in failures_of_transfers(errors)]  # type: ignore[arg-type]


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
    listed = [file(name, digests=frozenset()) for name in (SDIST, "foo-1.0-py3-none-any.whl")]
    requirement = pin("1.0", sha256("the wheel"))
    errors = [(one, NotLockedError(f"{one.filename} is not locked", origin=requirement.origin)) for one in listed]
    choice = choose(requirement, page(*listed), Policy(wheels=True))
    assert list(all_needed(choice, errors[:1])) == []
    assert list(all_needed(choice, errors)) == [error for _, error in errors]


def test_what_serves_one_target_does_not_serve_another() -> None:
    linux, windows = "foo-1.0-cp312-cp312-manylinux_2_28_x86_64.whl", "foo-1.0-cp312-cp312-win_amd64.whl"
    listed = [file(name, digests=frozenset()) for name in (linux, windows)]
    policy = Policy(wheels=True, targets=(LINUX, WINDOWS))
    choice = choose(pin("1.0", sha256(linux)), page(*listed), policy)
    chosen = Chosen.of(choice)
    assert chosen.without(listed[1], NotLockedError("not locked")) == ()
    assert not chosen.possible


def test_what_takes_the_place_of_a_file_is_told_with_what_there_is_to_be_told_of_it() -> None:
    first, second = file(SDIST, digests=frozenset()), file("foo-1.0.zip", yanked="bad", digests=frozenset())
    choice = choose(pin("1.0", sha256("the other")), page(first, second), Policy())
    chosen = Chosen.of(choice)
    assert chosen.without(first, NotLockedError("not locked")) == ((second, page().index),)
    assert chosen.choice.files == (second,)
    notes = Notes()
    chosen.report(notes)
    assert [(level, message.split(": ")[1][:30]) for level, message in notes.messages] == [
        ("warning", "foo-1.0.tar.gz is left out"),
        ("warning", "foo-1.0.zip is yanked today"),
    ]


def test_a_file_that_the_index_vouches_for_is_left_out_without_a_warning() -> None:
    listed = [file(name, digests=frozenset({sha512(name)})) for name in (SDIST, "foo-1.0.zip")]
    choice = choose(pin("1.0", sha256("foo-1.0.zip")), page(*listed), Policy())
    chosen, notes = Chosen.of(choice), Notes()
    chosen.without(listed[0], NotLockedError("not locked"))
    chosen.report(notes)
    assert notes.messages == [("debug", "not taken: not locked")]


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
