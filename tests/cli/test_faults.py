"""A command whose surroundings fail: streams, directories, disks, servers that fall silent, Ctrl-C."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person, tree
from tests.support.distributions import make_sdist
from tests.support.index_server import Answer, Fault
from tests.support.program import PROGRAM, environment, shell, start

BIG = make_sdist("big", "1.0", padding=1_000_000)
GRACE = 30  # seconds: far above what a busy machine needs, and far below the time that a server may be silent


@pytest.fixture
def orchard(person: Person) -> Person:
    person.index.add("apple", make_sdist("apple", "1.0"))
    person.index.add("big", BIG)
    person.writes("requirements.txt", "apple==1.0\n")
    person.environ["PIP_RETRIES"] = "0"
    return person


def in_shell(
    person: Person, script: str, *arguments: str | Path, cwd: Path | None = None, **environ: str
) -> subprocess.CompletedProcess[str]:
    return shell(script, *arguments, environ=environment(person.home, {**person.environ, **environ}), cwd=cwd)


def fetching(person: Person) -> tuple[str | Path, ...]:
    return "fetch-deps", "--source", person.source, "--output", person.output, "pip"


SILENCES = {
    "in the middle of a file": (f"/files/{BIG.filename}", Fault.stall(after=100_000)),
    "before a file": (f"/files/{BIG.filename}", Fault.stall()),
    "before a page": ("/simple/big/", Fault.stall()),
}


@pytest.mark.parametrize(("path", "fault"), SILENCES.values(), ids=SILENCES.keys())
@pytest.mark.parametrize(
    ("options", "number", "status", "word"),
    [
        ((), signal.SIGINT, ExitCode.INTERRUPTED, "interrupted"),
        (("--no-cache",), signal.SIGINT, ExitCode.INTERRUPTED, "interrupted"),
        (("--no-cache",), signal.SIGTERM, ExitCode.TERMINATED, "terminated"),
        (("--no-cache",), signal.SIGHUP, ExitCode.TERMINATED, "terminated"),
    ],
    ids=["Ctrl-C", "Ctrl-C without cache", "SIGTERM", "a closed terminal"],
)
def test_a_signal_ends_a_run_at_once_though_a_server_is_silent(
    orchard: Person,
    path: str,
    fault: Fault,
    options: tuple[str, ...],
    number: signal.Signals,
    status: ExitCode,
    word: str,
    tmp_path: Path,
) -> None:
    orchard.writes("requirements.txt", "apple==1.0\n")
    assert orchard.fetches().code == 0
    before = tree(orchard.output)
    orchard.writes("requirements.txt", "big==1.0\n")
    asked = threading.Event()
    orchard.index.script(path, [fault] * 9)
    _tell_when_asked(orchard, path, asked)
    temporary = tmp_path / "tmp"
    temporary.mkdir()

    with start(*fetching(orchard), *options, environ=_environ(orchard, TMPDIR=str(temporary))) as process:
        assert asked.wait(30)
        process.send_signal(number)
        _, told = finish(process)

    assert process.returncode == status, told
    assert told.splitlines()[-1] == f"{word}; {orchard.output} is as it was"
    assert "Traceback" not in told
    assert tree(orchard.output) == before
    assert list(orchard.output.parent.glob(".*staging*")) == []
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("again", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_more_signals_do_not_disturb_the_tidying_up(
    orchard: Person, again: signal.Signals, tmp_path: Path
) -> None:
    orchard.writes("requirements.txt", "big==1.0\n")
    path, fault = SILENCES["in the middle of a file"]
    asked = threading.Event()
    orchard.index.script(path, [fault])
    _tell_when_asked(orchard, path, asked)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environ = _environ(orchard, TMPDIR=str(temporary))
    with start(*fetching(orchard), "--no-cache", environ=environ) as process:
        assert asked.wait(30)
        process.send_signal(signal.SIGINT)
        while process.poll() is None:
            process.send_signal(again)
            time.sleep(0.01)
        _, told = finish(process)
    # Of signals that come at the same time the system picks one.
    assert process.returncode in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}, told
    assert told.splitlines()[-1].endswith(f"ed; nothing was written to {orchard.output}")
    assert "Traceback" not in told
    assert list(orchard.output.parent.glob(".*staging*")) == []
    assert list(temporary.iterdir()) == []


def test_an_interruption_after_the_output_was_published_says_that_it_is_there(orchard: Person) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(4096))
    os.set_blocking(writer, True)  # the report waits for room from now on
    command = [*fetching(orchard), "--report", "-"]
    with start(*command, environ=_environ(orchard), stdout=writer) as process:
        os.close(writer)
        assert process.stderr
        # It may wait for room for ever: it is ended then, and no more is to be read.
        ending = threading.Timer(GRACE, process.kill)
        ending.start()
        try:
            told = next((line for line in process.stderr if f", in {orchard.output} (" in line), "")
            process.send_signal(signal.SIGINT)
            told += process.stderr.read()
            process.wait()
        finally:
            ending.cancel()
            os.close(reader)
    assert process.returncode == ExitCode.INTERRUPTED, told
    assert told.splitlines()[-1] == f"interrupted; the new output is in {orchard.output}"


def test_a_run_that_is_to_outlive_its_terminal_does(orchard: Person) -> None:
    """As under nohup: who starts it has it ignore the signal."""
    done = in_shell(orchard, 'trap "" HUP; "$@" & kill -HUP $!; wait $!', *fetching(orchard))
    assert done.returncode == 0, done.stderr
    assert orchard.deps() == ["apple-1.0.tar.gz"]


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait for a process that must end soon; end it where it does not."""
    try:
        return process.communicate(timeout=GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def _environ(person: Person, **more: str) -> dict[str, str]:
    return environment(person.home, {**person.environ, **more})


def _tell_when_asked(person: Person, path: str, asked: threading.Event) -> None:
    answer = person.index.answer

    def telling(method: str, target: str, headers: object, connection: int) -> object:
        if target == path:
            asked.set()
        return answer(method, target, headers, connection)  # type: ignore[arg-type]

    person.index._server.application = telling  # type: ignore[assignment]


def test_a_failure_elsewhere_does_not_wait_for_a_silent_server(orchard: Person) -> None:
    orchard.writes("requirements.txt", "big==1.0\npear==1.0\n")
    orchard.index.script(f"/files/{BIG.filename}", [Fault.stall()] * 9)
    with start(*fetching(orchard), environ=_environ(orchard)) as process:
        _, told = finish(process)
    assert process.returncode == ExitCode.UNAVAILABLE
    assert "pear" in told


# streams


def test_without_standard_error_a_run_does_its_work(orchard: Person) -> None:
    assert in_shell(orchard, '"$@" 2>&-', *fetching(orchard)).returncode == 0
    assert orchard.deps() == ["apple-1.0.tar.gz"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux")
def test_a_full_standard_error_does_not_stop_a_run(orchard: Person) -> None:
    assert in_shell(orchard, '"$@" 2>/dev/full', *fetching(orchard)).returncode == 0
    assert orchard.deps() == ["apple-1.0.tar.gz"]


@pytest.mark.parametrize(
    ("command", "redirection"),
    [
        ("plan", ">&-"),
        ("generate-env", ">&-"),
        ("--version", ">&-"),
        ("plan", ">/dev/full"),
        ("generate-env", ">/dev/full"),
        ("--version", ">/dev/full"),
        ("--help", ">/dev/full"),
    ],
)
def test_a_result_that_cannot_be_printed_is_an_error(orchard: Person, command: str, redirection: str) -> None:
    arguments: tuple[str | Path, ...] = (command,)
    if command == "plan":
        arguments = (*fetching(orchard), "--dry-run")
    elif command == "generate-env":
        assert orchard.fetches().code == 0
        arguments = (command, orchard.output)
    ended = in_shell(orchard, f'"$@" {redirection}', *arguments)
    assert ended.returncode == ExitCode.STORAGE, ended.stderr
    assert "error: standard output cannot be written: " in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "internal error" not in ended.stderr


def test_a_reader_that_has_gone_is_met_with_silence(orchard: Person) -> None:
    ended = in_shell(orchard, '"$@" | true; echo "${PIPESTATUS[0]}"', *fetching(orchard), "--dry-run")
    assert "error" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_long_warning_is_one_line_on_a_terminal(orchard: Person) -> None:
    reason = "word " * 60 + "end"
    orchard.index.add("old", make_sdist("old", "1.0"), yanked=reason)
    orchard.writes("requirements.txt", "old==1.0\n")
    told = _on_terminal([*PROGRAM, *map(str, fetching(orchard))], _environ(orchard, TERM="xterm"))
    assert reason in told
    assert "\x1b[1;33mwarning\x1b[0m: requirements.txt:1: " in told


def _on_terminal(command: list[str], environ: dict[str, str]) -> str:
    leader, terminal = pty.openpty()
    with subprocess.Popen(command, env=environ, stdin=terminal, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        told = b""
        while True:
            try:
                chunk = os.read(leader, 65536)
            except OSError:  # EIO: the other end is closed
                break
            if not chunk:
                break
            told += chunk
    os.close(leader)
    assert process.returncode == 0, told
    return told.decode()


# directories


def test_a_home_that_nobody_knows_is_an_error_that_says_so(
    orchard: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    outcome = orchard.fetches()
    assert outcome.code == ExitCode.INPUT
    assert "home directory" in outcome.err
    assert "--cache-dir" in outcome.err
    assert orchard.fetches("pip", "--cache-dir", orchard.home / "cache").code == 0
    assert orchard.fetches("pip", "--no-cache").code == 0


def test_without_a_place_for_temporary_files_the_way_out_is_told(
    orchard: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(orchard.home / "nowhere"))
    outcome = orchard.fetches("pip", "--dry-run")
    assert outcome.code == ExitCode.STORAGE
    assert "TMPDIR" in outcome.err


@pytest.mark.parametrize(
    "arguments",
    [("fetch-deps", "pip"), ("inject-files", "{out}", "--for-output-dir", "x")],
    ids=["fetch", "inject"],
)
def test_in_a_directory_that_was_removed_the_way_out_is_told(orchard: Person, arguments: tuple[str, ...]) -> None:
    assert orchard.fetches().code == 0
    arguments = tuple(str(orchard.output) if one == "{out}" else one for one in arguments)
    ended = in_shell(orchard, 'mkdir gone && cd gone && rmdir ../gone && "$@"', *arguments, cwd=orchard.home)
    assert ended.returncode == ExitCode.INPUT, ended.stderr
    assert "current directory" in ended.stderr


def test_an_output_that_cannot_be_one_is_told_before_anything_is_asked(orchard: Person) -> None:
    orchard.output.mkdir()
    (orchard.output / "thesis.tex").write_text("x")
    assert orchard.fetches().code == ExitCode.INPUT
    assert orchard.index.requests == ()


def test_an_empty_path_is_a_mistake_and_not_the_current_directory(orchard: Person) -> None:
    for option in ("--output", "--source", "--cache-dir"):
        outcome = orchard.runs("fetch-deps", "pip", option, "")
        assert outcome.code == ExitCode.USAGE
        assert option in outcome.err


def test_a_tilde_that_the_shell_left_is_the_home_directory(
    orchard: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = orchard.runs("fetch-deps", "--source", orchard.source, "--output=~/out", "pip")
    assert outcome.code == 0, outcome.err
    assert (orchard.home / "out" / "bom.json").is_file()
    assert not (tmp_path / "~").exists()


def test_one_full_disk_is_one_error(orchard: Person) -> None:
    cache = orchard.home / "cache"
    orchard.writes("requirements.txt", "apple==1.0\nbig==1.0\n")
    assert orchard.fetches("pip", "--cache-dir", cache, "--dry-run").code == 0
    assert orchard.fetches("pip", "--cache-dir", cache).code == 0
    for blob in (cache / "blobs").rglob("*"):
        if blob.is_file():
            blob.unlink()
    for folder in sorted((cache / "blobs" / "sha256").iterdir()):
        folder.rmdir()
        folder.write_text("in the way")
    outcome = orchard.fetches("pip", "--cache-dir", cache)
    assert outcome.code == ExitCode.STORAGE
    assert outcome.err.count("error: ") == 1, outcome.err


# what others have written


HOSTILE_FILES = {
    "null character": "/srv/a\0b",
    "empty": "",
    "root": "/",
    "half a character": "/srv/\ud800",
    "relative": "requirements.txt",
}


@pytest.mark.parametrize("abspath", HOSTILE_FILES.values(), ids=HOSTILE_FILES.keys())
def test_a_recorded_path_that_is_none_is_refused(orchard: Person, abspath: str) -> None:
    _records(orchard, project_files=[{"abspath": abspath, "template": "x"}])
    outcome = orchard.runs("inject-files", orchard.output)
    assert outcome.code == ExitCode.INPUT, outcome.err
    assert "is recorded as the path" in outcome.err


@pytest.mark.parametrize("url", ["file:///a\n--index-url http://host.example/", "file:///a b"])
def test_a_recorded_address_cannot_bring_another_line(orchard: Person, url: str) -> None:
    line = f"apple @ https://host.example/apple-1.0.tar.gz#sha256={'a' * 64}\n"
    file = orchard.writes("r.txt", line)
    digest = hashlib.sha256(line.encode()).hexdigest()
    recorded = {"abspath": str(file), "template": "x", "urls": [url], "sha256": digest}
    _records(orchard, project_files=[recorded])
    outcome = orchard.runs("inject-files", orchard.output)
    assert outcome.code == ExitCode.INPUT
    assert "white space" in outcome.err
    assert file.read_text() == line


@pytest.mark.parametrize(
    ("name", "value"),
    [("A;touch x", "1"), ("", "1"), ("A B", "1"), ("1A", "1"), ("A", "\0"), ("A", "\ud800")],
)
@pytest.mark.parametrize("env_format", ["env", "sh", "json"])
def test_a_recorded_variable_that_a_shell_cannot_have_is_refused(
    orchard: Person, name: str, value: str, env_format: str
) -> None:
    _records(orchard, environment_variables=[{"name": name, "value": value}])
    outcome = orchard.runs("generate-env", orchard.output, "--format", env_format)
    assert outcome.code == ExitCode.INPUT, outcome.told
    assert outcome.out == ""


def _records(person: Person, **config: object) -> None:
    person.output.mkdir(exist_ok=True)
    (person.output / ".build-config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("device", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_variables_can_be_written_to_standard_output_by_its_name(orchard: Person, device: str) -> None:
    assert orchard.fetches().code == 0
    piped = in_shell(orchard, '"$@" | cat', "generate-env", orchard.output, "--format", "env", "-o", device)
    assert "export PIP_NO_INDEX=true" in piped.stdout, piped.stderr
    script = 'echo first > log; "$@" >> log; cat log'
    appended = in_shell(orchard, script, "generate-env", orchard.output, "-o", device, cwd=orchard.home)
    assert appended.stdout.startswith("first\n[{"), appended.stderr


# servers


def test_a_page_without_end_is_refused(orchard: Person) -> None:
    bomb = gzip.compress(b" " * 300_000_000, 1)
    headers = {"Content-Type": "application/vnd.pypi.simple.v1+json", "Content-Encoding": "gzip"}
    orchard.index.script("/simple/apple/", [Fault(instead=Answer(200, bomb, headers))] * 9)
    outcome = orchard.fetches()
    assert outcome.code == ExitCode.NETWORK, outcome.err
    assert "larger than" in outcome.err


def test_a_message_is_never_a_page(orchard: Person) -> None:
    orchard.index.add("wide", make_sdist("wide", "1.0"), url="../../files/" + "x" * 100_000)
    orchard.writes("requirements.txt", "wide==1.0\n")
    outcome = orchard.fetches()
    assert outcome.code == ExitCode.NETWORK
    assert len(outcome.err) < 5000


def test_a_source_whose_name_is_no_text_works(orchard: Person) -> None:
    odd = Path(os.fsdecode(os.fsencode(orchard.home) + b"/od\xff"))
    odd.mkdir()
    (odd / "requirements.txt").write_text("apple==1.0\n")
    outcome = orchard.runs("fetch-deps", "--source", odd, "--output", orchard.output, "pip")
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)],
    ids=["Ctrl-C", "SIGTERM"],
)
def test_a_signal_ends_a_run_though_it_meets_code_whose_exceptions_python_discards(
    number: signal.Signals, status: ExitCode, tmp_path: Path
) -> None:
    """Python prints an exception out of __del__, of a callback of a weak reference, and goes on."""
    done = run_command(
        f"""
class Dying:
    def __del__(self):
        os.kill(os.getpid(), {int(number)})
        for _ in range(1000): pass

def command():
    Dying()
    time.sleep({GRACE * 2})
""",
        tmp_path,
    )
    assert done.returncode == status, done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_signal_ends_a_run_though_some_library_catches_its_exception(tmp_path: Path) -> None:
    done = run_command(
        f"""
def command():
    try:
        os.kill(os.getpid(), {int(signal.SIGTERM)})
        time.sleep({GRACE * 2})
    except BaseException:
        pass
    time.sleep({GRACE * 2})
""",
        tmp_path,
    )
    assert done.returncode == ExitCode.TERMINATED, done.stderr


def test_a_warning_of_python_moves_no_cursor(tmp_path: Path) -> None:
    done = run_command(
        """
def command():
    import warnings
    warnings.warn("invalid escape sequence \\x1b[2J\\u202e")
""",
        tmp_path,
    )
    assert done.returncode == 0
    assert done.stderr == "warning: UserWarning: invalid escape sequence \\x1b[2J\\u202e\n"


def test_a_signal_leaves_the_time_to_tidy_up(tmp_path: Path) -> None:
    done = run_command(
        f"""
from contextlib import contextmanager

@contextmanager
def tidying():
    try:
        yield
    finally:
        time.sleep(1.5)
        print("tidy", flush=True)

def command():
    with tidying():
        os.kill(os.getpid(), {int(signal.SIGTERM)})
        time.sleep({GRACE * 2})
""",
        tmp_path,
    )
    assert (done.returncode, done.stdout) == (ExitCode.TERMINATED, "tidy\n"), done.stderr


def run_command(command: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run ``command``, the text of a function of this name, as the program runs its commands."""
    script = (
        f"import os, time\nfrom cachi2ish.cli.process import run_to_the_end\n{command}\nrun_to_the_end(command)"
    )
    return subprocess.run(
        [sys.executable, "-c", script],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=GRACE,
        check=False,
    )
