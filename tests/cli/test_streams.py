"""Standard output and standard error may be closed, or lead to a disk that is full."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Person
from tests.support.command_line import clean_environment

NEEDS_FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux alone has /dev/full")


@pytest.fixture
def output(person: Person) -> Path:
    person.writes("requirements.txt", "")
    assert person.fetches().code == 0
    return person.output


def status_and_errors(person: Person, redirection: str, *arguments: str | Path) -> tuple[int, str]:
    """Run the command in a process of its own, its streams redirected by a shell."""
    command = [
        "sh",
        "-c",
        f'exec "$@" {redirection}',
        "sh",
        sys.executable,
        "-m",
        "cachi2ish",
        *map(str, arguments),
    ]
    environ = clean_environment(person.home, **person.environ)
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("redirection", [">&-", pytest.param(">/dev/full", marks=NEEDS_FULL)])
def test_a_result_that_cannot_be_written_to_standard_output_is_an_error(
    person: Person, output: Path, redirection: str
) -> None:
    code, errors = status_and_errors(person, redirection, "generate-env", output)
    assert code == 10
    assert errors.startswith("error: standard output cannot be written: ")
    assert "hint: " in errors
    assert "internal error" not in errors
    assert "Exception ignored" not in errors


@pytest.mark.parametrize("redirection", ["2>&-", pytest.param("2>/dev/full", marks=NEEDS_FULL)])
def test_messages_that_nobody_can_hear_change_nothing(person: Person, redirection: str) -> None:
    person.writes("requirements.txt", "")
    code, _ = status_and_errors(
        person, redirection, "fetch-deps", "--source", person.source, "--output", person.output, "pip"
    )
    assert code == 0
    assert (person.output / "bom.json").is_file()
    code, _ = status_and_errors(person, redirection, "generate-env", person.source)
    assert code == 3
