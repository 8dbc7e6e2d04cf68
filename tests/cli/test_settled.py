"""How much is asked when nothing, or little, has changed since the last run."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import pytest

from cachi2ish.exit_codes import ExitCode
from cachi2ish.sdists.archive_reader import ArchiveReader
from cachi2ish.sdists.interface import Identity
from tests.cli.conftest import Person, tree
from tests.support.distributions import make_sdist, make_wheel
from tests.support.index_server import IndexServer

ALLOW = json.dumps({"type": "pip", "allow_binary": True})
DATE = "--index-date=2024-10-01"
BEFORE, AFTER = "2024-09-01T00:00:00Z", "2024-10-05T00:00:00Z"
NAMES = ("apple", "banana", "cherry", "damson", "elder")


@pytest.fixture
def orchard(person: Person) -> Person:
    for name in NAMES:
        for version in ("1.0", "2.0"):
            person.index.add(name, make_sdist(name, version), upload_time=BEFORE)
    person.writes("requirements.txt", "".join(f"{name}==1.0\n" for name in NAMES))
    return person


def asked_by(person: Person, *arguments: str) -> tuple[str, ...]:
    """The requests of a run that ends well."""
    person.index.forget_requests()
    outcome = person.fetches(*arguments)
    assert outcome.code == 0, outcome.told
    return person.index.paths


def test_the_second_run_of_a_dated_lock_without_hashes_asks_nothing(orchard: Person) -> None:
    assert len(asked_by(orchard, "pip", DATE)) == 2 * len(NAMES)
    first = tree(orchard.output)
    orchard.index.add("apple", make_wheel("apple", "1.0"), upload_time=AFTER)
    orchard.index.add_project("banana").files.pop(make_sdist("banana", "1.0").filename)

    assert asked_by(orchard, "pip", DATE) == ()
    assert tree(orchard.output) == first
    assert asked_by(orchard, ALLOW, DATE) == (), "with other wishes too"


@pytest.mark.parametrize(("date", "requests"), [("7 days", 0), ("2 days", 0), ("23 hours", len(NAMES))])
def test_a_duration_is_served_from_memory_as_far_as_it_reaches_back_a_day(
    orchard: Person, date: str, requests: int
) -> None:
    asked_by(orchard, "pip", f"--index-date={date}")
    assert len(asked_by(orchard, "pip", f"--index-date={date}")) == requests


def test_today_and_no_date_at_all_have_the_index_asked(orchard: Person) -> None:
    today = f"--index-date={datetime.now(UTC).date()}"
    for options in ((), (today,)):
        asked_by(orchard, "pip", *options)
        assert len(asked_by(orchard, "pip", *options)) == len(NAMES)


@pytest.mark.parametrize("hashed", [True, False])
def test_for_one_changed_pin_its_file_alone_is_asked_for(orchard: Person, hashed: bool) -> None:
    def lock(**versions: str) -> str:
        pins = [(name, versions.get(name, "1.0")) for name in NAMES]
        return "".join(
            f"{name}=={version} {make_sdist(name, version).hash_option() if hashed else ''}\n"
            for name, version in pins
        )

    orchard.writes("requirements.txt", lock())
    asked_by(orchard, "pip", DATE)
    orchard.writes("requirements.txt", lock(cherry="2.0"))
    asked = asked_by(orchard, "pip", DATE)
    assert asked == (f"/files/{make_sdist('cherry', '2.0').filename}",), "its page was read whole before"
    orchard.writes("requirements.txt", lock())
    assert asked_by(orchard, "pip", DATE) == (), "what was known before is not forgotten"


def test_a_file_that_comes_late_to_a_mirror_is_found_without_ado(orchard: Person) -> None:
    """The version is missing where memory would have answered: so the index is asked."""
    asked_by(orchard, "pip", DATE)
    orchard.writes("requirements.txt", "apple==3.0\n")
    assert orchard.fetches("pip", DATE).code != 0
    orchard.index.add("apple", make_sdist("apple", "3.0"), upload_time=BEFORE)
    assert "/simple/apple/" in asked_by(orchard, "pip", DATE)
    assert asked_by(orchard, "pip", DATE) == ()


def test_files_without_upload_time_that_are_allowed_are_looked_for_each_time(person: Person) -> None:
    person.index.add("apple", make_sdist("apple", "1.0"))
    person.writes("requirements.txt", "apple==1.0\n")
    options = (ALLOW, DATE, "--index-date-missing=allow")
    asked_by(person, *options)
    person.index.add("apple", make_wheel("apple", "1.0"))
    assert "/simple/apple/" in asked_by(person, *options)
    assert len(person.deps()) == 2


def test_two_packages_of_different_dates_trust_as_far_as_theirs_reaches(orchard: Person) -> None:
    (orchard.source / "old").mkdir()
    orchard.writes("old/requirements.txt", "apple==1.0\n")
    yesterday = (datetime.now(UTC) - timedelta(hours=20)).isoformat()
    request = json.dumps(
        [{"type": "pip", "index_date": yesterday}, {"type": "pip", "path": "old", "index_date": "2024-10-01"}]
    )
    asked_by(orchard, request)
    assert len(asked_by(orchard, request)) == len(NAMES)
    orchard.writes("requirements.txt", "")
    assert asked_by(orchard, request) == ()


def test_with_several_indexes_nothing_is_asked_of_any(orchard: Person) -> None:
    with IndexServer() as private:
        indexes = (f"--index-url={private.index_url}", f"--extra-index-url={orchard.index.index_url}")
        asked_by(orchard, "pip", DATE, *indexes)
        private.forget_requests()
        assert asked_by(orchard, "pip", DATE, *indexes) == ()
        assert private.requests == ()


@pytest.mark.parametrize(("broken", "code"), [(False, ExitCode.OK), (True, ExitCode.DISTRIBUTION)])
def test_of_files_in_the_cache_no_more_than_two_are_opened_at_once(
    person: Person, monkeypatch: pytest.MonkeyPatch, *, broken: bool, code: ExitCode
) -> None:
    """Looking into one may take 150 MB. What a file says is not known without a catalogue, nor of broken ones."""
    names = [f"fig{number}" for number in range(16)]
    for name in names:
        dist = make_sdist(name, "1.0", ".tar.xz")
        person.index.add(name, replace(dist, content=dist.content[:99]) if broken else dist, upload_time=BEFORE)
    person.writes("requirements.txt", "".join(f"{name}==1.0\n" for name in names))
    assert person.fetches("pip", DATE).code == code
    if not broken:
        for path in person.home.rglob("catalogue.sqlite*"):
            path.unlink()
    three, opened, together = Barrier(3), list[str](), list[str]()
    identify = ArchiveReader.identify

    def identify_together(reader: ArchiveReader, path: Path, filename: str, folder: str | None) -> Identity | None:
        opened.append(filename)
        with suppress(BrokenBarrierError):
            three.wait(0.5)
            together.append(filename)
        return identify(reader, path, filename, folder)

    monkeypatch.setattr(ArchiveReader, "identify", identify_together)
    person.index.forget_requests()
    assert person.fetches("pip", DATE).code == code
    assert [path for path in person.index.paths if path.endswith(".xz")] == []
    assert sorted(opened) == sorted(f"{name}-1.0.tar.xz" for name in names)
    assert together == []
