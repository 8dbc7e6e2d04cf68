from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import text
from sqlalchemy.dialects.sqlite import dialect

from cachi2ish.mirror.history.engines.database import Database
from cachi2ish.mirror.history.engines.interface import HistoryPlace
from cachi2ish.mirror.history.engines.packed_texts import Digests, Place
from cachi2ish.mirror.history.store import SqlHistory
from tests.mirror.history.world import Watched, a_file
from tests.support.histories import history_at

DIGITS = "0123456789abcdef" * 4
PLACE = f"packages/{DIGITS[:2]}/{DIGITS[2:4]}/{DIGITS[4:]}/"
DIGESTS = f'{{"sha256":"{DIGITS}"}}'
HERE = dialect()
KEPT = "SELECT path, metadata FROM file JOIN file_state ON id = file_id"

#: What is nearly as PyPI writes it.
ODD = [
    "",
    "/",
    "#",
    PLACE[:-1],
    PLACE.upper(),
    f"x{PLACE}",
    f"{PLACE}x/",
    f"{PLACE}\n",
    "=" + "a" * 42 + "/",
    "=" + "a" * 42 + "#",
    "{}",
    DIGESTS.replace("sha256", "sha384"),
    DIGESTS.replace("f", "F"),
    DIGESTS.replace(":", ": "),
    DIGESTS + " ",
    '{"sha256":"0"}',
]


@pytest.mark.parametrize(("kind", "usual"), [(Place(), PLACE), (Digests(), DIGESTS)])
def test_a_text_comes_back_as_it_was_and_a_usual_one_takes_less_room(kind: Place | Digests, usual: str) -> None:
    packed = kind.process_bind_param(usual, HERE)
    assert packed is not None
    assert len(packed) == 44
    assert kind.process_result_value(packed, HERE) == usual
    for text_ in ODD:
        assert kind.process_bind_param(text_, HERE) == text_
        assert kind.process_result_value(text_, HERE) == text_
    assert kind.process_bind_param(None, HERE) is kind.process_result_value(None, HERE) is None


@given(digest=st.binary(min_size=32, max_size=32))
def test_each_digest_comes_back(digest: bytes) -> None:
    digits = digest.hex()
    for kind, usual in (
        (Place(), f"packages/{digits[:2]}/{digits[2:4]}/{digits[4:]}/"),
        (Digests(), f'{{"sha256":"{digits}"}}'),
    ):
        assert kind.process_result_value(kind.process_bind_param(usual, HERE), HERE) == usual


def test_rows_of_before_are_read_and_are_no_change(
    place: HistoryPlace, history: SqlHistory, tmp_path: Path
) -> None:
    watched = Watched(history)
    shown = replace(
        a_file("1.0", 0.5),
        url=f"https://files.example/{PLACE}apple-1.0.tar.gz",
        core_metadata=(("sha256", DIGITS),),
    )
    watched.sees(1, shown)
    page = watched.page(0)
    assert page.page.files == (shown,)
    with closing(Database(place)) as database, database.writing() as connection:
        packed = connection.execute(text(KEPT)).one()
        assert [len(one) for one in packed] == [44, 44]
        connection.execute(text("UPDATE file SET path = :path"), {"path": PLACE})
        connection.execute(text("UPDATE file_state SET metadata = :digests"), {"digests": DIGESTS})
    assert watched.page(0) == page
    copy = history_at(tmp_path / "copy.sqlite")
    assert history.copy_to(copy) > 0
    with closing(Database(copy)) as database, database.reading() as connection:
        assert connection.execute(text(KEPT)).one() == packed
    assert watched.sees(2, shown).changed == 0
    assert (watched.page(0).page, watched.page(0).digest) == (page.page, page.digest)
    assert history.verify() == ()
