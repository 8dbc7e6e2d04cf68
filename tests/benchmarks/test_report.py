from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.measuring import Run
from benchmarks.report import Spread, ratios, spread, table
from benchmarks.traffic import Traffic


def run(case: str, turn: int, seconds: float) -> Run:
    return Run(case, turn, seconds, 0.5, 50_000_000, Traffic(84, 12, 40_600_000, 0))


def runs(case: str, *seconds: float) -> list[Run]:
    return [run(case, turn, each) for turn, each in enumerate(seconds, 1)]


def test_a_spread_is_the_median_between_the_least_and_the_greatest() -> None:
    assert spread([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert str(spread([3.0, 1.0, 2.0])) == "2.00 (1.00-3.00)"


def test_there_is_no_spread_of_nothing() -> None:
    with pytest.raises(ValueError, match="no numbers"):
        spread([])


def test_ratios_are_made_within_each_round() -> None:
    # The second round ran while the machine was busy: both cases took ten times as long.
    both = runs("a", 2.0, 20.0, 3.0) + runs("b", 1.0, 10.0, 1.0)
    assert ratios(both, "a", "b") == Spread(2.0, 2.0, 3.0)


def test_a_round_that_only_one_of_both_finished_gives_no_ratio() -> None:
    assert ratios(runs("a", 2.0, 9.0) + runs("b", 1.0), "a", "b") == Spread(2.0, 2.0, 2.0)


@given(st.lists(st.floats(0.01, 100), min_size=1), st.floats(0.1, 10))
def test_a_machine_that_is_slower_in_some_rounds_changes_no_ratio(seconds: list[float], factor: float) -> None:
    both = runs("a", *(each * factor for each in seconds)) + runs("b", *seconds)
    found = ratios(both, "a", "b")
    assert found.low == pytest.approx(factor)
    assert found.high == pytest.approx(factor)


def test_the_table_has_the_cases_of_one_group_the_fastest_first() -> None:
    known = runs("sdists: slow", 4.0, 4.0) + runs("sdists: limit", 1.0, 2.0) + runs("wheels: other", 1.0)
    lines = table(known, "sdists", limit="limit", product="slow").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert len({len(line) for line in lines}) == 1
    assert cells[2] == ["limit", "", "0.38 (0.25-0.50)", "1.50 (1.00-2.00)", "0.50", "50", "84", "12", "40.6"]
    assert cells[3][:3] == ["slow", "3.00 (2.00-4.00)", ""]
    assert len(cells) == 4


def test_ratios_are_left_out_where_the_limit_was() -> None:
    lines = table(runs("sdists: slow", 4.0), "sdists", limit="limit", product="slow").splitlines()
    assert [cell.strip() for cell in lines[2].split("|")][1:4] == ["slow", "", ""]
