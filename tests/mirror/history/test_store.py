from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as replaced
from packaging.utils import NormalizedName
from sqlalchemy import Engine, event

from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.errors import InputError
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.records import DAY, Coverage, DatedPage, Gone, Look, Refusal, Unchanged
from cachi2ish.simple_api.page_digest import page_digest
from cachi2ish.simple_api.refusal_reasons import RefusalReason
from tests.mirror.history.world import APPLE, PYPI, Watched, a_file, a_page, at, end_of_day, instant

OLD, NEW = a_file("1.0", 0.5), a_file("2.0", 2.5)


def test_a_registry_that_is_not_configured_is_an_error(history: SqlHistory) -> None:
    with pytest.raises(InputError, match="no registry 'other'"):
        history.page("other", APPLE, None)


def test_rules_are_those_that_were_configured_last(history: SqlHistory) -> None:
    history.configure(PYPI)
    other = replace(PYPI, private=True)
    history.configure(other)
    assert history.registries() == (other,)


def test_of_a_project_that_nobody_has_looked_at_nothing_is_known(watched: Watched) -> None:
    answer = watched.asks(1)
    assert isinstance(answer, Refusal)
    assert (answer.reason, answer.looked_at) == (RefusalReason.UNKNOWN, None)


def test_a_name_that_nobody_has_registered_is_absent_and_not_followed(watched: Watched) -> None:
    watched.sees_nothing(1)
    answer = watched.asks(3)
    assert isinstance(answer, Refusal)
    assert (answer.reason, answer.looked_at) == (RefusalReason.ABSENT, instant(1))
    assert watched.history.due("pypi", instant(99), 9) == ()


def test_that_nothing_has_changed_says_nothing_where_nothing_is_known(watched: Watched) -> None:
    assert watched.looks(1, Unchanged()).ignored
    assert watched.asks(1) == watched.asks(2)


def test_a_page_is_given_back_as_the_upstream_states_it(watched: Watched) -> None:
    files = (
        OLD,
        replace_(NEW, yanked=True, yanked_reason="no", requires_python=None, provenance="https://p.example/"),
        replace_(
            a_file("3.0", 2.6), hashes=(("md5", "0" * 32),), core_metadata=(), url="https://b.example/get?id=7"
        ),
        replace_(a_file("3.0", 2.7, name="apple-3.0-py3-none-any.whl"), hashes=(), core_metadata=None),
        replace_(a_file("4.0", 2.8), url="https://b.example/4/", hashes=(("sha256", "f" * 64), ("md5", "0" * 32))),
    )
    page = a_page(files)
    watched.looks(3, page)
    now = watched.page(None)
    assert now.page == replaced(page, versions=("1.0", "2.0", "3.0", "4.0"))
    assert watched.page(2).page.files == files
    assert [len(key) for key in now.keys] == [64] * 5
    assert len(set(now.keys)) == 5
    for key, one in zip(now.keys, files, strict=True):
        [found] = watched.history.file(key)
        assert (found.filename, found.url, found.digests) == (one.filename, one.url, one.digests)
        assert found.listed


def replace_(file: IndexFile, **values: object) -> IndexFile:
    return replaced(file, **values)


def test_no_secret_of_an_address_is_kept(watched: Watched) -> None:
    watched.sees(1, replace_(OLD, url="https://user:secret@b.example/apple-1.0.tar.gz?token=secret"))
    [file] = watched.page(None).page.files
    assert "secret" not in file.url


def test_versions_are_those_that_have_a_file_as_the_index_spells_them(watched: Watched) -> None:
    page = replaced(a_page([OLD, a_file("2.0", 2.5)]), versions=("1.0.0", "2.0", "7.0"))
    watched.looks(3, page)
    assert watched.page(1).page.versions == ("1.0.0",)
    assert watched.page(2).page.versions == ("1.0.0", "2.0")


def test_a_day_is_closed_once_it_is_over_and_was_looked_at_after_a_settling_time(watched: Watched) -> None:
    watched.sees(2.1, OLD)
    assert [watched.page(day).closed for day in (0, 1)] == [True, False]
    watched.looks(2.25, Unchanged())
    assert [watched.page(day).closed for day in (0, 1, 2)] == [True, True, False]
    assert not watched.page(None).closed


