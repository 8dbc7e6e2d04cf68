"""Looks of many threads are written down together, and each gets the answer to its own."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import pytest
from packaging.utils import NormalizedName
from sqlalchemy import Connection

from cachi2ish.core.pages import Page
from cachi2ish.errors import Cachi2ishError, InputError, StorageError
from cachi2ish.mirror.history import observing
from cachi2ish.mirror.history.engines.database import Database
from cachi2ish.mirror.history.engines.interface import HistoryPlace
from cachi2ish.mirror.history.observing import Observer
from cachi2ish.mirror.history.sight import Sight
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.records import Changes, Gone, Look, Refusal
from cachi2ish.simple_api.refusal_reasons import RefusalReason
from tests.mirror.history.world import PYPI, Watched, a_file, instant

COUNT = 12


@pytest.fixture
def transactions(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each transaction that has written something, whether it came to its end."""
    ended: list[bool] = []
    writing = Database.writing

    @contextmanager
    def counted(self: Database) -> Iterator[Connection]:
        done = False
        try:
            with writing(self) as connection:
                yield connection
            done = True
        finally:
            ended.append(done)

    monkeypatch.setattr(Database, "writing", counted)
    return ended


class Queue(deque[Any]):
    """Knows how many have come."""

    came = 0

    def extend(self, items: Iterable[object]) -> None:
        super().extend(given := list(items))
        self.came += len(given)


def look_together(place: HistoryPlace, registries: list[str]) -> list[Changes | Cachi2ishError]:
    """Let one thread for each name write down a look at a project of its own, all at once."""
    with closing(Database(place)) as database, closing(Database(place)) as other:
        observer = Observer(database)
        observer._waiting = queue = Queue()

        def look(number: int) -> Changes | Cachi2ishError:
            name = NormalizedName(f"p{number}")
            page = Page(project=name, index=PYPI.url, files=(a_file(f"{name}-1.0.tar.gz", 0),))
            try:
                return observer.observe(registries[number], name, page, Look(seen_at=instant(1)))
            except Cachi2ishError as error:
                return error

        with ThreadPoolExecutor(len(registries)) as threads:
            with other.writing():  # so that the first waits, and the others behind it
                answers = [threads.submit(look, number) for number in range(len(registries))]
                while queue.came < len(registries):
                    time.sleep(0.01)
            return [answer.result() for answer in answers]


def test_looks_that_wait_are_written_in_one_transaction(
    watched: Watched, place: HistoryPlace, transactions: list[bool]
) -> None:
    answers = look_together(place, ["pypi"] * COUNT)
    assert [one.added for one in answers if isinstance(one, Changes)] == [1] * COUNT
    assert len(watched.history.projects("pypi", None)) == COUNT
    # Of the one that keeps them waiting, of the first or those that came with it, and of all others.
    assert transactions in ([True] * 2, [True] * 3)


def test_no_transaction_grows_without_bound(
    watched: Watched, place: HistoryPlace, transactions: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observing, "_TOGETHER", 4)
    look_together(place, ["pypi"] * COUNT)
    assert len(watched.history.projects("pypi", None)) == COUNT
    assert len(transactions) >= 1 + COUNT // 4


def sightings(names: list[str]) -> list[tuple[NormalizedName, Gone, Look]]:
    return [(NormalizedName(name), Gone(), Look(seen_at=instant(1))) for name in names]


def test_looks_that_are_given_at_once_are_written_as_those_of_many_threads_are(
    watched: Watched, transactions: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observing, "_TOGETHER", 4)
    names = [f"p{number}" for number in range(10)]
    found = watched.history.observe_many("pypi", sightings([*names, names[0]]))
    assert [one.ignored for one in found] == [False] * 10 + [True]
    assert transactions == [True] * 3
    assert watched.history.observe_many("pypi", []) == []


def test_of_looks_that_are_given_at_once_those_are_written_that_can_be(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = observing._write_absence

    def broken(sight: Sight) -> Changes:
        if sight.project.name == "p1":
            raise StorageError("no")
        return write(sight)

    monkeypatch.setattr(observing, "_write_absence", broken)
    with pytest.raises(StorageError, match="no"):
        watched.history.observe_many("pypi", sightings(["p0", "p1", "p2"]))
    for name, reason in (
        ("p0", RefusalReason.ABSENT),
        ("p1", RefusalReason.UNKNOWN),
        ("p2", RefusalReason.ABSENT),
    ):
        refusal = watched.history.page("pypi", NormalizedName(name), None)
        assert isinstance(refusal, Refusal)
        assert refusal.reason == reason


@pytest.mark.usefixtures("transactions")
def test_a_look_that_fails_is_no_failure_of_the_others(watched: Watched, place: HistoryPlace) -> None:
    answers = look_together(place, ["pypi"] * 5 + ["unknown"] + ["pypi"] * 5)
    assert [number for number, one in enumerate(answers) if isinstance(one, InputError)] == [5]
    assert len(watched.history.projects("pypi", None)) == 10


def test_nothing_is_seen_that_could_not_be_written(place: HistoryPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    with SqlHistory(place) as history:
        history.configure(PYPI)

        def full(_database: Database) -> Iterator[Connection]:
            raise StorageError("the disk is full")

        monkeypatch.setattr(Database, "writing", full)
        for _ in range(2):
            with pytest.raises(StorageError, match="full"):
                history.observe("pypi", NormalizedName("apple"), Gone(), Look(seen_at=instant(1)))
        monkeypatch.undo()
        history.observe("pypi", NormalizedName("apple"), Gone(), Look(seen_at=instant(2)))


def test_a_database_that_cannot_be_used_keeps_nobody_waiting_for_the_others(
    place: HistoryPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def gone(_database: Database) -> Iterator[Connection]:
        tries.append(1)
        raise StorageError("the server has gone")

    with closing(Database(place)) as database, ThreadPoolExecutor(COUNT) as threads:
        observer = Observer(database)
        monkeypatch.setattr(Database, "writing", gone)
        with observer._turn:
            look = Look(seen_at=instant(1))
            names = [NormalizedName(f"p{number}") for number in range(COUNT)]
            answers = [threads.submit(observer.observe, "pypi", name, Gone(), look) for name in names]
            while len(observer._waiting) < COUNT:
                time.sleep(0.01)
        problems = {answer.exception(timeout=60) for answer in answers}
    assert {str(one) for one in problems} == {"the server has gone"}
    assert len(problems) == COUNT
    assert tries == [1]
