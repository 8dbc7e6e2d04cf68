"""``cachi2ish mirror prune``: what registries give again may go, and what they may not give again stays."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cachi2ish.cli.wiring_history import freeing, mirror_history
from cachi2ish.exit_codes import ExitCode
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.records import DAY, now_in_microseconds
from cachi2ish.settings.flags import Flags
from cachi2ish.simple_api.negotiation import JSON
from tests.cli.conftest import Person
from tests.support.command_line import Outcome
from tests.support.distributions import Dist, make_sdist, make_wheel
from tests.support.index_server import IndexServer
from tests.support.mirror_server import MirrorServer
from tests.support.program import environment, serving_at, start

GONE, WHEEL = make_sdist("pear", "1.0"), make_wheel("pear", "2.0")
LARGE = Dist("pear-3.0.tar.gz", os.urandom(200_000))
LEFT = WHEEL, LARGE


class Store:
    """The files of a mirror of one project."""

    def __init__(self, person: Person, directory: Path) -> None:
        self.person, self.directory = person, directory
        self.index: IndexServer = person.index

    def path(self, dist: Dist) -> Path:
        return self.directory / "files/blobs/sha256" / dist.sha256[:2] / dist.sha256[2:]

    def held(self) -> list[str]:
        return [one.filename for one in (GONE, WHEEL, LARGE) if self.path(one).exists()]

    def grows_old(self, *dists: Dist, days: int = 40) -> None:
        used = (datetime.now(UTC) - timedelta(days=days)).timestamp()
        for dist in dists or (GONE, WHEEL, LARGE):
            os.utime(self.path(dist), (used, used))

    def prunes(self, *arguments: str, code: int = 0) -> Outcome:
        outcome = self.person.runs("mirror", "prune", "--directory", self.directory, *arguments)
        assert outcome.code == code, outcome.err
        return outcome

    def serving(self) -> MirrorServer:
        return MirrorServer(self.directory, pypi=self.index.index_url)


@pytest.fixture
def store(person: Person, tmp_path: Path) -> Store:
    """A mirror that holds three files, one of which has vanished from its index."""
    found = Store(person, tmp_path / "mirror")
    for number, dist in enumerate((GONE, WHEEL, LARGE), 1):
        person.index.add("pear", dist, upload_time=datetime(2024, number, 1, tzinfo=UTC))
    with found.serving() as mirror:
        mirror.json("/2024-06-01/simple/pear/")
        for dist in (GONE, WHEEL, LARGE):
            assert mirror.get(f"/files/{dist.sha256}/{dist.filename}").body == dist.content
        del person.index.add_project("pear").files[GONE.filename]
        mirror.json("/live/simple/pear/")
    found.grows_old()
    return found


def test_a_file_that_vanished_stays_whatever_the_limits_unless_it_is_named_too(store: Store) -> None:
    outcome = store.prunes("--older-than", "30 days", "--max-size", "1kB")
    assert store.held() == [GONE.filename]
    assert "kept: no registry has listed them within two days" in outcome.err
    store.prunes("--older-than", "30 days", "--also-vanished")
    assert store.held() == []


def test_what_is_removed_is_fetched_again_and_proved_and_a_closed_day_stays_as_it_was(store: Store) -> None:
    with store.serving() as mirror:
        before = mirror.get("/2024-06-01/simple/pear/", Accept=JSON)
        assert "immutable" in before.headers["cache-control"]
    store.prunes("--older-than", "30 days")
    store.index.add(
        "pear", Dist(LARGE.filename, os.urandom(200_000)), upload_time=datetime(2024, 3, 1, tzinfo=UTC)
    )
    with store.serving() as mirror:
        after = mirror.get("/2024-06-01/simple/pear/", Accept=JSON)
        assert (after.body, after.headers["etag"]) == (before.body, before.headers["etag"])
        assert mirror.get(f"/files/{GONE.sha256}/{GONE.filename}").body == GONE.content
        assert mirror.get(f"/files/{WHEEL.sha256}/{WHEEL.filename}").body == WHEEL.content
        swapped = mirror.get(f"/files/{LARGE.sha256}/{LARGE.filename}")
        assert not swapped.whole or swapped.status == 502  # other bytes are never served under its address


def test_a_running_server_goes_on_with_what_is_removed_under_it(store: Store, tmp_path: Path) -> None:
    wheel = f"/files/{WHEEL.sha256}/{WHEEL.filename}"
    with serving(store, tmp_path) as each:
        with urllib.request.urlopen(each + wheel, timeout=20) as answer:
            assert answer.read() == WHEEL.content
        store.grows_old(WHEEL, LARGE)
        store.prunes("--older-than", "30 days")
        assert store.held() == [GONE.filename]
        with urllib.request.urlopen(f"{each}{wheel}.metadata", timeout=20) as answer:
            assert b"Name: pear" in answer.read()
        with urllib.request.urlopen(each + wheel, timeout=20) as answer:
            assert answer.read() == WHEEL.content
    assert store.held() == [GONE.filename, WHEEL.filename]


@contextmanager
def serving(store: Store, home: Path) -> Iterator[str]:
    """Yield the address of a mirror that is a process of its own."""
    command = ("mirror", "serve", "--directory", store.directory, "--port", "0")
    registry = ("--registry", f"pypi={store.index.index_url}")
    process = start(*command, *registry, environ=environment(home))
    with serving_at(process, r"serving (http://\S+:[0-9]+)/ from ") as (url, _):
        yield url


def test_the_least_recently_used_goes_first_and_a_dry_run_names_it_and_removes_nothing(store: Store) -> None:
    store.grows_old(WHEEL, days=1)
    outcome = store.prunes("--max-size", "150kB", "--dry-run")
    assert LARGE.filename in outcome.out
    assert WHEEL.filename not in outcome.out
    assert "would remove" in outcome.err
    assert store.held() == [GONE.filename, WHEEL.filename, LARGE.filename]
    store.prunes("--max-size", "150kB")
    assert store.held() == [GONE.filename, WHEEL.filename]


def test_metadata_of_a_wheel_is_called_as_installers_ask_for_it_also_once_the_wheel_has_gone(store: Store) -> None:
    with store.serving() as mirror:
        assert mirror.get(f"/files/{WHEEL.sha256}/{WHEEL.filename}.metadata").status == 200
    for _ in range(2):
        outcome = store.prunes("--max-size", "0", "--dry-run")
        assert f"  {WHEEL.filename}.metadata, " in outcome.out
        assert "  file, " not in outcome.out
        assert ", last used 20" in outcome.out
        store.path(WHEEL).unlink(missing_ok=True)


def test_what_vanishes_while_files_are_removed_stays(store: Store) -> None:
    flags = Flags(mirror_directory=store.directory)
    with (
        mirror_history(flags) as history,
        freeing(flags, history, now_in_microseconds, everything=False, pretend=False) as found,
    ):
        gone = {entry.path: entry for entry in found.entries}
        del store.index.add_project("pear").files[WHEEL.filename]
        with store.serving() as mirror:
            mirror.json("/live/simple/pear/")
        removed = [found.remove(gone[str(store.path(one).relative_to(store.directory / "files"))]) for one in LEFT]
    assert removed == [False, True]
    assert store.held() == [GONE.filename, WHEEL.filename]


def test_what_nobody_has_looked_at_for_two_days_stays_since_it_may_have_vanished(store: Store) -> None:
    with SqlHistory(store.directory / "history.sqlite") as history:
        [digest] = history.holdings([LARGE.sha256], 0)
        later = int(datetime.now(UTC).timestamp() * 1_000_000) + DAY
        assert history.holdings([digest], later)[digest].listed is False
        assert history.holdings([digest], later - 2 * DAY)[digest].listed is True


def test_a_file_without_a_sha256_stays_since_nothing_proves_the_next_one(store: Store) -> None:
    plain = Dist("plum-1.0.tar.gz", b"plum")
    store.index.add("plum", plain, upload_time=datetime(2024, 1, 1, tzinfo=UTC), digests=())
    with store.serving() as mirror:
        [file] = mirror.json("/live/simple/plum/")["files"]
        path = "/files/" + file["url"].partition("files/")[2]
        assert mirror.get(path).body == b"plum"
        store.grows_old(plain)
        store.prunes("--older-than", "30 days")
        assert store.path(plain).exists()
        store.prunes("--older-than", "30 days", "--also-vanished")
        assert not store.path(plain).exists()
        store.index._files[plain.filename] = b"prune"
        assert mirror.get(path).status == 502
        store.index._files[plain.filename] = b"plum"
        assert mirror.get(path).body == b"plum"


def test_projects_and_files_are_two_things(store: Store) -> None:
    outcome = store.prunes("pear", "--max-size", "1GB", code=ExitCode.USAGE)
    assert "--max-size is given with a project" in outcome.err
    assert "1 project followed no more" in store.prunes("pear").err
    assert "removed 0 files" in store.prunes().err


def test_the_store_of_a_mirror_is_not_pruned_as_a_cache(store: Store) -> None:
    outcome = store.person.runs("cache", "prune", "--cache-dir", store.directory / "files", "--max-size", "1kB")
    assert outcome.code == ExitCode.INPUT
    assert "cachi2ish mirror prune --directory" in outcome.err
    assert len(store.held()) == 3


def test_nor_is_one_whose_history_is_elsewhere_and_that_nobody_has_asked_for_metadata(store: Store) -> None:
    (store.directory / "history.sqlite").unlink()
    (store.directory / "metadata-digests.txt").unlink(missing_ok=True)
    outcome = store.person.runs("cache", "prune", "--cache-dir", store.directory / "files", "--max-size", "1kB")
    assert outcome.code == ExitCode.INPUT
    assert len(store.held()) == 3


def test_a_cache_beside_a_folder_of_downloads_is_pruned(person: Person, tmp_path: Path) -> None:
    (tmp_path / "downloads").mkdir()
    assert person.runs("cache", "prune", "--cache-dir", tmp_path / "cache", "--max-size", "1kB").code == 0
