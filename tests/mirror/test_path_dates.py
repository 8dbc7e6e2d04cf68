from __future__ import annotations

from datetime import UTC, datetime

import pytest
from packaging.utils import NormalizedName

from cachi2ish.core.cutoff import Cutoff, InvalidDateError
from cachi2ish.mirror.path_dates import DateKind, PathDate, parse_path_date

NOW = datetime(2024, 10, 8, 12, tzinfo=UTC)
APPLE = NormalizedName("apple")


@pytest.mark.parametrize(
    "text", ["", "simple", "Live", "2024-13-01", "2024-10-01T12:00:00", "-7d", "P1Y", "x" * 9999]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(InvalidDateError):
        parse_path_date(text, NOW)


@pytest.mark.parametrize(
    ("text", "kind", "instant"),
    [
        ("2024-10-01", DateKind.FIXED, datetime(2024, 10, 2, tzinfo=UTC)),
        ("2024-10-01T12:00:00+02:00", DateKind.FIXED, datetime(2024, 10, 1, 10, tzinfo=UTC)),
        ("7d", DateKind.COOL_DOWN, datetime(2024, 10, 1, 12, tzinfo=UTC)),
        ("P7D", DateKind.COOL_DOWN, datetime(2024, 10, 1, 12, tzinfo=UTC)),
    ],
)
def test_a_date_means_what_it_means_to_fetch_deps(text: str, kind: DateKind, instant: datetime) -> None:
    assert parse_path_date(text, NOW) == PathDate(kind, Cutoff(instant))
    assert Cutoff.parse(text, NOW) == Cutoff(instant)


def test_live_is_no_date() -> None:
    assert parse_path_date("live", NOW).of(APPLE) is None


def test_a_project_is_exempt_from_a_cool_down_and_from_nothing_else() -> None:
    assert parse_path_date("7d", NOW, [APPLE]).of(APPLE) is None
    assert parse_path_date("7d", NOW, [APPLE]).of(NormalizedName("banana")) is not None
    assert parse_path_date("2024-10-01", NOW, [APPLE]).of(APPLE) is not None


@pytest.mark.parametrize("text", ["2024-10-09", "2024-10-09T00:00:01Z", "2099-01-01"])
def test_a_day_that_has_not_begun_is_refused(text: str) -> None:
    with pytest.raises(InvalidDateError, match="still to come") as caught:
        parse_path_date(text, NOW)
    assert "the newest day that there is, in UTC, is 2024-10-08" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "over"),
    [("2024-10-08", False), ("2024-10-08T13:00:00Z", False), ("2024-10-07", True), ("2024-10-08T12:00:00Z", True)],
)
def test_today_is_a_day_that_is_not_over(text: str, *, over: bool) -> None:
    assert parse_path_date(text, NOW).over is over
