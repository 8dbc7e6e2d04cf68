"""After a failure a person is told in one line how things are now: the output, and what the cache keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from cachi2ish.cli.display.console import FailureNote
from cachi2ish.errors import DigestMismatchError, NetworkError
from cachi2ish.exit_codes import ExitCode
from cachi2ish.services.progress import OutputState, Progress
from tests.cli.conftest import Person
from tests.support.clocks import Clock
from tests.support.index_server import Fault
from tests.support.orchard import APPLE, BIG, BIG_PATH, PINS

KEPT = "; what has arrived is in the cache, and the next run goes on from there"


@pytest.fixture
def orchard(person: Person) -> Person:
    person.index.add("apple", APPLE)
    person.index.add("big", BIG)
    person.writes("requirements.txt", PINS)
    return person


def last(told: str) -> str:
    return told.splitlines()[-1]


def test_after_one_error_that_nothing_was_written_is_said(orchard: Person) -> None:
    outcome = orchard.fetches("pipp")
    assert outcome.code == ExitCode.INPUT
    assert last(outcome.err) == f"nothing was written to {orchard.output}"


def test_an_earlier_output_is_as_it_was(orchard: Person) -> None:
    assert orchard.fetches().code == 0
    orchard.writes("requirements.txt", "apple\n")
    assert last(orchard.fetches().err) == f"{orchard.output} is as it was"
    orchard.writes("requirements.txt", "apple\nbig\n")
    assert last(orchard.fetches().err) == f"2 errors; {orchard.output} is as it was"


def test_what_has_arrived_is_said_to_be_kept_where_it_is(orchard: Person, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("no-cache = true\n")
    without: tuple[tuple[str | Path, ...], ...] = (("--no-cache",), ("--config-file", tmp_path / "config.toml"))
    for options, kept in (*((options, "") for options in without), ((), KEPT)):
        orchard.index.script(BIG_PATH, [Fault.status(404)])
        outcome = orchard.fetches("pip", *options)
        assert outcome.code == ExitCode.NETWORK
        assert last(outcome.err) == f"nothing was written to {orchard.output}{kept}"
    orchard.index.forget_requests()
    assert orchard.fetches().code == 0
    assert orchard.index.paths == (BIG_PATH,)


def test_nothing_is_said_to_be_kept_of_a_file_that_is_not_what_was_promised(orchard: Person) -> None:
    orchard.writes("requirements.txt", f"big==1.0 {BIG.hash_option()}\n")
    orchard.index.script(BIG_PATH, [Fault.wrong_bytes()])
    outcome = orchard.fetches()
    assert outcome.code == ExitCode.DIGEST
    assert last(outcome.err) == f"nothing was written to {orchard.output}"


def test_a_dry_run_has_written_nothing_anyway(orchard: Person) -> None:
    orchard.writes("requirements.txt", "apple==9\n")
    outcome = orchard.fetches("pip", "--dry-run")
    assert outcome.code == ExitCode.UNAVAILABLE
    assert str(orchard.output) not in outcome.err


def test_a_part_of_a_file_counts_and_an_output_that_may_be_replaced_is_not_spoken_of(tmp_path: Path) -> None:
    progress = Progress(Clock())
    after = FailureNote(output=tmp_path, dry_run=False, progress=progress, keeps=True)
    progress.stage("transfer")
    assert after.text(KeyboardInterrupt()) == f"{tmp_path} is as it was"
    progress.advance(1)
    assert after.text(KeyboardInterrupt()) == f"{tmp_path} is as it was{KEPT}"
    assert after.text(NetworkError("gone")) == f"{tmp_path} is as it was{KEPT}"
    assert after.text(DigestMismatchError("tampered with")) == f"{tmp_path} is as it was"
    progress.output_state = OutputState.UNCERTAIN
    assert after.text(KeyboardInterrupt()) == ""
    progress.output_state = OutputState.PUBLISHED
    assert after.text(KeyboardInterrupt()) == f"the new output is in {tmp_path}"
