"""What a date means: held against an independent, plain implementation that counts with fractions of seconds."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cachi2ish.core.cutoff import Cutoff, InvalidDateError, parse_duration, rfc3339
from cachi2ish.simple_api.fields import instant

NOW = datetime(2026, 3, 1, 12, 30, 15, 999_999, tzinfo=UTC)
DAY = 86_400


def seconds(text: str) -> Fraction:
    """The plain implementation: seconds since the year 1, exactly, of an instant or of the end of a day."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return Fraction((date.fromisoformat(text).toordinal() + 1) * DAY)
    day, clock, fraction, zone = re.fullmatch(
        r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d+)?(Z|z|[+-]\d\d:\d\d)", text
    ).groups()  # type: ignore[union-attr]
    hour, minute, second = map(int, clock.split(":"))
    local = date.fromisoformat(day).toordinal() * DAY + hour * 3600 + minute * 60 + second
    offset = 0 if zone in "Zz" else int(zone[1:3]) * 3600 + int(zone[4:]) * 60
    east = -offset if zone[0] == "-" else offset
    return local - east + Fraction(f"0{fraction or ''}")


LEAP_DAYS = [datetime(year, 2, 29, 23, 59, 59) for year in (2000, 2016, 2024)]  # noqa: DTZ001
MOMENTS = st.one_of(
    st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2090, 1, 1)),  # noqa: DTZ001
    st.sampled_from(LEAP_DAYS),
)
OFFSETS = st.one_of(
    st.sampled_from([0, 60, -300, 330, 345, 765, 840, -720]), st.integers(min_value=-1439, max_value=1439)
)
FRACTIONS = st.one_of(
    st.just(""), st.text("0123456789", min_size=1, max_size=6), st.sampled_from(["0", "000000", "999999"])
)


def written(moment: datetime, offset: int, fraction: str, *, lower: bool = False) -> str:
    """An RFC 3339 text of a local moment."""
    sign, size = ("-", -offset) if offset < 0 else ("+", offset)
    zone = f"{sign}{size // 60:02}:{size % 60:02}" if offset else "Z"
    text = f"{moment:%Y-%m-%dT%H:%M:%S}{'.' if fraction else ''}{fraction}{zone}"
    return text.lower() if lower else text


@given(MOMENTS, OFFSETS, FRACTIONS, st.booleans())
def test_an_instant_is_the_one_that_is_written(moment: datetime, offset: int, fraction: str, lower: bool) -> None:
    text = written(moment, offset, fraction, lower=lower)
    read = Cutoff.parse(text, NOW).instant
    assert read.tzinfo is UTC
    assert seconds(rfc3339(read)) == seconds(text)


@given(st.dates(min_value=date(1990, 1, 1), max_value=date(2090, 1, 1)))
@example(date(2024, 2, 28))
@example(date(2024, 2, 29))
@example(date(2023, 2, 28))
@example(date(2024, 12, 31))
def test_a_date_is_the_end_of_that_day_in_utc(day: date) -> None:
    assert seconds(str(Cutoff.parse(day.isoformat(), NOW))) == seconds(day.isoformat())


@given(
    MOMENTS,
    OFFSETS,
    FRACTIONS,
    st.one_of(
        st.integers(min_value=-3, max_value=3), st.integers(min_value=-2 * DAY * 10**6, max_value=2 * DAY * 10**6)
    ),
    OFFSETS,
    st.booleans(),
)
def test_a_file_is_there_if_it_was_uploaded_strictly_before(
    moment: datetime, offset: int, fraction: str, later: int, uploaded_offset: int, whole_day: bool
) -> None:
    """later: microseconds from the cutoff to the upload, which is written in another time zone."""
    text = f"{moment:%Y-%m-%d}" if whole_day else written(moment, offset, fraction)
    cutoff = Cutoff.parse(text, NOW)
    upload = (cutoff.instant + timedelta(microseconds=later)).astimezone(
        timezone(timedelta(minutes=uploaded_offset))
    )
    # As an index writes it: no fraction at all where that is zero.
    declared = written(upload, uploaded_offset, f"{upload.microsecond:06}" if upload.microsecond else "")
    read = instant(declared)
    assert read is not None
    assert cutoff.admits(read) == (seconds(declared) < seconds(text)) == (later < 0)


