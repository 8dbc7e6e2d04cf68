from __future__ import annotations

import re

import pytest

from benchmarks.cases import TITLES, case_name
from benchmarks.measuring import Run
from benchmarks.rows import HELP, ROWS, targets
from benchmarks.traffic import Traffic

NAMES = {case_name(group, title) for group, titles in TITLES.items() for title in titles} | {HELP}


def runs(case: str, *seconds: float) -> list[Run]:
    traffic = Traffic(0, 0, 0, 0)
    return [Run(case, turn, each, each, 50_000_000, traffic) for turn, each in enumerate(seconds, 1)]


def cells(known: list[Run], reasons: dict[str, str], name: str) -> list[str]:
    lines = targets(ROWS, known, {HELP: 116}, reasons).splitlines()
    (line,) = (line for line in lines if line.startswith(f"| {name} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_each_row_has_a_name_of_its_own_and_cases_that_are_there() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert {name for row in ROWS for name in row.cases} <= NAMES
    assert all(re.fullmatch(r"[a-z-]+", row.name) for row in ROWS)


def test_both_cases_of_a_ratio_run_in_one_place() -> None:
    # Else their rounds would not stand side by side.
    assert all(len({name.partition(": ")[0] for name in row.cases}) == 1 for row in ROWS)


def test_a_row_that_misses_its_target_is_marked_by_its_median_as_printed() -> None:
    known = runs("line sdists: cachi2ish", 1.124, 1.5, 1.0) + runs("line sdists: curl --parallel", 1.0, 1.0, 1.0)
    assert cells(known, {}, "line")[2:] == ["at most 1.12", "1.12 (1.00-1.50)", ""]
    slower = runs("line sdists: cachi2ish", 1.13) + runs("line sdists: curl --parallel", 1.0)
    assert cells(slower, {}, "line")[-1] == "**missed**"


def test_some_targets_are_lower_bounds() -> None:
    known = runs("line wheels: pip download", 5.0) + runs("line wheels: cachi2ish", 1.0)
    assert cells(known, {}, "pip-line")[2:] == ["at least 6.00", "5.00 (5.00-5.00)", "**missed**"]


@pytest.mark.parametrize("name", ["hermeto", "hermeto-line"])
def test_a_row_that_cannot_be_measured_says_why(name: str) -> None:
    why = {case_name(group, "Hermeto"): "Hermeto is not installed here" for group in TITLES}
    assert cells([], why, name)[3:] == ["", "not measured: Hermeto is not installed here"]


def test_counts_are_whole_numbers() -> None:
    assert cells(runs("line sdists: cachi2ish, second run", 1.0, 2.0), {}, "warm-requests")[3] == "0"
    assert cells([], {}, "modules-help")[2:] == ["at most 120", "116", ""]
