from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import event

from cachi2ish.core.cache_contents import Entry, EntryKind
from cachi2ish.mirror.held.freeing import Freeing
from cachi2ish.mirror.history.store import SqlHistory
from tests.mirror.history.world import Watched, a_file, instant
from tests.support.histories import history_at

WHEEL = "apple-1.0-py3-none-any.whl"


def digest(number: int) -> str:
    return sha256(b"%d" % number).hexdigest()


class Store:
    """Files that nobody has called anything."""

    def __init__(self, digests: list[str]) -> None:
        used = datetime(2024, 1, 1, tzinfo=UTC)
        self.entries = tuple(
            Entry(kind=EntryKind.FILE, path=f"sha256/{one[:2]}/{one}", size=1, used=used) for one in digests
        )

    def remove(self, entry: Entry) -> bool:
        raise AssertionError(entry)

    def remove_dangling_links(self) -> int:
        return 0

    def names(self) -> dict[str, tuple[str, ...]]:
        return {}

    def other_size(self) -> int:
        return 0


@pytest.fixture
def history(tmp_path: Path) -> Iterator[SqlHistory]:
    with SqlHistory(history_at(tmp_path / "history.sqlite")) as opened:
        yield opened


def test_what_is_known_of_all_wheels_is_read_once_and_only_for_names(history: SqlHistory) -> None:
    wheel = a_file("1.0", 0.5, name=WHEEL)
    Watched(history).sees(1.5, wheel)
    known = wheel.hashes[0][1]
    metadata = [digest(number) for number in range(1200)]
    history.keep_metadata({known: metadata[700], digest(5000): metadata[701], digest(5001): digest(5002)})
    statements: list[str] = []

    @event.listens_for(history._database.kind.engine, "before_cursor_execute")
    def _(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "wheel_metadata" in statement:
            statements.append(statement)

    freeing = Freeing(Store([*metadata, known]), history, lambda: instant(2), everything=False)
    assert statements == []
    names = freeing.names()
    assert len(statements) == 1
    assert names[f"sha256/{metadata[700][:2]}/{metadata[700]}"] == (f"{WHEEL}.metadata",)
    assert names[f"sha256/{known[:2]}/{known}"] == (WHEEL,)
    assert history.wheels_of(metadata) == {metadata[700]: [known], metadata[701]: [digest(5000)]}
