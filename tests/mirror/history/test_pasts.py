"""What people are shown of a project is what its dated pages have, and ``mirror diff`` tells the same."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings

from cachi2ish.errors import InputError
from cachi2ish.mirror.instants import end_of
from cachi2ish.mirror.pasts import ProjectPast
from cachi2ish.mirror.records import DatedPage, Registry
from cachi2ish.mirror.web.project_views import changes_between, status_of
from cachi2ish.mirror.web.version_rows import VersionsAt
from tests.mirror.history.test_any_history import DAYS, REGISTRIES, STEPS, Step, Upstream, fresh_history, memory
from tests.mirror.history.world import APPLE, Watched, a_file, end_of_day, instant

__all__ = ["memory"]

#: The end of each of the days, and now.
MOMENTS = (*DAYS, None)


def past_of(watched: Watched, *, every: bool = False) -> ProjectPast:
    pasts = watched.history.pasts
    past = pasts.project("pypi", APPLE)
    return pasts.project("pypi", APPLE, versions={one.version for one in past.tallies}) if every else past


def listed(watched: Watched, day: int | None) -> set[tuple[str, str]]:
    answer = watched.asks(day)
    if not isinstance(answer, DatedPage):
        return set()
    return set(zip((one.filename for one in answer.page.files), answer.keys, strict=True))


@settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STEPS, REGISTRIES)
def test_whatever_happens_people_see_what_the_pages_have(
    memory: Path, steps: list[Step], registry: Registry
) -> None:
    with fresh_history(memory) as history:
        watched, upstream = Watched(history, registry), Upstream()
        for action, which, pause, seen in steps:
            upstream.does(action, which)
            upstream.day += pause
            if seen:
                upstream.is_seen(watched)
        for day in MOMENTS:
            agrees_with_the_page(watched, day)
        for before, after in ((0, 3), (2, 9), (4, None)):
            agrees_with_diff(watched, before, after)


def agrees_with_the_page(watched: Watched, day: int | None) -> None:
    past = past_of(watched, every=True)
    then = past.at(None if day is None else end_of(end_of_day(day)))
    has_page = isinstance(watched.asks(day), DatedPage)
    shown = {(one.filename, one.key) for one in past.files if then.has(one)}
    if has_page:
        assert shown == listed(watched, day)
    versions = VersionsAt(past_of(watched), then.before)
    assert (versions.files, sum(row.files for row in versions.rows())) == (len(shown), len(shown))
    page = watched.asks(day)
    if isinstance(page, DatedPage):
        assert (then.coverage, past.is_closed(then.before)) == (page.coverage, page.closed)
    elif past.generations:
        assert status_of(then)[0] == page.reason.value


def agrees_with_diff(watched: Watched, before: int, after: int | None) -> None:
    if not past_of(watched).generations:
        return
    start = end_of(end_of_day(before)) or 0
    end = None if after is None else end_of(end_of_day(after))
    past = past_of(watched)
    until = end_of_day(400 if after is None else after)
    try:
        expected = watched.history.diff("pypi", APPLE, end_of_day(before), until)
    except InputError:
        return
    if after is None and any(one.available is None for one in past_of(watched, every=True).files):
        return  # a date in the far future leaves undated files out, and now does not
    found = [(one.filename, one.change) for one in changes_between(past, start, end)]
    assert found == [(one.filename, one.change) for one in expected]


def test_a_project_that_nobody_has_seen_has_no_past(watched: Watched) -> None:
    past = past_of(watched)
    assert (past.looked_at, past.generations, past.tallies) == (None, (), ())


def test_coverage_counts_what_was_looked_at_by_then(watched: Watched) -> None:
    watched.sees(5, a_file("1.0", 0.5))
    pasts = watched.history.pasts
    counts = [
        (day.there, day.observed, day.closed)
        for day in (pasts.coverage("pypi", end_of_day(one), instant(9)) for one in (-1, 2, 4, 5, 8))
    ]
    assert counts == [(0, 0, 0), (1, 0, 1), (1, 0, 0), (1, 1, 0), (1, 1, 0)]
    now = pasts.coverage("pypi", None, instant(9))
    assert (now.there, now.observed) == (1, 1)


def test_a_name_that_is_nearly_right_is_found_among_many(watched: Watched) -> None:
    watched.sees(1, a_file("1.0", 0.5))
    assert watched.history.pasts.alike("pypi", "aple", 5) == ("apple",)
    assert watched.history.pasts.alike("pypi", "zebra", 5) == ()
