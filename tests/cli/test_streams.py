"""Standard output and standard error may be closed, or lead to a disk that is full."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Person
from tests.support.command_line import clean_environment
from tests.support.distributions import make_sdist

FIG = make_sdist("fig", "1.0")

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


@pytest.mark.parametrize("arguments", [("--help",), ("fetch-deps", "--help"), ("--version",)])
def test_help_whose_reader_has_gone_is_no_defect(person: Person, arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "cachi2ish", *arguments]
    with subprocess.Popen(
        command,
        env=clean_environment(person.home, **person.environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 10


@pytest.mark.parametrize("files", [8, 12, 16])
def test_a_process_that_may_open_few_files_says_so(person: Person, files: int) -> None:
    person.index.add("fig", FIG)
    person.writes("requirements.txt", f"fig==1.0 {FIG.hash_option()}\n")
    arguments = ("fetch-deps", "--source", person.source, "--output", person.output, "pip")
    command = ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", sys.executable, "-m", "cachi2ish"]
    done = subprocess.run(
        [*command, *map(str, arguments)],
        env=clean_environment(person.home, **person.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "internal error" not in done.stderr
    assert done.returncode == 0 or "hint: allow more open files (ulimit -n 1024)" in done.stderr
    assert done.returncode in {0, 10}