@given(MOMENTS, st.text("0123456789", min_size=7, max_size=30), st.integers(min_value=0, max_value=999_999))
@example(datetime(2024, 10, 1), "1234567", 123456)  # noqa: DTZ001
@example(datetime(2024, 10, 1), "1234560000", 123456)  # noqa: DTZ001
@example(datetime(2024, 10, 1), "9999999", 999999)  # noqa: DTZ001
def test_a_fraction_may_be_finer_than_any_upload_time(moment: datetime, fraction: str, micro: int) -> None:
    text, declared = written(moment, 0, fraction), written(moment, 0, f"{micro:06}")
    read = instant(declared)
    assert read is not None
    assert Cutoff.parse(text, NOW).admits(read) == (seconds(declared) < seconds(text))


@given(MOMENTS, st.text("0123456789", min_size=7, max_size=30), FRACTIONS)
def test_an_upload_time_may_be_finer_than_the_cutoff(moment: datetime, upload: str, cutoff: str) -> None:
    text, declared = written(moment, 0, cutoff), written(moment, 0, upload)
    read = instant(declared)
    assert read is not None
    assert Cutoff.parse(text, NOW).admits(read) == (seconds(declared) < seconds(text))


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("7 days", timedelta(days=7)),
        ("1 day", timedelta(days=1)),
        ("7days", timedelta(days=7)),
        ("7d", timedelta(days=7)),
        ("1 week", timedelta(weeks=1)),
        ("2 Weeks", timedelta(weeks=2)),
        ("36 hours", timedelta(hours=36)),
        ("36h", timedelta(hours=36)),
        ("90 minutes", timedelta(minutes=90)),
        ("0 days", timedelta()),
        ("P7D", timedelta(days=7)),
        ("p7d", timedelta(days=7)),
        ("P1W", timedelta(weeks=1)),
        ("PT12H", timedelta(hours=12)),
        ("P1DT12H30M15S", timedelta(days=1, hours=12, minutes=30, seconds=15)),
        ("PT30M", timedelta(minutes=30)),
        ("  P7D ", timedelta(days=7)),
    ],
)
def test_a_duration_counts_back_from_now_in_whole_seconds(text: str, back: timedelta) -> None:
    local = NOW.astimezone(timezone(timedelta(hours=5)))
    for now in (NOW, local):
        assert Cutoff.parse(text, now).instant == NOW.replace(microsecond=0) - back


def test_a_leap_second_is_the_beginning_of_the_next_day() -> None:
    for text in ("2016-12-31T23:59:60Z", "2016-12-31T23:59:60.75Z", "2017-01-01T08:59:60+09:00"):
        assert str(Cutoff.parse(text, NOW)) == "2017-01-01T00:00:00Z"


