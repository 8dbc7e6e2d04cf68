"""Run a case once, and say what it took, what it asked for, and whether it brought everything."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.cases import Case
from benchmarks.failures import BenchmarkError
from benchmarks.traffic import Mark, Traffic

_STOPWATCH = Path(__file__).with_name("stopwatch.py")
_PATIENCE = 600.0  # seconds for one run
_LAST_WORDS = 600  # characters


@dataclass(frozen=True)
class Run:
    """One run of a case: seconds on the clock and of processors, bytes of memory at the peak, and its traffic.

    ``peak_bytes`` is that of the largest process, where there are several.
    """

    case: str
    turn: int
    seconds: float
    processor_seconds: float
    peak_bytes: int
    traffic: Traffic


def run_once(case: Case, turn: int, log: Path) -> Run:
    """Run a case in its own folder, from which all is removed but what the case keeps.

    Raises BenchmarkError if the tool fails, takes more than ten minutes, is refused a request, or brings a file
    that is not the right one.
    """
    _clear(case)
    mark = Mark.at_end(log)
    seconds, processor, peak = _stopped(case)
    traffic = mark.traffic()
    wrong = case.check(case.output)
    if wrong:
        raise BenchmarkError(f"{case.name} brought {len(wrong)} wrong or missing files, {wrong[0]} among them")
    if traffic.refused:
        raise BenchmarkError(
            f"{case.name} asked for {traffic.refused} things that the mirror does not have: see {log}"
        )
    return Run(case.name, turn, seconds, processor, peak, traffic)


def modules_of(case: Case) -> int:
    """How many modules a case imports, beside those that Python itself does; 0 for what is not written in Python.

    Raises BenchmarkError if the tool fails.
    """
    nothing = replace(case, command=(sys.executable, "-c", "pass"))
    return len(_imported(case) - _imported(nothing))


def _imported(case: Case) -> frozenset[str]:
    _clear(case)
    _stopped(replace(case, environment={**case.environment, "PYTHONPROFILEIMPORTTIME": "1"}))
    lines = (case.folder / "said.txt").read_text(errors="replace").splitlines()
    return frozenset(line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:"))


def _clear(case: Case) -> None:
    for path in (case.output, case.home, *(() if case.keeps_cache else (case.cache,))):
        shutil.rmtree(path, ignore_errors=True)
    for path in (case.home, case.output.parent):
        path.mkdir(parents=True, exist_ok=True)


def _stopped(case: Case) -> tuple[float, float, int]:
    figures, said = case.folder / "figures.txt", case.folder / "said.txt"
    figures.unlink(missing_ok=True)
    command = [*case.within, sys.executable, "-I", "-S", str(_STOPWATCH), str(figures), *case.command]
    with said.open("wb") as output:
        child = subprocess.Popen(
            command,
            cwd=case.folder,
            env=case.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            child.wait(_PATIENCE)
        except subprocess.TimeoutExpired as error:
            raise BenchmarkError(f"{case.name} was still running after {_PATIENCE:.0f} seconds") from error
        finally:
            _end(child)
    if not figures.exists():
        raise BenchmarkError(f"{case.name} could not be started: {_last_words(said)}")
    seconds, processor, peak, code = figures.read_text().split()
    if int(code):
        raise BenchmarkError(f"{case.name} ended with {code}: {_last_words(said)}")
    return float(seconds), float(processor), int(peak)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End what is left of a run, the tool included: it has its own process group."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _last_words(said: Path) -> str:
    return said.read_text(errors="replace").strip()[-_LAST_WORDS:] or "it said nothing"
