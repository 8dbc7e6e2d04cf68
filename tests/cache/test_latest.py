"""Of which versions a page is remembered, and as of when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachi2ish.cache.catalogue import SqliteCatalogue
from cachi2ish.cache.readings import WHOLE, dump, known_since, parse, read_anew
from cachi2ish.core.pages import IndexFile, Page
from tests.cache.pages import index_file, page_of

T = datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=UTC)
DAY = timedelta(days=1)
ONE, TWO, ODD = index_file("thing-1.0.tar.gz"), index_file("thing-2.0.tar.gz"), index_file("thing-1.0.zip")


def part(*files: IndexFile, asked: datetime | None = T) -> Page:
    return replace(page_of(*files), partial=True, asked=asked)


def names(page: Page | None) -> list[str] | None:
    return None if page is None else [file.filename for file in page.files]


def test_a_whole_page_is_known_of_every_version(catalogue: SqliteCatalogue) -> None:
    page = replace(page_of(ONE, TWO), asked=T)
    catalogue.remember("source", page, ["1.0"])
    for versions in ([], ["1.0"], ["3.0"], ["1.0", "2.0"]):
        found = catalogue.latest("source", "Thing", versions)
        assert found
        meant = [file for file in page.files if not versions or file.filename[6:9] in versions]
        assert (list(found.files), found.asked, found.partial) == (meant, T, bool(versions))


def test_a_page_that_was_read_for_some_versions_is_known_of_these(catalogue: SqliteCatalogue) -> None:
    catalogue.remember("source", part(ONE), ["1.0"])
    assert names(catalogue.latest("source", "thing", ["1.0"])) == [ONE.filename]
    assert catalogue.latest("source", "thing", ["1.0", "2.0"]) is None
    assert catalogue.latest("source", "thing") is None


def test_readings_of_other_versions_stay(catalogue: SqliteCatalogue) -> None:
    catalogue.remember("source", part(ONE), ["1.0"])
    catalogue.remember("source", part(TWO, asked=T + DAY), ["2.0", "2"])
    both = catalogue.latest("source", "thing", ["2", "1.0"])
    assert both
    assert (names(both), both.asked) == ([ONE.filename, TWO.filename], T)
    later = catalogue.latest("source", "thing", ["2.0"])
    assert later
    assert (names(later), later.asked) == ([TWO.filename], T + DAY)


def test_that_a_version_was_not_there_is_known_too(catalogue: SqliteCatalogue) -> None:
    catalogue.remember("source", part(), ["1.0"])
    assert names(catalogue.latest("source", "thing", ["1.0"])) == []


def test_a_file_that_a_newer_reading_lacks_is_no_longer_there(catalogue: SqliteCatalogue) -> None:
    catalogue.remember("source", part(ONE, ODD), ["1.0"])
    catalogue.remember("source", part(ONE, asked=T + DAY), ["1.0"])
    assert names(catalogue.latest("source", "thing", ["1.0"])) == [ONE.filename]
    assert catalogue.recall("source", "thing", ODD.digests), "a digest finds it all the same"


def test_a_file_that_is_gone_stays_gone_beside_a_version_that_was_read_earlier(catalogue: SqliteCatalogue) -> None:
    gone = index_file("thing-2.0-py3-none-any.whl")
    catalogue.remember("source", part(ONE, TWO, gone), ["1.0", "2.0"])
    catalogue.remember("source", part(TWO, asked=T + DAY), ["2.0"])
    assert names(catalogue.latest("source", "thing", ["1.0", "2.0"])) == [ONE.filename, TWO.filename]


@pytest.mark.parametrize(("since", "known"), [(T - DAY, True), (T, True), (T + timedelta(microseconds=1), False)])
def test_an_older_reading_than_wanted_is_none(catalogue: SqliteCatalogue, since: datetime, known: bool) -> None:
    catalogue.remember("source", part(ONE), ["1.0"])
    assert (catalogue.latest("source", "thing", ["1.0"], since) is not None) is known


def test_a_page_of_an_unknown_instant_is_none(catalogue: SqliteCatalogue) -> None:
    catalogue.remember("source", part(ONE, asked=None), ["1.0"])
    assert catalogue.latest("source", "thing", ["1.0"]) is None


@pytest.mark.parametrize("whole", [True, False])
def test_a_page_of_which_a_file_may_not_be_kept_is_none(catalogue: SqliteCatalogue, whole: bool) -> None:
    secret = index_file("thing-1.0.zip", "https://files.example/thing-1.0.zip?token=hunter2")
    catalogue.remember("source", replace(page_of(ONE, TWO), asked=T))
    page = replace(page_of(ONE, secret), asked=T + DAY, partial=not whole)
    catalogue.remember("source", page, ["1.0"])
    assert catalogue.latest("source", "thing", ["1.0"]) is None
    assert catalogue.recall("source", "thing", ONE.digests)


def test_when_another_index_answers_nothing_of_the_first_one_is_left(catalogue: SqliteCatalogue) -> None:
    catalogue.remember("source", part(ONE), ["1.0"])
    other = replace(part(TWO, asked=T + DAY), index="https://other.example/simple/")
    catalogue.remember("source", other, ["2.0"])
    assert catalogue.recall("source", "thing", ONE.digests) is None
    assert catalogue.latest("source", "thing", ["1.0"]) is None
    found = catalogue.latest("source", "thing", ["2.0"])
    assert found
    assert found.index == other.index


def test_two_locks_with_different_pins_do_not_push_each_other_out(catalogue: SqliteCatalogue) -> None:
    for _ in range(2):
        catalogue.remember("source", part(ONE), ["1.0"])
        catalogue.remember("source", part(TWO), ["2.0"])
    assert catalogue.recall("source", "thing", ONE.digests)
    assert catalogue.recall("source", "thing", {*ONE.digests, *TWO.digests})


def test_a_catalogue_to_read_only_is_read_and_left_without_a_trace(catalogue: SqliteCatalogue, path: Path) -> None:
    catalogue.remember("source", part(ONE), ["1.0"])
    catalogue.put("key", "value")
    catalogue.close()
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    with SqliteCatalogue(path, read_only=True) as reading:
        assert names(reading.latest("source", "thing", ["1.0"])) == [ONE.filename]
        reading.remember("source", part(TWO), ["2.0"])
        reading.put("key", "other")
        reading.put_validated("https://index.example/", '"1"', "text/html", b"body")
        assert reading.latest("source", "thing", ["2.0"]) is None
        assert reading.get("key") == "value"
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


@pytest.mark.parametrize("content", [None, b"", b"no database"])
def test_where_there_is_none_to_read_only_nothing_is_known(path: Path, content: bytes | None) -> None:
    if content is not None:
        path.parent.mkdir()
        path.write_bytes(content)
    with SqliteCatalogue(path, read_only=True) as reading:
        assert reading.get("key") is None
        reading.put("key", "value")
    assert (path.read_bytes() if path.exists() else None) == content


_VERSIONS = st.frozensets(st.sampled_from(["1", "1.0", "2", "☃"]), max_size=3)


@given(st.lists(st.tuples(_VERSIONS, st.none() | st.integers(0, 9)), max_size=6), _VERSIONS)
def test_a_reading_is_known_as_long_as_nothing_newer_casts_doubt_on_it(
    asked: list[tuple[frozenset[str], int | None]], wanted: frozenset[str]
) -> None:
    """Against the plainest account of the same: what was last said of each version, one after the other."""
    everything = ["1", "1.0", "2", "☃", "any other"]
    last: dict[str, int | None] = dict.fromkeys(everything)
    readings = parse(dump({}))
    for versions, instant in sorted(asked, key=lambda pair: pair[1] or 0):
        readings = parse(dump(read_anew(readings, versions, instant)))
        last |= dict.fromkeys(versions or everything, instant)
    found = known_since(readings, wanted)
    known = None if found is None else min(found.values())
    instants = [last[version] for version in wanted or everything]
    told = [one for one in instants if one is not None]
    if known is not None:
        assert len(told) == len(instants)
        assert known <= min(told)
    if wanted and len(told) == len(instants) and all(one is not None for _, one in asked):
        assert known == min(told)


@pytest.mark.parametrize("text", ["", "[]", '{"1.0": "yesterday"}', "{"])
def test_what_are_no_readings_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)
    assert WHOLE == ""
