from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import islice
from pathlib import Path

from packaging.utils import parse_sdist_filename, parse_wheel_filename

from benchmarks.history_filling import NAME, RULES, fill, observe
from benchmarks.history_growth import exponent, growth_table, verdicts
from benchmarks.registry_shape import PYPI, Shape, Tally, counts
from benchmarks.simulated_registry import Registry, Sighting
from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.pages import Page
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.instants import instant_of
from cachi2ish.mirror.records import DatedPage, Gone, Unchanged

#: Much happens in it, so that each kind of event is there within a day.
SMALL = Shape(
    projects=150, files=2000, largest=300, files_a_day=60, events_a_day=200, yanked=0.1, quarantined=0.02
)
BUSY = Shape(projects=150, files=2000, largest=300, files_a_day=60, events_a_day=400, registered_again=0.01)


def lived(shape: Shape, days: int) -> list[tuple[Tally, list[Sighting]]]:
    registry = Registry(shape)
    past = [(Tally(), [registry.sighting(number) for number in range(shape.projects)])]
    for _ in range(days):
        tally, sightings = registry.day()
        past.append((tally, list(sightings)))
    return past


def test_a_seed_has_one_registry_and_another_seed_another_one() -> None:
    assert lived(SMALL, 3) == lived(SMALL, 3)
    other = Shape(projects=150, files=2000, largest=300, files_a_day=60, events_a_day=200, seed=2)
    assert {one.project for one in lived(other, 0)[0][1]}.isdisjoint(one.project for one in lived(SMALL, 0)[0][1])


def test_all_of_pypi_has_the_numbers_of_its_shape() -> None:
    found = counts(PYPI)
    assert (len(found), sum(found)) == (700_000, 10_000_000)
    assert min(found) == 1
    assert 30_000 < max(found) <= PYPI.largest
    # Half of all projects have a handful of files, and some have thousands.
    assert sorted(found)[350_000] < 5
    assert sum(count > 1000 for count in found) in range(500, 2000)


def test_a_part_of_it_has_as_many_files_for_a_project_and_events_in_proportion() -> None:
    part = PYPI.of(7000)
    assert (part.files, part.files_a_day, part.events_a_day) == (100_000, 107, 210)
    assert sum(counts(part)) == 100_000


def test_pages_have_the_files_that_the_shape_says_and_names_that_can_be_read() -> None:
    registry = Registry(SMALL)
    pages = [registry.page(number) for number in range(SMALL.projects)]
    assert len({page.project for page in pages}) == SMALL.projects
    assert [len(page.files) for page in pages] == [registry.count(number) for number in range(SMALL.projects)]
    files = [(page, file) for page in pages for file in page.files]
    assert len(files) == SMALL.files
    assert len({file.filename for _, file in files}) == len({file.hashes for _, file in files}) == SMALL.files
    for page, file in files:
        wheel = file.filename.endswith(".whl")
        read = parse_wheel_filename(file.filename) if wheel else parse_sdist_filename(file.filename)
        assert read[0] == page.project
        assert str(read[1]) in [version.removesuffix(".0") + ".0" for version in page.versions or ()]
        assert (file.core_metadata is not None) == wheel
        assert file.upload_time is not None
        assert file.upload_time < SMALL.until
    assert 100 < sum(file.yanked for _, file in files) < 300
    times = [registry.first_upload(number) for number in range(SMALL.projects)]
    assert times == [min(file.upload_time for file in page.files if file.upload_time) for page in pages]


def test_a_day_has_the_events_of_the_shape() -> None:
    kinds: Counter[str] = Counter()
    for tally, sightings in lived(BUSY, 5)[1:]:
        assert (tally.events, tally.files) == (BUSY.events_a_day, BUSY.files_a_day)
        kinds.update({kind: getattr(tally, kind) for kind in Tally.__dataclass_fields__})
        assert sum(isinstance(one.answer, Gone) for one in sightings) <= tally.projects_deleted
        assert all(isinstance(one.answer, Page | Gone) for one in sightings)
    # The first day has nothing yet that could be registered again.
    assert all(kinds[kind] >= 4 for kind in Tally.__dataclass_fields__ if kind != "quarantined"), kinds


def test_a_history_takes_what_is_made_up_without_an_alarm_but_for_names_that_are_registered_again(
    tmp_path: Path,
) -> None:
    registry = Registry(BUSY)
    with SqlHistory(tmp_path / "history.sqlite") as history:
        assert fill(history, registry).added == BUSY.files
        before = history.freeze(NAME, Cutoff(BUSY.until - timedelta(days=1)), instant_of(BUSY.until))
        added = again = 0
        for _ in range(3):
            tally, sightings = registry.day()
            cost = observe(history, sightings)
            added, again = added + cost.added, again + tally.registered_again
            assert cost.vanished > 0
            vain = list(registry.in_vain(20))
            assert all(isinstance(one.answer, Unchanged) for one in vain)
            assert observe(history, vain).added == 0
        assert added <= 3 * BUSY.files_a_day
        assert history.status(0).files == BUSY.files + added
        assert {one.kind.value for one in history.status(0).alarms} == {"registered-again"}
        assert history.status(0).all_alarms == again > 0
        assert history.freeze(NAME, Cutoff(BUSY.until - timedelta(days=1)), instant_of(BUSY.until)) == before
        now = history.page(NAME, registry.name(0), None)
        assert isinstance(now, DatedPage)
        assert {one.filename for one in now.page.files} == {one.filename for one in registry.page(0).files}


def test_a_fill_that_was_broken_off_goes_on(tmp_path: Path) -> None:
    registry = Registry(SMALL)
    with SqlHistory(tmp_path / "history.sqlite") as history:
        history.configure(RULES)
        observe(history, islice(map(registry.sighting, range(SMALL.projects)), 60))
        fill(history, registry)
        assert history.status(0).files == SMALL.files
        assert history.status(0).looks == SMALL.projects


def test_the_exponent_is_that_of_the_size() -> None:
    assert exponent({10: 3.0, 100: 30.0, 1000: 300.0}) == 1.0
    assert exponent({10: 3.0, 1000: 3.0}) == 0.0
    assert exponent({100: 5.0}) is None
    assert exponent({10: 0.0, 100: 5.0}) is None


def test_a_table_has_each_figure_by_size_and_a_target_that_is_missed_is_named() -> None:
    found = {10: {"database: MB": 12.5}, 1000: {"database: MB": 6000.0, "a page: kB": 1.0}}
    assert growth_table("sqlite", found).splitlines()[2:] == [
        "| database: MB | 12.5 | 6,000 | 1.34 |",
        "| a page: kB |  | 1 |  |",
    ]
    assert verdicts(found[1000]) == "MISSED: database: MB 6,000 of 5,000"
    assert verdicts(found[10]) == "reached: database: MB 12.5 of 5,000"
