from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from benchmarks.cases import Case
from benchmarks.checking import holds_files
from benchmarks.failures import BenchmarkError
from benchmarks.measuring import Run, run_once


def case(folder: Path, script: str, *, keeps_cache: bool = False, expected: dict[str, str] | None = None) -> Case:
    command = (sys.executable, "-I", "-S", "-c", script)
    folder.mkdir(exist_ok=True)
    settings = {"PATH": os.environ["PATH"]}
    return Case("sdists", "tool", command, folder, settings, holds_files(expected or {}), keeps_cache)


def once(measured: Case) -> Run:
    return run_once(measured, 1, measured.folder / "access.log")


def test_memory_and_processor_time_of_the_tool_are_measured(tmp_path: Path) -> None:
    small = once(case(tmp_path / "small", "pass"))
    large = once(case(tmp_path / "large", "b = b'x' * 200_000_000; sum(range(2_000_000))"))
    assert large.peak_bytes > 200_000_000
    # The benchmark's own memory is not in it.
    assert small.peak_bytes < 30_000_000
    assert large.processor_seconds > small.processor_seconds


def test_each_run_begins_without_what_the_last_one_left(tmp_path: Path) -> None:
    script = "import os; os.makedirs('output'); os.makedirs('cache'); open('home/seen', 'x').close()"
    measured = case(tmp_path / "cold", script)
    once(measured)
    once(measured)


def test_a_cache_is_kept_where_the_case_says_so(tmp_path: Path) -> None:
    measured = case(tmp_path / "warm", "import os; os.makedirs('cache/more')", keeps_cache=True)
    once(measured)
    with pytest.raises(BenchmarkError, match="FileExistsError"):
        once(measured)


def test_a_tool_that_fails_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"sdists: tool ended with 3: no such index"):
        once(case(tmp_path / "c", "import sys; sys.stderr.write('no such index'); sys.exit(3)"))


def test_a_tool_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    missing = Case("sdists", "tool", (str(tmp_path / "missing"),), tmp_path, {}, holds_files({}))
    with pytest.raises(BenchmarkError, match="could not be started"):
        once(missing)


def test_a_run_that_brings_less_than_it_should_does_not_count(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"1 wrong or missing files, pear\.tar\.gz among them"):
        once(case(tmp_path / "c", "pass", expected={"pear.tar.gz": "0" * 64}))


def test_a_run_that_was_refused_something_does_not_count(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="1 things that the mirror does not have"):
        once(case(tmp_path / "c", "open('access.log', 'w').write('1 404 0 /gone\\n')"))
