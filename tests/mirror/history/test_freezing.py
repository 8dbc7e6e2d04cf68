from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import cast

import pytest
from packaging.utils import NormalizedName
from sqlalchemy import Connection, text

from cachi2ish.core.merkle import leaf_of, page_entry, root_of, root_with
from cachi2ish.mirror.history import freezing
from cachi2ish.mirror.history.engines.database import Database
from cachi2ish.mirror.history.engines.interface import HistoryPlace
from cachi2ish.mirror.history.freezing import Trees, _Pages
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.records import Gone, Look, Proof
from tests.mirror.history.world import APPLE, PYPI, Watched, a_file, a_page, end_of_day, instant
from tests.support.histories import history_at

OLD, NEW = a_file("1.0", 0.5), a_file("2.0", 2.5)
NAMES = [NormalizedName(name) for name in ("kiwi", "apple", "fig", "quince", "pear")]


def filled(history: SqlHistory, day: float = 3.5) -> Watched:
    watched = Watched(history)
    for number, name in enumerate(NAMES):
        page = a_page([OLD, a_file(f"3.{number}", 1.5)])
        history.observe("pypi", name, page, Look(seen_at=instant(day)))
    history.observe("pypi", NormalizedName("later"), a_page([NEW]), Look(seen_at=instant(day)))
    return watched


def proved(name: str, page: str, proof: Proof) -> bytes | None:
    path = [bytes.fromhex(node) for node in proof.path]
    leaf = leaf_of(name.encode() + b"\0" + bytes.fromhex(page))
    return root_with(leaf, proof.position, proof.projects, path)


def test_each_page_of_a_frozen_day_is_proved_by_its_digest_alone(history: SqlHistory) -> None:
    watched = filled(history)
    day = history.freeze("pypi", end_of_day(1), instant(5))
    assert (day.projects, day.provisional) == (5, 0)
    proof = history.prove("pypi", end_of_day(1), APPLE, day.digest)
    assert proof is not None
    assert proof.digest == watched.page(1).digest
    for name in NAMES:
        proof = history.prove("pypi", end_of_day(1), name, day.digest)
        assert proof is not None
        assert proved(name, proof.digest, proof) == bytes.fromhex(day.digest[7:])
        assert proved(name, "0" * 64, proof) != bytes.fromhex(day.digest[7:])


def test_projects_are_listed_and_frozen_by_name_among_those_of_another_registry(history: SqlHistory) -> None:
    other = replace(PYPI, name="other")
    for registry in (PYPI, other):
        history.configure(registry)
    for number, name in enumerate(NAMES):
        for registry in (PYPI, other)[: 1 + number % 2]:
            history.observe(registry.name, name, a_page([OLD]), Look(seen_at=instant(3.5)))
    assert history.projects("pypi", None) == tuple(sorted(NAMES))
    assert history.projects("other", end_of_day(1)) == ("apple", "quince")
    day = history.freeze("other", end_of_day(1), instant(5))
    places = []
    for name in (NormalizedName("apple"), NormalizedName("quince")):
        proof = history.prove("other", end_of_day(1), name, day.digest)
        assert proof is not None
        assert proved(name, proof.digest, proof) == bytes.fromhex(day.digest[7:])
        places.append(proof.position)
    assert places == [0, 1]
    assert history.verify() == ()


def test_the_leaves_of_a_day_come_with_its_digest_whatever_the_order_of_names() -> None:
    one, two = b"1" * 32, b"2" * 32
    pages = _Pages([(3, one), (7, two)])
    names = [(7, "apple"), (5, "nothing"), (3, "plum")]
    for _ in range(2):
        root, leaves = pages.by_name(names)
        assert list(leaves) == [(0, 7, two), (1, 3, one)]
        assert root == root_of([leaf_of(page_entry("apple", two)), leaf_of(page_entry("plum", one))])
    assert (pages.of(3), pages.of(4), pages.of(7), len(pages)) == (one, None, two, 2)


def test_what_is_not_in_a_frozen_day_has_no_proof(history: SqlHistory) -> None:
    filled(history)
    day = history.freeze("pypi", end_of_day(1), instant(5))
    assert history.prove("pypi", end_of_day(1), NormalizedName("later"), day.digest) is None
    assert history.prove("pypi", end_of_day(0), APPLE, day.digest) is None
    assert history.prove("pypi", end_of_day(1), APPLE, "sha256:" + "0" * 64) is None
    assert history.prove("pypi", end_of_day(1), APPLE, "nonsense") is None


