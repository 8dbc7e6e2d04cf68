"""Requests that nobody would send: ``make fuzz-mirror`` sends them for hours."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.mirror_door import Door


def test_whatever_is_sent_the_mirror_goes_on_and_fails_at_nothing(tmp_path: Path) -> None:
    with Door(tmp_path) as door:
        for number in range(120):
            door.send(number)
    assert door.answers.total() >= 60  # most of them are answered, and looked at