def test_what_is_closed_stays_so_whatever_the_rules_become(watched: Watched) -> None:
    watched.sees(2.5, OLD)
    before = watched.page(1)
    watched.history.configure(replace(PYPI, settling=9 * DAY))
    watched.sees(4.5, OLD, a_file("3.0", 1.5))
    assert watched.page(1).closed
    assert watched.page(1).digest == before.digest


def test_coverage_tells_what_was_looked_at_in_its_time(watched: Watched) -> None:
    watched.sees(1.5, OLD)
    watched.sees(4.5, OLD, NEW)
    assert [watched.page(day).coverage for day in (0, 1, 2)] == [
        Coverage.COMPUTED,
        Coverage.OBSERVED,
        Coverage.OBSERVED,
    ]
    assert [watched.page(day).unseen for day in (0, 1, 2, 4)] == [1, 0, 1, 0]
    refusal = watched.asks(0, observed_only=True)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is RefusalReason.COVERAGE
    assert isinstance(watched.asks(1, observed_only=True), DatedPage)


def test_the_digest_is_that_of_what_a_client_reads(watched: Watched) -> None:
    watched.sees(3, OLD, NEW)
    page = watched.page(2)
    files = tuple(replace_(one, url="../../x") for one in page.page.files)
    moved = replaced(page.page, files=files, last_serial=9)
    assert page_digest(moved) == page.digest
    assert watched.page(1).digest != page.digest


def test_a_quarantine_of_now_is_told_with_pages_of_before(watched: Watched) -> None:
    watched.sees(1.5, OLD)
    assert not watched.page(1).quarantined
    watched.sees(3.5, status="quarantined")
    assert watched.page(1).quarantined


def test_what_has_not_changed_costs_no_row(watched: Watched) -> None:
    watched.sees(1, OLD, digest="a" * 64)
    before = watched.history.status(instant(9))
    for step in range(100):
        watched.sees(2 + step / 200, OLD, digest="a" * 64)
    watched.looks(4, Unchanged())
    after = watched.history.status(instant(9))
    assert (before.looks, after.looks) == (1, 102)
    assert before.size == after.size
    assert watched.page(None).looked_at == instant(4)


def test_files_that_vanish_are_to_be_rescued_until_somebody_says_what_became_of_them(watched: Watched) -> None:
    watched.sees(1, OLD, NEW)
    [gone] = watched.sees(4, OLD).vanished
    assert (gone.filename, gone.listed) == (NEW.filename, False)
    assert watched.history.files_to_rescue(9) == (gone,)
    watched.history.rescued(gone, held=False, now=instant(4))
    assert watched.history.files_to_rescue(9) == ()
    assert watched.history.status(instant(4)).lost == 1
    watched.history.rescued(gone, held=True, now=instant(4))
    assert watched.history.status(instant(4)).lost == 0
    assert watched.history.files_to_rescue(9) == ()


def test_all_files_of_a_deleted_project_are_to_be_rescued(watched: Watched) -> None:
    watched.sees(3, OLD, NEW)
    assert len(watched.sees_nothing(4).vanished) == 2
    assert [one.listed for one in watched.history.files_to_rescue(9)] == [False, False]


def test_the_same_bytes_may_be_in_several_places(watched: Watched) -> None:
    private = replace(PYPI, name="ours", private=True)
    watched.history.configure(private)
    watched.sees(1, OLD)
    watched.history.observe("ours", NormalizedName("pear"), a_page([OLD]), Look(seen_at=instant(2)))
    found = watched.history.file(OLD.hashes[0][1])
    assert [(one.registry, one.project, one.private) for one in found] == [
        ("pypi", "apple", False),
        ("ours", "pear", True),
    ]


@pytest.mark.parametrize("key", ["", "f" * 64, "u" + "f" * 63, "F" * 64, "é" * 64, "0" * 63, "u" * 64])
def test_of_a_key_that_nothing_has_there_is_no_file(watched: Watched, key: str) -> None:
    watched.sees(1, OLD)
    assert watched.history.file(key) == ()