def test_equal_histories_freeze_to_equal_digests_whenever_they_do(tmp_path: Path) -> None:
    digests = set()
    for number in (1, 2):
        with SqlHistory(history_at(tmp_path / f"{number}.sqlite")) as history:
            filled(history, 3.5 + number)
            digests.add(history.freeze("pypi", end_of_day(1), instant(5 + number)).digest)
            history.observe("pypi", APPLE, Gone(), Look(seen_at=instant(9)))
            digests.add(history.freeze("pypi", end_of_day(1), instant(10)).digest)
    assert len(digests) == 1


def test_a_day_that_may_still_change_is_not_written_down(history: SqlHistory) -> None:
    filled(history, 2.1)
    day = history.freeze("pypi", end_of_day(1), instant(5))
    assert day.provisional == 6
    assert history.prove("pypi", end_of_day(1), APPLE, day.digest) is None


def test_a_project_that_is_followed_later_is_in_another_digest_and_the_first_stays(history: SqlHistory) -> None:
    filled(history)
    first = history.freeze("pypi", end_of_day(1), instant(5))
    history.observe("pypi", NormalizedName("plum"), a_page([OLD]), Look(seen_at=instant(6)))
    second = history.freeze("pypi", end_of_day(1), instant(7))
    assert first.digest != second.digest
    for day in (first, second):
        assert history.prove("pypi", end_of_day(1), APPLE, day.digest) is not None


def test_a_log_that_was_tampered_with_contradicts_the_days_that_were_frozen(
    place: HistoryPlace, history: SqlHistory
) -> None:
    filled(history)
    history.freeze("pypi", end_of_day(1), instant(5))
    assert history.verify() == ()
    with closing(Database(place)) as database, database.writing() as connection:
        connection.execute(text("UPDATE file_state SET yanked = '' WHERE file_id = 1"))
    assert history.verify() == (
        "pypi before 2024-01-03T00:00:00Z, which was frozen, has another page of kiwi now",
    )


def test_two_dates_differ_by_their_files(watched: Watched) -> None:
    swapped, yanked = a_file("1.0", 0.5, content="other"), a_file("2.0", 2.5, yanked="broken")
    watched.sees(3, OLD, NEW)
    watched.sees(5.5, swapped, yanked)
    watched.sees(7.5, yanked)
    history = watched.history
    assert [(one.filename, one.change) for one in history.diff("pypi", APPLE, end_of_day(0), end_of_day(2))] == [
        ("apple-2.0.tar.gz", "added")
    ]
    changed = history.diff("pypi", APPLE, end_of_day(2), end_of_day(5))
    assert [(one.filename, one.change) for one in changed] == [
        ("apple-1.0.tar.gz", "digest"),
        ("apple-2.0.tar.gz", "yanked"),
    ]
    assert (changed[1].before, changed[1].after) == ("no", "broken")
    removed = history.diff("pypi", APPLE, end_of_day(5), end_of_day(7))
    assert [(one.filename, one.change) for one in removed] == [("apple-1.0.tar.gz", "removed")]
    [status, added] = history.diff("pypi", APPLE, end_of_day(-1), end_of_day(0))
    assert (status.change, status.after, added.change) == ("status", "active", "added")
    assert status.before == "not-yet"
    assert history.diff("pypi", APPLE, end_of_day(2), end_of_day(2)) == ()


def test_who_asks_for_one_day_does_not_wait_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go = Event(), Event()
    asked: list[int] = []

    def leaves(_connection: object, number: int) -> list[tuple[str, bytes]]:
        asked.append(number)
        if number == 1:
            begun.set()
            assert go.wait(60)
        return [("demo", bytes([number] * 32))]

    monkeypatch.setattr(freezing, "_leaves", leaves)
    trees, connection = Trees(), cast("Connection", None)
    with ThreadPoolExecutor(4) as threads:
        try:
            first = threads.submit(trees.of, connection, 1)
            assert begun.wait(60)
            second = threads.submit(trees.of, connection, 1)
            assert threads.submit(trees.of, connection, 2).result(timeout=20) is trees.of(connection, 2)
        finally:
            go.set()
        assert first.result(timeout=60) is second.result(timeout=60)
        assert asked == [1, 2]


def test_a_day_that_could_not_be_read_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Exception | list[tuple[str, bytes]]] = [OSError("once"), [("demo", bytes(32))]]

    def leaves(_connection: object, _number: int) -> list[tuple[str, bytes]]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(freezing, "_leaves", leaves)
    trees, connection = Trees(), cast("Connection", None)
    with pytest.raises(OSError, match="once"):
        trees.of(connection, 1)
    assert trees.of(connection, 1) is trees.of(connection, 1)
