"""What a person sees on a terminal, in a pipe, and when something goes wrong."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from cachi2ish.cli.display.console import Console, Level, report_errors, standard_error
from cachi2ish.cli.display.figures import readable_size
from cachi2ish.core.messages import printable
from cachi2ish.errors import DigestMismatchError, LockFileError, NetworkError, Origin, raise_all
from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person
from tests.support.command_line import clean_environment
from tests.support.distributions import make_sdist, make_wheel

PLAIN = Console(Level.INFO, colours=False)


def test_what_could_move_the_cursor_is_escaped() -> None:
    assert printable("a\x1b[2J\nb\u202ec é") == "a\\x1b[2J\\nb\\u202ec é"


def test_messages_below_the_level_are_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = Console(Level.WARNING, colours=False)
    for level in Level:
        quiet.report(level, "x")
    assert capsys.readouterr().err == "warning: x\nerror: x\n"


def test_an_error_is_told_with_place_and_hint_and_several_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    errors = [LockFileError("no pin", hint="pin it", origin=Origin("r.txt", 3)), NetworkError("slow")]
    with pytest.raises(SystemExit) as stop, report_errors(PLAIN):
        raise_all(errors)
    assert stop.value.code == ExitCode.LOCKFILE
    assert capsys.readouterr().err == (
        "error: r.txt:3: no pin\n  hint: pin it\nerror: slow\n2 errors; nothing was written\n"
    )


def test_of_many_errors_the_first_twenty_are_told_and_the_number_of_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    errors = [LockFileError(f"no pin {number}", hint="pin it") for number in range(437)]
    with pytest.raises(SystemExit), report_errors(PLAIN, lambda _error: "", "--report FILE writes all"):
        raise_all(errors)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:20] == [f"error: no pin {number}" for number in range(20)]
    assert lines[20:] == [
        "  hint: pin it",
        "437 errors, 20 of them above (--report FILE writes all); nothing was written",
    ]


def test_with_details_all_errors_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    errors = [LockFileError(f"no pin {number}") for number in range(437)]
    with pytest.raises(SystemExit), report_errors(Console(Level.DEBUG, colours=False)):
        raise_all(errors)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 438
    assert lines[-1] == "437 errors; nothing was written"


def test_what_decides_the_exit_status_is_among_the_errors_that_are_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    errors = [*(NetworkError(f"slow {number}") for number in range(100)), DigestMismatchError("another file")]
    with pytest.raises(SystemExit) as stop, report_errors(PLAIN):
        raise_all(errors)
    assert stop.value.code == ExitCode.DIGEST
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: slow 0"
    assert lines[19:] == [
        "error: another file",
        "101 errors, 20 of them above (--log-level debug shows all); nothing was written",
    ]


def test_an_interruption_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop, report_errors(PLAIN):
        raise KeyboardInterrupt
    assert stop.value.code == ExitCode.INTERRUPTED
    assert capsys.readouterr().err.startswith("interrupted")


def test_what_an_interruption_breaks_on_its_way_is_no_defect(capsys: pytest.CaptureFixture[str]) -> None:
    """One that comes while a lock is taken back lets the lock be released twice."""
    lock = threading.Lock()

    def interrupted() -> None:
        with lock:
            lock.release()
            raise KeyboardInterrupt

    with pytest.raises(SystemExit) as stop, report_errors(PLAIN):
        interrupted()
    assert stop.value.code == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == "interrupted\n"


def test_a_defect_of_ours_is_told_with_its_place_and_without_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stop, report_errors(PLAIN):
        raise ZeroDivisionError("oops")
    told = capsys.readouterr().err
    assert stop.value.code == ExitCode.INTERNAL
    assert told.startswith("error: internal error: ZeroDivisionError: oops (test_console.py:")
    assert "Traceback" not in told


def test_one_way_out_for_several_errors_in_a_row_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    same = [LockFileError(problem, hint="pin them") for problem in "ab"]
    with pytest.raises(SystemExit), report_errors(PLAIN):
        raise_all([*same, LockFileError("c", hint="other")])
    assert capsys.readouterr().err.splitlines()[:5] == [
        "error: a",
        "error: b",
        "  hint: pin them",
        "error: c",
        "  hint: other",
    ]


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_colours_are_for_those_who_want_them(
    environ: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    standard_error(Level.INFO).report(Level.ERROR, "x")
    assert ("\x1b[" in capsys.readouterr().err) is coloured


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_234_567, "1.2 MB"), (5 * 10**9, "5.00 GB")]
)
def test_sizes_are_told_in_powers_of_a_thousand(size: int, text: str) -> None:
    assert readable_size(size) == text


def on_a_terminal(person: Person, *arguments: str | Path) -> tuple[int, str]:
    """Run the program with standard error on a terminal; return its status and what the terminal got."""
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "cachi2ish", *map(str, arguments)]
    environ = clean_environment(person.home, **person.environ, TERM="xterm")
    with subprocess.Popen(command, stderr=follower, env=environ, cwd=person.source) as process:
        os.close(follower)
        shown = b""
        while True:
            try:
                chunk = os.read(leader, 65536)
            except OSError:  # the other end is closed
                break
            if not chunk:
                break
            shown += chunk
    os.close(leader)
    return process.returncode, shown.decode()


def test_a_terminal_gets_a_live_display_and_then_the_summary(person: Person) -> None:
    person.index.add("apple", make_sdist("apple", "1.0"), yanked="why not")
    person.writes("requirements.txt", "apple==1.0\n")
    status, shown = on_a_terminal(person, "fetch-deps", "--output", person.output, "pip")
    assert status == 0, shown
    assert "\x1b[" in shown
    assert "apple-1.0.tar.gz is yanked" in shown
    assert "1 file, " in shown.splitlines()[-1]


def test_an_error_on_a_terminal_is_coloured_and_is_the_last_thing_shown(person: Person) -> None:
    person.writes("requirements.txt", "apple\n")
    status, shown = on_a_terminal(person, "fetch-deps", "--output", person.output, "pip")
    assert status == ExitCode.LOCKFILE
    assert "\x1b[1;31merror\x1b[0m" in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize("program", ["fetch-deps", "generate-env", "inject-files"])
def test_each_command_is_a_program_of_its_own(program: str) -> None:
    script = Path(sys.executable).with_name(program)
    done = subprocess.run([script, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert f"cachi2ish {program} [OPTIONS]" in done.stdout


def test_a_reader_who_goes_away_is_no_traceback(person: Person) -> None:
    person.index.add("apple", make_sdist("apple", "1.0"))
    person.writes("requirements.txt", "apple==1.0\n")
    command = f"{sys.executable} -m cachi2ish fetch-deps --dry-run pip | true"
    environ = clean_environment(person.home, **person.environ)
    done = subprocess.run(
        ["sh", "-c", command], env=environ, cwd=person.source, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


#: What moves a cursor, ends a line, or turns the order of characters around: C0, C1, and marks of direction.
FORGED = "\x1b[2K", "\r", "\n", "\u009b2K", "\u202e", "\u2066", "\u2028", "\x07"


def test_no_name_of_an_index_page_reaches_a_terminal_as_it_is(person: Person) -> None:
    person.index.add("apple", make_sdist("apple", "1.0"))
    wheel = make_wheel("apple", "1.0")
    for number, text in enumerate(FORGED):
        person.index.add("apple", replace(wheel, filename=f"apple-1.0-{number}x{text}y-py3-none-any.whl"))
        person.index.add("apple", replace(wheel, filename=f"apple-1.0-py3{text}-none-any.whl"))
    person.writes("requirements.txt", "apple==1.0\n")
    for options in ((), ("--dry-run",), ("--log-level", "debug"), ("--log-level", "debug", "--dry-run")):
        done = person.fetches('{"type": "pip", "allow_binary": true}', *options)
        assert done.code == 0, done.told
        for line in done.told.splitlines(keepends=True):
            assert line.removesuffix("\n").isprintable(), ascii(line)
        if "--dry-run" in options:
            assert "x\\x1b[2Ky" in done.out


def test_a_report_on_standard_output_is_json_that_a_terminal_can_show(person: Person) -> None:
    person.writes("requirements.txt", "app\u202ele\u009b==1.0\n")
    done = person.fetches("pip", "--report", "-")
    assert done.code == ExitCode.LOCKFILE, done.told
    assert all(line.isprintable() for line in done.out.splitlines())
    assert "app\u202ele\u009b" in json.dumps(json.loads(done.out), ensure_ascii=False)
