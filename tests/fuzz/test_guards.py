"""The guards see what they are there for; without that, a campaign that finds nothing says nothing."""

from __future__ import annotations

import mmap
import os
import re
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import strategies as st

from cachi2ish.errors import InputError
from tests.fuzz import guards
from tests.fuzz.campaign import Campaign
from tests.fuzz.guards import HangError, TrespassError, guarded


@pytest.fixture
def room(tmp_path: Path) -> Path:
    folder = tmp_path / "room"
    folder.mkdir()
    (tmp_path / "outside").write_text("precious")
    return folder


def test_what_is_ours_or_stays_inside_passes(room: Path) -> None:
    with guarded(room):
        (room / "a").mkdir()
        (room / "a/b").write_text("x")
        Path("a/b").rename("a/c")
        sqlite3.connect(room / "d").close()
        raise InputError("as it should be")


@pytest.mark.parametrize(
    "trespass",
    [
        lambda: Path("../outside").read_bytes(),
        lambda: Path("../outside").write_bytes(b""),
        lambda: Path("../made").mkdir(),
        lambda: Path("../outside").unlink(),
        lambda: Path("../outside").rename("mine"),
        lambda: Path("link").write_bytes(b""),
        lambda: Path("../link").symlink_to("outside"),
        lambda: os.remove("outside", dir_fd=os.open("..", os.O_RDONLY | os.O_PATH)),
        lambda: sqlite3.connect("file:../outside?mode=ro", uri=True),
        lambda: subprocess.run(["true"], check=True),
        lambda: socket.create_connection(("127.0.0.1", 9)),
    ],
)
def test_what_reaches_out_of_the_room_is_stopped(room: Path, trespass: Callable[[], object]) -> None:
    (room / "link").symlink_to("../outside")
    with pytest.raises(TrespassError), guarded(room):
        trespass()
    assert (room.parent / "outside").read_text() == "precious"
    assert not (room.parent / "made").exists()


def test_what_reaches_out_is_seen_though_somebody_catches_it(room: Path) -> None:
    with pytest.raises(AssertionError, match="outside"), guarded(room), suppress(Exception):
        Path("../outside").read_bytes()


def test_what_takes_too_long_or_too_much_is_seen(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "SECONDS", 0.01)
    with pytest.raises(AssertionError, match="of processor time"), guarded(room):
        re.match("(a*)*b", "a" * 22)
    monkeypatch.setattr(guards, "SECONDS", 5)
    monkeypatch.setattr(guards, "MEMORY", 10_000_000)
    with pytest.raises(AssertionError, match="MB of memory"), guarded(room):
        use_new_memory(50_000_000)
    monkeypatch.setattr(guards, "HANG", 0.05)
    with pytest.raises(HangError), guarded(room):
        time.sleep(5)


def use_new_memory(size: int) -> None:
    """Touch memory that is new to this process: its heap may hold what earlier tests freed, and use it again."""
    with mmap.mmap(-1, size) as pages:
        for at in range(0, size, mmap.PAGESIZE):
            pages[at] = 1


def test_a_failure_says_how_to_see_it_again(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room.rmdir()
    monkeypatch.chdir(room.parent)

    def target(number: int) -> None:
        assert number < 50

    with pytest.raises(AssertionError) as caught:
        Campaign("target", room.parent).run(target, {"number": st.integers(0, 100)}, {})
    assert "to see it again: make fuzz TARGET=target SEED=0" in caught.value.__notes__
