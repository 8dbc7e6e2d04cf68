"""Archives are looked into by processes of their own, and by this one wherever that does not work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event
from typing import BinaryIO

import pytest

from cachi2ish.sdists import reading_processes
from cachi2ish.sdists.forward import Budget, Limits
from cachi2ish.sdists.reading_child import BrokenMessageError, send
from cachi2ish.sdists.reading_processes import ReadingProcesses
from cachi2ish.sdists.shortcut import find_members_at
from tests.sdists.test_shortcut import Entry, archive
from tests.support.distributions import make_sdist

NAMES = ["PKG-INFO", "pyproject.toml", "setup.py"]


@pytest.fixture
def processes() -> Iterator[ReadingProcesses]:
    with ReadingProcesses(worthwhile=0) as found:
        yield found


@pytest.fixture
def sdist(tmp_path: Path) -> Path:
    path = tmp_path / "demo-1.0.tar.gz"
    path.write_bytes(make_sdist("demo", "1.0", files={"pyproject.toml": "[project]\n"}).content)
    return path


def ask(processes: ReadingProcesses, path: Path, budget: Budget | None = None) -> dict[str, list[bytes]] | None:
    return processes(path, (), NAMES, budget or Budget(Limits()))


def test_what_a_process_finds_is_what_is_found_here(processes: ReadingProcesses, tmp_path: Path) -> None:
    twice: list[Entry] = [("demo/PKG-INFO", b"0", b"Name: a\n"), ("demo/PKG-INFO", b"0", b"\xff\n" * 300_000)]
    contents = {
        "twice": archive(twice),
        "nothing": archive([("demo/readme", b"0", b"")]),
        "beside the folder": archive([*twice, ("other", b"0", b"")]),
        "cut off": archive(twice)[:-40],
        "no archive": b"PK\x03\x04",
        "b\udcff": make_sdist("demo", "1.0").content,
    }
    for name, content in contents.items():
        path = tmp_path / name
        path.write_bytes(content)
        for folder in ((), ("sub", "d\udcff")):
            here = find_members_at(path, folder, NAMES, Budget(Limits()))
            assert processes(path, folder, NAMES, Budget(Limits())) == here
    assert ask(processes, tmp_path / "missing") is None
    assert processes.started


def test_a_process_keeps_to_the_limits_and_what_it_spends_is_charged(
    processes: ReadingProcesses, sdist: Path
) -> None:
    assert ask(processes, sdist, Budget(Limits(total=512))) is None
    assert ask(processes, sdist, Budget(Limits(metadata=5))) is None
    assert ask(processes, sdist, Budget(Limits(unpacked=5))) is None
    budget = Budget(Limits(seconds=100), clock=lambda: 0.0)
    assert ask(processes, sdist, budget)
    assert budget.seconds_left < 100
    budget.charge(100)
    assert ask(processes, sdist, budget) is None


def test_for_little_no_process_is_started(sdist: Path) -> None:
    with ReadingProcesses() as processes:
        assert ask(processes, sdist)
        assert not processes.started


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_process_cannot_do_any_more_is_done_here(
    processes: ReadingProcesses, sdist: Path, end: signal.Signals
) -> None:
    assert ask(processes, sdist)
    (process,) = processes.started
    process.send_signal(end)
    process.wait()
    assert ask(processes, sdist) == find_members_at(sdist, (), NAMES, Budget(Limits()))
    assert ask(processes, sdist)
    assert processes.started == (process,)


def test_without_a_python_to_start_it_is_done_here(sdist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(sdist.with_name("python")))
    with ReadingProcesses(worthwhile=0) as processes:
        assert ask(processes, sdist)
        assert not processes.started


def test_nobody_waits_long_for_a_process_that_is_busy(sdist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0}, raising=False)
    with ReadingProcesses(worthwhile=0) as processes, ThreadPoolExecutor(2) as pool:
        found = ask(processes, sdist)
        (process,) = processes.started
        process.send_signal(signal.SIGSTOP)
        try:
            both = [pool.submit(ask, processes, sdist) for _ in range(2)]
            done, waiting = wait(both, timeout=60, return_when=FIRST_COMPLETED)
            assert [len(done), len(waiting)] == [1, 1]
        finally:
            process.send_signal(signal.SIGCONT)
        assert [one.result(60) for one in both] == [found, found]
        assert processes.started == (process,)


def test_a_process_that_alone_is_stopped_is_ended_and_its_work_done_here(
    processes: ReadingProcesses, sdist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_processes, "_STEP", 0.01)
    found = ask(processes, sdist)
    (process,) = processes.started
    process.send_signal(signal.SIGSTOP)
    budget = Budget(Limits(), clock=lambda: 0.0)
    assert ask(processes, sdist, budget) == found
    assert process.returncode == -signal.SIGKILL
    assert budget.seconds_left == Limits().seconds, "it is not the archive's fault"


def test_time_in_which_both_are_suspended_does_not_count(
    processes: ReadingProcesses, sdist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ask(processes, sdist)
    (process,) = processes.started
    process.send_signal(signal.SIGSTOP)
    looks: list[bool] = []
    look = reading_processes._is_stopped

    def goes_on_at_the_last_look(process: subprocess.Popen[bytes]) -> bool:
        looks.append(look(process))
        if len(looks) == reading_processes._MOST_STEPS - 1:
            process.send_signal(signal.SIGCONT)
        return looks[-1]

    monkeypatch.setattr(reading_processes, "_STEP", 0.01)
    monkeypatch.setattr(reading_processes, "_is_stopped", goes_on_at_the_last_look)
    # However long a look took, it is one look.
    assert ask(processes, sdist) == found
    assert all(looks[: reading_processes._MOST_STEPS - 1])


@pytest.mark.parametrize("failure", [MemoryError, BrokenMessageError, KeyboardInterrupt])
def test_who_waits_for_a_process_goes_on_when_it_fails_another_one(
    sdist: Path, monkeypatch: pytest.MonkeyPatch, failure: type[BaseException]
) -> None:
    failing, go_on = Event(), Event()

    def fails(_stream: BinaryIO) -> list[bytes]:
        failing.set()
        assert go_on.wait(60)
        raise failure

    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0}, raising=False)
    monkeypatch.setattr(reading_processes, "receive", fails)
    with ReadingProcesses(worthwhile=0) as processes, ThreadPoolExecutor(2) as threads:
        first = threads.submit(ask, processes, sdist)
        assert failing.wait(60)
        second = threads.submit(ask, processes, sdist)
        go_on.set()
        assert second.result(60)
        if failure is BrokenMessageError:
            assert first.result(60)
        else:
            with pytest.raises(failure):
                first.result(60)
        (process,) = processes.started
        assert process.returncode == -signal.SIGKILL


def test_a_process_that_dies_over_an_archive_has_spent_its_time(
    processes: ReadingProcesses, sdist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(processes, sdist)
    (process,) = processes.started

    def dies(stream: BinaryIO, message: Sequence[bytes]) -> None:
        send(stream, message)
        process.kill()
        time.sleep(0.02)

    monkeypatch.setattr(reading_processes, "send", dies)
    monkeypatch.setattr(reading_processes, "receive", lambda _stream: [])
    budget = Budget(Limits(seconds=100), clock=lambda: 0.0)
    assert ask(processes, sdist, budget)
    assert budget.seconds_left <= 99.98


def test_a_frozen_program_does_not_start_itself(sdist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with ReadingProcesses(worthwhile=0) as processes:
        assert ask(processes, sdist)
        assert not processes.started


def test_an_interruption_of_the_terminal_leaves_the_end_to_us(processes: ReadingProcesses, sdist: Path) -> None:
    assert ask(processes, sdist)
    (process,) = processes.started
    process.send_signal(signal.SIGINT)
    assert ask(processes, sdist)
    assert process.poll() is None


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_no_process_is_left_behind(sdist: Path, error: type[BaseException] | None) -> None:
    processes = ReadingProcesses(worthwhile=0)
    try:
        with processes:
            assert ask(processes, sdist)
            if error:
                raise error
    except KeyboardInterrupt:
        pass
    (process,) = processes.started
    # On a busy machine it is given up before it has ended by itself.
    assert process.returncode in ({-signal.SIGKILL} if error else {0, -signal.SIGKILL})
    assert ask(processes, sdist)  # a thread that nobody waits for may still be at it


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only there a descriptor tells its file")
def test_whoever_still_waits_at_the_end_reads_from_the_process_alone(
    sdist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"A" * 4096)
    taken = list[int]()
    looking, go_on = Event(), Event()

    def looks_late(_process: subprocess.Popen[bytes]) -> bool:
        looking.set()
        assert go_on.wait(60)
        return False

    read = list[str]()
    readv = os.readv

    def noted(descriptor: int, buffers: Sequence[bytearray]) -> int:
        read.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        return readv(descriptor, buffers)

    processes = ReadingProcesses(worthwhile=0)
    with ThreadPoolExecutor(1) as threads:
        found = ask(processes, sdist)
        (process,) = processes.started
        process.send_signal(signal.SIGSTOP)
        monkeypatch.setattr(reading_processes, "_STEP", 0.01)
        monkeypatch.setattr(reading_processes, "_is_stopped", looks_late)
        monkeypatch.setattr(os, "readv", noted)
        waiting = threads.submit(ask, processes, sdist)
        assert looking.wait(60)
        processes.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
        taken += [os.open(foreign, os.O_RDONLY) for _ in range(16)]  # among them the numbers that are free now
        go_on.set()
        try:
            assert waiting.result(60) == found
        finally:
            for one in taken:
                os.close(one)
    assert str(foreign) not in read


_PARENT = """
import os, signal, sys
from pathlib import Path
from cachi2ish.sdists import reading_processes
from cachi2ish.sdists.forward import Budget, Limits
from cachi2ish.sdists.reading_child import BrokenMessageError, send
from cachi2ish.sdists.reading_processes import ReadingProcesses
with ReadingProcesses(worthwhile=0) as processes:
    processes(Path(sys.argv[1]), (), ["PKG-INFO"], Budget(Limits()))
    print(processes.started[0].pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only there processes can be looked at so")
def test_it_ends_when_the_program_is_killed(sdist: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _PARENT, sdist], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    process = int(done.stdout)
    end = time.monotonic() + 60
    while _runs(process):
        assert time.monotonic() < end
        time.sleep(0.01)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False
