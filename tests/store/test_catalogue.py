"""What is remembered comes back as it was, or not at all."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.errors import StorageError
from cachi2ish.store.catalogue import SqliteCatalogue
from cachi2ish.store.interface import Catalogue
from cachi2ish.store.null_catalogue import NullCatalogue
from tests.store.support import start

INDEX = "https://index.example/simple/"


def sha256(text: str) -> Digest:
    return Digest("sha256", hashlib.sha256(text.encode()).hexdigest())


def index_file(name: str, url: str | None = None) -> IndexFile:
    return IndexFile(filename=name, url=url or f"https://files.example/{name}", digests=frozenset({sha256(name)}))


def page_of(*files: IndexFile, project: str = "thing") -> Page:
    return Page(project=canonicalize_name(project), index=INDEX, files=files)


SDIST = index_file("thing-1.0.tar.gz")
WHEEL = IndexFile(
    filename="thing-1.0-py3-none-any.whl",
    url="https://files.example/thing-1.0-py3-none-any.whl",
    digests=frozenset({sha256("w"), Digest("md5", "0" * 32), Digest("blake2b", "1" * 128)}),
    requires_python=">=3.9, <4",
    yanked=True,
    yanked_reason="it is broken: é \0 '\"",
    size=0,
    upload_time=datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "catalogue.sqlite3"


@pytest.fixture
def catalogue(path: Path) -> Iterator[SqliteCatalogue]:
    with SqliteCatalogue(path) as opened:
        yield opened


def test_both_are_the_catalogue_of_the_interface(catalogue: SqliteCatalogue) -> None:
    ports: list[Catalogue] = [catalogue, NullCatalogue()]
    for port in ports:
        assert port.recall("source", "thing", [sha256("x")]) is None
        assert port.get_validated(INDEX) is None


def test_the_null_catalogue_remembers_nothing() -> None:
    catalogue = NullCatalogue()
    catalogue.remember("source", page_of(SDIST))
    catalogue.put_validated(INDEX, '"1"', "text/html", b"x")
    assert catalogue.recall("source", "thing", SDIST.digests) is None
    assert catalogue.get_validated(INDEX) is None


def test_a_page_comes_back_with_every_field_and_in_order(catalogue: SqliteCatalogue, path: Path) -> None:
    page = replace(
        page_of(WHEEL, SDIST, WHEEL), versions=("1.0", "0.9"), status="archived", status_reason="no longer kept"
    )
    catalogue.remember("source", page)
    assert catalogue.recall("source", "thing", {*SDIST.digests, *WHEEL.digests}) == page
    with SqliteCatalogue(path) as another:
        assert another.recall("source", "Thing", SDIST.digests) == page


def test_an_upload_time_comes_back_as_the_same_instant_in_utc(catalogue: SqliteCatalogue) -> None:
    local = datetime(2024, 10, 1, 1, 30, 0, 1, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    catalogue.remember("source", page_of(replace(SDIST, upload_time=local)))
    recalled = catalogue.recall("source", "thing", SDIST.digests)
    assert recalled
    assert recalled.files[0].upload_time == local
    assert recalled.files[0].upload_time.tzinfo is UTC


def test_one_unknown_digest_and_nothing_is_recalled(catalogue: SqliteCatalogue) -> None:
    catalogue.remember("source", page_of(SDIST, WHEEL))
    assert catalogue.recall("source", "thing", [*SDIST.digests, sha256("a newer file")]) is None


def test_no_digest_and_nothing_is_recalled(catalogue: SqliteCatalogue) -> None:
    catalogue.remember("source", page_of(SDIST))
    assert catalogue.recall("source", "thing", []) is None


def test_another_source_or_project_does_not_know_it(catalogue: SqliteCatalogue) -> None:
    catalogue.remember("source", page_of(SDIST))
    assert catalogue.recall("other", "thing", SDIST.digests) is None
    assert catalogue.recall("source", "other", SDIST.digests) is None


def test_a_newer_page_takes_the_place_of_the_older(catalogue: SqliteCatalogue) -> None:
    catalogue.remember("source", page_of(SDIST, WHEEL))
    catalogue.remember("other", page_of(SDIST, project="another"))
    catalogue.remember("source", page_of(WHEEL))
    assert catalogue.recall("source", "thing", SDIST.digests) is None
    assert catalogue.recall("source", "thing", WHEEL.digests) == page_of(WHEEL)
    assert catalogue.recall("other", "another", SDIST.digests)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@files.example/thing-1.0.tar.gz",
        "https://hunter2@files.example/thing-1.0.tar.gz",
        "https://files.example/thing-1.0.tar.gz?X-Amz-Signature=hunter2",
        "https://files.example/thing-1.0.tar.gz?a=b&token=hunter2",
    ],
)
def test_a_file_whose_address_holds_a_credential_is_not_written(
    catalogue: SqliteCatalogue, path: Path, url: str
) -> None:
    secret = index_file("thing-1.0.zip", url)
    catalogue.remember(f"{INDEX} {url}", replace(page_of(SDIST, secret, WHEEL), index=url))
    catalogue.put_validated(url, '"1"', "text/html", b"body")
    assert catalogue.recall(f"{INDEX} {url}", "thing", secret.digests) is None
    recalled = catalogue.recall(f"{INDEX} {url}", "thing", SDIST.digests)
    assert recalled
    assert recalled.files == (SDIST, WHEEL)
    catalogue.close()
    for kept in path.parent.iterdir():
        assert b"hunter2" not in kept.read_bytes()


def test_an_address_with_a_harmless_query_is_kept(catalogue: SqliteCatalogue) -> None:
    page = page_of(index_file("thing-1.0.zip", "https://files.example/get?name=thing-1.0.zip&v=1"))
    catalogue.remember("source", page)
    assert catalogue.recall("source", "thing", page.files[0].digests) == page


@pytest.mark.parametrize("odd", [replace(WHEEL, filename="\ud800"), replace(WHEEL, size=10**30)])
def test_a_file_that_no_database_can_hold_is_left_out(catalogue: SqliteCatalogue, odd: IndexFile) -> None:
    catalogue.remember("source", page_of(odd, SDIST))
    assert catalogue.recall("source", "thing", SDIST.digests) == page_of(SDIST)
    assert catalogue.recall("source", "thing", odd.digests) is None


def test_a_page_that_no_database_can_hold_changes_nothing(catalogue: SqliteCatalogue) -> None:
    catalogue.remember("source", page_of(SDIST))
    catalogue.remember("source", replace(page_of(WHEEL), status_reason="\ud800"))
    assert catalogue.recall("source", "thing", SDIST.digests) == page_of(SDIST)


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_FILES = st.builds(
    IndexFile,
    filename=_TEXT,
    url=_TEXT.map(lambda text: "https://files.example/" + text.replace("@", "").replace("?", "").replace("&", "")),
    digests=st.frozensets(st.sampled_from([sha256("a"), sha256("b"), Digest("md5", "0" * 32)])),
    requires_python=st.none() | _TEXT,
    yanked=st.booleans(),
    yanked_reason=_TEXT,
    size=st.none() | st.integers(0, 2**63 - 1),
    upload_time=st.none() | st.datetimes(timezones=st.just(UTC)),
)


@settings(max_examples=40)
@given(files=st.lists(_FILES, max_size=5), versions=st.none() | st.lists(_TEXT, max_size=3).map(tuple))
def test_whatever_an_index_states_survives(
    tmp_path_factory: pytest.TempPathFactory, files: list[IndexFile], versions: tuple[str, ...] | None
) -> None:
    page = replace(page_of(*files, SDIST), versions=versions)
    with SqliteCatalogue(tmp_path_factory.getbasetemp() / "property.sqlite3") as catalogue:
        catalogue.remember("source", page)
        assert catalogue.recall("source", "thing", SDIST.digests) == page


def test_a_page_of_ten_thousand_files(catalogue: SqliteCatalogue) -> None:
    page = page_of(*(index_file(f"thing-1.{number}.tar.gz") for number in range(10_000)))
    catalogue.remember("source", page)
    assert catalogue.recall("source", "thing", page.files[9_999].digests) == page


def test_a_page_body_comes_back_with_its_validator(catalogue: SqliteCatalogue) -> None:
    body = bytes(range(256)) * 100
    catalogue.put_validated(INDEX, '"1"', "text/html", b"old")
    catalogue.put_validated(INDEX, 'W/"2"', "application/json; charset=utf-8", body)
    assert catalogue.get_validated(INDEX) == ('W/"2"', "application/json; charset=utf-8", body)
    assert catalogue.get_validated(INDEX.replace("//", "//user:hunter2@")), "credentials do not tell pages apart"


@pytest.mark.parametrize(
    "body",
    [
        b'<a href="https://user:hunter2@files.example/x.zip">',
        b'<a href="x.zip?a=1&amp;X-Amz-Signature=abc">',
        b'{"url": "x.zip?a=1\\u0026sig=abc"}',
        b'{"url": "x.zip?Api_Key=abc"}',
    ],
)
def test_a_page_body_that_shows_a_credential_is_not_kept(catalogue: SqliteCatalogue, body: bytes) -> None:
    catalogue.put_validated(INDEX, '"1"', "text/html", body)
    assert catalogue.get_validated(INDEX) is None


def test_a_page_body_with_ordinary_attributes_is_kept(catalogue: SqliteCatalogue) -> None:
    body = b'<a href="../x.zip#sha256=ab" data-gpg-sig="true" data-requires-python="&gt;=3.9">x</a> a@b.example'
    catalogue.put_validated(INDEX, '"1"', "text/html", body)
    assert catalogue.get_validated(INDEX)


@pytest.mark.parametrize(
    "content", [b"this is no database at all", bytes(8192), b"SQLite format 3\0" + b"\1" * 9000]
)
def test_a_damaged_database_is_moved_aside_with_a_note(
    path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with SqliteCatalogue(path) as catalogue:
        catalogue.remember("source", page_of(SDIST))
        assert catalogue.recall("source", "thing", SDIST.digests) == page_of(SDIST)
    assert path.with_name("catalogue.sqlite3.aside").read_bytes() == content
    assert "moved aside" in caplog.text


def test_a_newer_database_is_moved_aside_with_a_note(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    SqliteCatalogue(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with SqliteCatalogue(path) as catalogue:
        catalogue.remember("source", page_of(SDIST))
        assert catalogue.recall("source", "thing", SDIST.digests)
    assert "version 99" in caplog.text


@pytest.mark.parametrize("damage", ["DROP TABLE page", "ALTER TABLE file RENAME COLUMN url TO uri"])
def test_damage_that_shows_later_is_healed(path: Path, damage: str) -> None:
    with SqliteCatalogue(path) as catalogue:
        catalogue.remember("source", page_of(SDIST))
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(damage)
        assert catalogue.recall("source", "thing", SDIST.digests) is None
        catalogue.remember("source", page_of(SDIST))
        assert catalogue.recall("source", "thing", SDIST.digests)


def test_damage_is_healed_once_for_all_who_have_it_open(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with SqliteCatalogue(path) as one, SqliteCatalogue(path) as other:
        one.remember("source", page_of(SDIST))
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("DROP TABLE file")
        assert one.recall("source", "thing", SDIST.digests) is None
        one.remember("source", page_of(SDIST))
        other.remember("other source", page_of(WHEEL))  # still has the damaged file open
        other.remember("other source", page_of(WHEEL))
        assert one.recall("source", "thing", SDIST.digests), "it was not moved aside a second time"
        assert one.recall("other source", "thing", WHEEL.digests)
    assert caplog.text.count("moved aside") == 1


def test_torn_content_is_not_recalled(path: Path) -> None:
    with SqliteCatalogue(path) as catalogue:
        catalogue.remember("source", page_of(SDIST))
        catalogue.put_validated(INDEX, '"1"', "text/html", b"x")
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE file SET digests = digests || ' torn'")
            connection.execute("UPDATE validated SET body = x'00'")
        assert catalogue.recall("source", "thing", SDIST.digests) is None
        assert catalogue.get_validated(INDEX) is None


def test_a_locked_database_fails_no_run(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with SqliteCatalogue(path) as catalogue, closing(sqlite3.connect(path, isolation_level=None)) as other:
        catalogue._connection.execute("PRAGMA busy_timeout = 0")
        other.execute("BEGIN IMMEDIATE")
        catalogue.remember("source", page_of(SDIST))
        other.execute("ROLLBACK")
        assert "locked" in caplog.text
        catalogue.remember("source", page_of(SDIST))
        assert catalogue.recall("source", "thing", SDIST.digests)


def test_a_place_where_no_file_can_be_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="Not a directory") as caught:
        SqliteCatalogue(tmp_path / "file" / "catalogue.sqlite3")
    assert "--cache-dir" in (caught.value.hint or "")
    (tmp_path / "directory").mkdir()
    with pytest.raises(StorageError, match="cannot be opened"):
        SqliteCatalogue(tmp_path / "directory")


REMEMBER = """
import sys
from pathlib import Path
from cachi2ish.store.catalogue import SqliteCatalogue
from tests.store.test_catalogue import page_of, index_file
with SqliteCatalogue(Path(sys.argv[1])) as catalogue:
    for number in range(8):
        page = page_of(index_file(f"thing-{number}.zip"), index_file("thing-x.zip"))
        catalogue.remember(f"own {sys.argv[2]} {number}", page)
        catalogue.remember("shared", page)
        assert catalogue.recall("shared", "thing", page.files[1].digests)
        assert catalogue.recall(f"own {sys.argv[2]} {number}", "thing", page.files[0].digests) == page
print("done")
"""


def test_many_processes_and_threads_share_it(path: Path) -> None:
    processes = [start(REMEMBER, path, str(number)) for number in range(4)]
    with SqliteCatalogue(path) as catalogue, ThreadPoolExecutor(4) as pool:
        pages = [page_of(index_file(f"thing-{number}.zip")) for number in range(40)]
        list(pool.map(lambda page: catalogue.remember(page.files[0].filename, page), pages))
        assert [process.communicate()[0] for process in processes] == ["done\n"] * 4
        for page in pages:
            assert catalogue.recall(page.files[0].filename, "thing", page.files[0].digests) == page
        for number in range(4):
            assert catalogue.recall(f"own {number} 7", "thing", index_file("thing-7.zip").digests)
    assert not path.with_name("catalogue.sqlite3.aside").exists()