def test_projects_are_due_again_after_the_interval_those_first_that_wait_longest(watched: Watched) -> None:
    history, pear = watched.history, NormalizedName("pear")
    watched.sees(1, OLD, serial=5)
    assert history.due("pypi", instant(1.9), 9) == ()
    assert history.track("pypi", [pear, APPLE], instant(1.5)) == 1
    assert [one.project for one in history.due("pypi", instant(2), 9)] == [pear, APPLE]
    assert [one.serial for one in history.due("pypi", instant(2), 9)] == [None, 5]
    assert [one.project for one in history.due("pypi", instant(2), 1)] == [pear]
    history.postpone("pypi", pear, instant(3))
    assert [one.project for one in history.due("pypi", instant(2), 9)] == [APPLE]
    history.observe("pypi", pear, Gone(), Look(seen_at=instant(4)))
    assert [one.project for one in history.due("pypi", instant(5), 9)] == [APPLE, pear]


def test_the_list_of_projects_is_filtered_as_their_pages_are(watched: Watched) -> None:
    history = watched.history
    answers: dict[str, Page | Gone] = {
        "later": a_page([a_file("1.0", 7.5)]),
        "missing": Gone(),
        "there": a_page([OLD]),
        "untimed": a_page([a_file("1.0", None)]),
        "void": a_page([]),
        "away": a_page([], status="quarantined"),
    }
    for name, answer in answers.items():
        history.observe("pypi", NormalizedName(name), answer, Look(seen_at=instant(8)))
    assert history.projects("pypi", None) == ("later", "there", "untimed", "void")
    for day in (1, 7, 8):
        names = history.projects("pypi", end_of_day(day))
        pages = (
            name
            for name in ("away", "later", "missing", "there", "untimed", "void")
            if isinstance(history.page("pypi", NormalizedName(name), end_of_day(day)), DatedPage)
        )
        assert names == tuple(pages)
    assert names == ("later", "there", "void")


def test_status_counts(watched: Watched) -> None:
    watched.sees(3, OLD, NEW)
    watched.sees(4, a_file("1.0", 0.5, content="other"), NEW)
    status = watched.history.status(instant(6))
    assert (status.projects, status.files, status.looks, status.due) == ({"pypi": 1}, 3, 2, 1)
    assert status.overdue == instant(5)
    assert status.to_rescue == 1
    assert [one.text for one in status.alarms] == ["apple-1.0.tar.gz had another digest before"]
    assert at(3) < at(4)


def test_status_counts_what_is_of_some_registries_alone_however_much_others_have(watched: Watched) -> None:
    history = watched.history
    watched.sees(3, OLD, NEW)
    watched.sees(4, a_file("1.0", 0.5, content="other"), NEW)
    history.configure(replace(PYPI, name="team", private=True))
    for number in range(102):
        page = a_page([a_file("1.0", 0.5, content=f"bytes {number}")])
        history.observe("team", APPLE, page, Look(seen_at=instant(5 + number / 100)))
    some, every = history.status(instant(9), ["pypi"]), history.status(instant(9))
    assert (len(every.alarms), every.all_alarms) == (100, 102)
    assert {one.registry for one in every.alarms} == {"team"}
    assert [(one.registry, some.all_alarms) for one in some.alarms] == [("pypi", 1)]
    assert (some.projects, some.followed, every.projects) == ({"pypi": 1}, {"pypi": 1}, {"pypi": 1, "team": 1})
    assert (some.files, some.looks, some.due, some.to_rescue, some.lost) == (3, 2, 1, 1, 0)
    assert (every.files, every.looks, every.due, every.to_rescue) == (105, 104, 2, 102)


def test_what_is_known_of_one_file_is_found_without_reading_all_observations(tmp_path: Path) -> None:
    place, asked = tmp_path / "own.sqlite", list[tuple[str, Any]]()

    def heard(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        asked.append((statement, parameters))

    with SqlHistory(place) as history:
        Watched(history).sees(3, OLD)
        event.listen(Engine, "before_cursor_execute", heard)
        try:
            [key] = history.holdings([OLD.hashes[0][1]], instant(3))
        finally:
            event.remove(Engine, "before_cursor_execute", heard)
        assert history.holdings([key], instant(3))[key].listed
        assert not history.holdings([key], instant(4))[key].listed
    with closing(sqlite3.connect(place)) as database:
        plans = [database.execute(f"EXPLAIN QUERY PLAN {one}", values).fetchall() for one, values in asked]
    steps = [step for plan in plans for *_, step in plan if "observation" in step]
    assert steps
    assert [step for step in steps if step.startswith("SCAN")] == []