def test_cutoffs_of_the_same_instant_are_equal_however_they_are_written() -> None:
    texts = ("2024-10-01", "2024-10-02T00:00:00Z", "2024-10-02T02:00:00.000+02:00", "2024-10-02 00:00:00z")
    assert {Cutoff.parse(text, NOW) for text in texts} == {Cutoff(datetime(2024, 10, 2, tzinfo=UTC))}
    assert Cutoff.parse(" 2024-10-01 ", NOW).declared == "2024-10-01"


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("", "is not a date", "2024-10-01"),
        ("soon", "is not a date", "2024-10-01"),
        ("yesterday", "is not a date", "7 days"),
        ("20241001", "is not a date", "2024-10-01"),
        ("2024-10", "is not a date", "2024-10-01"),
        ("2024-W40", "is not a date", "2024-10-01"),
        ("01/10/2024", "is not a date", "2024-10-01"),
        ("2024-1-1", "is not a date", "2024-10-01"),
        ("1727740800", "is not a date", "2024-10-01"),
        ("2024-10-01T12Z", "is not a date", "T12:00:00Z"),
        ("2024-10-01T12:00Z", "is not a date", "T12:00:00Z"),
        ("2024-10-01T12:00:00+0200", "is not a date", "T12:00:00Z"),
        ("2024-10-01T12:00:00+25:00", "is not a date", "T12:00:00Z"),
        ("2024-10-01T12:00:00+02:60", "is not a date", "T12:00:00Z"),
        ("2024-10-01T12:00:00,5Z", "is not a date", "T12:00:00Z"),
        ("\uff12024-10-01", "is not a date", "2024-10-01"),
        ("2024-02-30", "not in the calendar", "2024-10-01"),
        ("2023-02-29", "not in the calendar", "2024-10-01"),
        ("0000-01-01", "not in the calendar", "2024-10-01"),
        ("2024-13-01T00:00:00Z", "not in the calendar", "2024-10-01"),
        ("2024-10-01T24:00:00Z", "not on the clock", "T12:00:00Z"),
        ("2024-10-01T12:60:00Z", "not on the clock", "T12:00:00Z"),
        ("2024-10-01T12:00:61Z", "not on the clock", "T12:00:00Z"),
        ("2024-10-01T12:00:60Z", "no leap second", "23:59:60Z"),
        ("2024-10-01T23:59:60+02:00", "no leap second", "23:59:60Z"),
        ("2024-10-01T12:00:00", "no offset from UTC", "append Z"),
        ("9999-12-31", "years 1 to 9999", "2024-10-01"),
        ("0001-01-01T00:00:00+01:00", "years 1 to 9999", "2024-10-01"),
        ("9999-12-31T23:59:59.9999999Z", "years 1 to 9999", "2024-10-01"),
        ("P1M", "months, whose length varies", "P30D"),
        ("P1Y", "months, whose length varies", "P365D"),
        ("P1Y2M3D", "months, whose length varies", "P30D"),
        ("1 month", "is not a date", "7 days"),
        ("1.5 days", "is not a date", "7 days"),
        ("seven days", "is not a date", "7 days"),
        ("P", "is not a date", "P7D"),
        ("PT", "is not a date", "P7D"),
        ("P7", "is not a date", "P7D"),
        ("P1DT", "is not a date", "P7D"),
        ("-7 days", "has a sign", "leave it out"),
        ("-P7D", "has a sign", "leave it out"),
        ("+7 days", "has a sign", "leave it out"),
        ("40000 days", "more than a hundred years", "7 days"),
        ("9999999 weeks", "more than a hundred years", "7 days"),
        ("9" * 5000 + " days", "is not a date", "7 days"),
    ],
)
def test_what_names_no_instant_is_refused_with_a_way_out(text: str, says: str, hint: str) -> None:
    with pytest.raises(InvalidDateError) as caught:
        Cutoff.parse(text, NOW)
    assert says in str(caught.value)
    assert hint in caught.value.hint
    assert len(str(caught.value)) < 160


@given(st.text(max_size=30))
def test_any_text_is_an_instant_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidDateError):
        assert Cutoff.parse(text, NOW).instant.tzinfo is UTC


def test_an_instant_is_shown_in_utc_without_a_fraction_of_zero() -> None:
    zone = timezone(timedelta(hours=-5))
    assert rfc3339(datetime(2024, 10, 1, 20, 0, 0, 500_000, tzinfo=zone)) == "2024-10-02T01:00:00.500000Z"
    assert rfc3339(datetime(2024, 10, 1, 19, 0, tzinfo=zone)) == "2024-10-02T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "hours"), [("30 days", 720), ("P30D", 720), ("12h", 12), ("PT0S", 0), ("0 hours", 0)]
)
def test_a_duration_alone(text: str, hours: int) -> None:
    assert parse_duration(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["2024-10-01", "2024-10-01T12:00:00Z", "", "soon", "-1 day", "P1M", "9999999 d"])
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidDateError) as caught:
        parse_duration(text)
    assert caught.value.hint
