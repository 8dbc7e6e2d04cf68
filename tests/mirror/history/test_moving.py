from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.utils import NormalizedName

from cachi2ish.cache.memory.signing import Signer
from cachi2ish.errors import Cachi2ishError, DigestMismatchError, InputError
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.records import Look
from tests.mirror.history.world import APPLE, PYPI, Watched, a_file, a_page, end_of_day, instant
from tests.support.histories import history_at

OURS, THEIRS = Signer(b"o" * 32), Signer(b"t" * 32)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[SqlHistory]:
    with SqlHistory(history_at(tmp_path / "other.sqlite")) as history:
        history.configure(PYPI)
        yield history


@pytest.fixture
def lived(watched: Watched) -> Watched:
    """A history in which everything has happened."""
    old, new = a_file("1.0", 0.5), a_file("2.0", 2.5)
    watched.sees(1.5, old, serial=1)
    watched.sees(3.5, old, new, serial=2, digest="a" * 64)
    watched.sees(4.5, a_file("1.0", 0.5, yanked=""), serial=3)
    watched.sees_nothing(5.5)
    watched.sees(7.5, a_file("9.0", 6.5), a_file("9.1", None), serial=4)
    watched.history.observe("pypi", NormalizedName("void"), a_page([]), Look(seen_at=instant(8)))
    return watched


def written(history: SqlHistory, seal: Signer | None = None) -> tuple[list[bytes], str]:
    lines: list[bytes] = []
    return lines, history.export("pypi", lines.append, seal)


def test_a_history_that_has_moved_says_what_it_said(lived: Watched, other: SqlHistory) -> None:
    lines, digest = written(lived.history)
    assert other.import_("pypi", lines, digest=digest, seal=None) == 2
    for day in range(-1, 9):
        assert other.page("pypi", APPLE, end_of_day(day)) == lived.asks(day)
    assert other.page("pypi", APPLE, None) == lived.asks(None)
    assert written(other) == (lines, digest)
    assert other.freeze("pypi", end_of_day(6), instant(9)) == lived.history.freeze(
        "pypi", end_of_day(6), instant(9)
    )
    assert [one.project for one in other.due("pypi", instant(9), 9)] == [APPLE, "void"]


def test_a_history_goes_on_where_it_has_moved_to(lived: Watched, other: SqlHistory) -> None:
    lines, digest = written(lived.history)
    other.import_("pypi", lines, digest=digest, seal=None)
    for history in (lived.history, other):
        Watched(history).sees(9.5, a_file("9.0", 6.5, yanked="late"), a_file("9.9", 1.5), serial=5)
    assert written(other) == written(lived.history)


def test_a_signature_is_known_by_those_who_have_the_key(lived: Watched, other: SqlHistory) -> None:
    lines, digest = written(lived.history, OURS)
    assert written(lived.history)[1] == digest
    with pytest.raises(DigestMismatchError, match="not signed with the key"):
        other.import_("pypi", lines, digest=None, seal=THEIRS)
    with pytest.raises(DigestMismatchError, match="not signed with the key"):
        other.import_("pypi", written(lived.history)[0], digest=None, seal=OURS)
    assert other.import_("pypi", lines, digest=None, seal=OURS) == 2


def test_of_a_history_that_proves_wrong_nothing_is_taken(lived: Watched, other: SqlHistory) -> None:
    lines, digest = written(lived.history, OURS)
    torn = [line.replace(b"apple-1.0.tar.gz", b"apple-1.1.tar.gz") for line in lines]
    for wrong in (torn, lines[:-1], [*lines[:1], *lines[2:]], []):
        for told, seal in ((digest, None), (None, OURS)):
            with pytest.raises(Cachi2ishError):
                other.import_("pypi", wrong, digest=told, seal=seal)
    assert other.status(instant(9)).projects == {"pypi": 0}


def test_somebody_must_have_told_who_made_it(lived: Watched, other: SqlHistory) -> None:
    with pytest.raises(InputError, match="nothing tells"):
        other.import_("pypi", written(lived.history)[0], digest=None, seal=None)


@pytest.mark.parametrize("lines", [[b"{}\n"], [b"\xff\n", b"{}\n"], [b"[" * 9999, b"{}\n"], [b"[]\n", b"[]\n"]])
def test_what_is_no_history_is_refused(other: SqlHistory, lines: list[bytes]) -> None:
    with pytest.raises(InputError):
        other.import_("pypi", lines, digest="sha256:" + "0" * 64, seal=None)


def test_the_history_of_another_index_is_refused(lived: Watched, other: SqlHistory) -> None:
    lines, digest = written(lived.history)
    other.configure(replace(PYPI, url="https://other.example/"))
    with pytest.raises(InputError, match="is the history of"):
        other.import_("pypi", lines, digest=digest, seal=None)


def test_what_a_mirror_has_seen_itself_is_left_as_it_is(lived: Watched, other: SqlHistory) -> None:
    lines, digest = written(lived.history)
    other.observe("pypi", APPLE, a_page([a_file("5.0", 0.5)]), Look(seen_at=instant(2)))
    before = other.page("pypi", APPLE, end_of_day(1))
    assert other.import_("pypi", lines, digest=digest, seal=None) == 1
    assert other.page("pypi", APPLE, end_of_day(1)) == before


def test_projects_that_are_followed_no_more_keep_their_past(lived: Watched) -> None:
    history, before = lived.history, lived.page(3)
    assert history.forget("pypi", [APPLE, NormalizedName("never")]) == {APPLE}
    assert [one.project for one in history.due("pypi", instant(99), 9)] == ["void"]
    assert lived.page(3) == before
    assert history.forget("pypi", [APPLE]) == frozenset()
