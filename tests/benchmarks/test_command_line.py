"""``python -m benchmarks``, as ``make bench`` runs it, with three small projects in the place of the real ones."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import benchmarks
from tests.benchmarks.conftest import Closure
from tests.support.command_line import clean_environment
from tests.support.tls import needs_openssl

ROOT = Path(benchmarks.__file__).parent.parent

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="the limit is curl's")


def bench(home: Path, *options: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *map(str, options)]
    return subprocess.run(
        command, cwd=ROOT, env=clean_environment(home, **environ), capture_output=True, text=True, check=False
    )


@pytest.fixture
def options(closure: Closure, tmp_path: Path) -> tuple[str | Path, ...]:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(closure.requirements)
    return ("--requirements", requirements, "--folder", tmp_path / "bench", "--server", "python", "--rounds", "1")


def test_help_names_every_option(tmp_path: Path) -> None:
    said = bench(tmp_path, "--help")
    assert said.returncode == 0
    words = set(said.stdout.split())
    assert {"--rounds", "--seed", "--rows", "--cases", "--server", "--tool", "--json", "--list"} <= words


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (("--rounds", "0"), "no number from 1 on"),
        (("--cases", "("), "no regular expression"),
        (("--rows", "line,lane"), "there is no row 'lane', but line, "),
    ],
)
def test_a_wrong_option_is_told(tmp_path: Path, option: tuple[str, str], told: str) -> None:
    said = bench(tmp_path, *option)
    assert said.returncode == 2
    assert told in said.stderr


def test_a_requirements_file_that_is_not_there_is_told_without_a_traceback(tmp_path: Path) -> None:
    said = bench(tmp_path, "--requirements", tmp_path / "missing.txt", "--folder", tmp_path / "bench")
    assert said.returncode == 1
    assert said.stderr.startswith("error: ")
    assert "missing.txt" in said.stderr


@needs_openssl
@needs_curl
def test_cases_are_compared_round_by_round(
    closure: Closure, options: tuple[str | Path, ...], tmp_path: Path
) -> None:
    rows = tmp_path / "runs.json"
    chosen = ("--cases", "^wheels: (curl|cachi2ish|uv)|second", "--json", rows)
    said = bench(tmp_path, *options, *chosen, PIP_INDEX_URL=closure.index.index_url)
    assert said.returncode == 0, said.stderr
    runs = {run["case"]: run for run in json.loads(rows.read_text())}
    assert runs["wheels: cachi2ish"]["traffic"]["requests"] == 6
    assert runs["wheels: curl --parallel"]["traffic"]["requests"] == 3
    assert runs["sdists: cachi2ish, second run"]["traffic"]["requests"] == 0
    assert {run["turn"] for run in runs.values()} == {1}
    assert "| wheels" not in said.stdout
    assert "3 projects, an sdist and a wheel of each" in said.stdout


@needs_openssl
@needs_curl
def test_a_row_is_printed_as_reached_as_missed_or_with_the_reason_why_it_was_not_measured(
    closure: Closure, options: tuple[str | Path, ...], tmp_path: Path
) -> None:
    said = bench(tmp_path, *options, "--cases", "sdists", PIP_INDEX_URL=closure.index.index_url)
    assert said.returncode == 0, said.stderr
    rows = {cells[0]: cells[1:] for cells in map(cells_of, said.stdout.splitlines()) if len(cells) == 5}
    assert rows["modules-help"][1] == "at most 120"
    assert int(rows["modules-help"][2]) > 20
    assert int(rows["modules-warm"][2]) > int(rows["modules-help"][2])
    assert rows["uv"][2:] == ["", "not measured: its cases were not run"]
    assert "line" not in rows


def cells_of(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_rows_and_cases_are_listed_without_a_mirror(tmp_path: Path) -> None:
    said = bench(tmp_path, "--list", "--rows", "line,warm-requests", "--folder", tmp_path / "bench")
    assert said.stdout.splitlines() == [
        "row line: 204 sdists over the line: time / curl",
        "row warm-requests: second run: requests",
        "line sdists: curl --parallel",
        "line sdists: cachi2ish",
        "line sdists: cachi2ish, second run",
    ]
    assert not (tmp_path / "bench").exists()


def test_names_that_no_case_has_are_told(options: tuple[str | Path, ...], tmp_path: Path) -> None:
    said = bench(tmp_path, *options, "--cases", "pixi")
    assert said.returncode == 1
    assert said.stderr.endswith("no case has a name with 'pixi' in it; --list prints them\n")


@needs_openssl
@needs_curl
def test_one_folder_is_for_one_benchmark_at_a_time(
    closure: Closure, options: tuple[str | Path, ...], tmp_path: Path
) -> None:
    index, few = closure.index.index_url, ("--cases", "^wheels: curl")
    assert bench(tmp_path, *options, *few, PIP_INDEX_URL=index).returncode == 0
    (lock,) = (tmp_path / "bench").glob("*/lock")
    with lock.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        said = bench(tmp_path, *options, *few, PIP_INDEX_URL=index)
    assert said.returncode == 1
    assert "another benchmark is running" in said.stderr


@needs_openssl
@needs_curl
def test_a_tool_that_fails_ends_its_cases_and_the_table_is_printed_all_the_same(
    closure: Closure, options: tuple[str | Path, ...], tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.write_text('#!/bin/sh\necho "cachi2ish 0"; test "$1" = --version\n')
    broken.chmod(0o755)
    chosen = ("--cases", "^wheels: (curl|cachi2ish)", "--tool", broken)
    said = bench(tmp_path, *options, *chosen, PIP_INDEX_URL=closure.index.index_url)
    assert said.returncode == 1
    assert said.stderr.endswith("error: wheels: cachi2ish ended with 1: cachi2ish 0\n")
    assert "| uv " in said.stdout
    assert "not measured: wheels: cachi2ish ended with 1" in said.stdout
