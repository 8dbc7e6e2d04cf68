"""What is remembered comes back as it was, or not at all."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256 as sha256_of
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import DecodeError, msgpack
from msgspec.structs import replace

from cachi2ish.cache.interface import Catalogue, KeptPage
from cachi2ish.cache.memory.catalogue import SqliteCatalogue
from cachi2ish.cache.memory.page_format import load
from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import IndexFile, ListedFiles, Page
from cachi2ish.core.urls import SECRET_ENDINGS, SECRET_NAMES, redact
from cachi2ish.simple_api.fields import PageSource
from cachi2ish.simple_api.json_listing import skim_json
from cachi2ish.simple_api.json_pages import write_json
from tests.cache.pages import INDEX, SDIST, WHEEL, T, hashes, index_file, kept, page_of, sha256


def test_it_is_the_catalogue_of_the_interface(catalogue: SqliteCatalogue) -> None:
    port: Catalogue = catalogue
    assert port.kept_page(INDEX, "thing") is None
    assert port.etag(INDEX, "thing") is None
    assert port.confirmed_page(INDEX, "thing", T) is None


def test_a_page_comes_back_with_every_field_and_in_order(catalogue: SqliteCatalogue, path: Path) -> None:
    other = index_file("thing-2.0.tar.gz")
    page = replace(
        page_of(WHEEL, other, SDIST, WHEEL, index_file("odd")),
        status="archived",
        status_reason="no longer kept",
        versions=("1.0", "2.0"),
        last_serial=2**40,
    )
    assert catalogue.keep_page(page)
    for opened in (catalogue, SqliteCatalogue(path)):
        found = opened.kept_page(INDEX, "Thing")
        assert found == KeptPage(page=page, fetched_at=T, complete=True)
        assert found.page
        assert found.page.fetched_at == T
        opened.close()


def test_of_a_page_the_files_of_some_versions_are_read(catalogue: SqliteCatalogue) -> None:
    two, local = index_file("thing-2.0.tar.gz"), index_file("thing-1.0+cpu.tar.gz")
    page = page_of(WHEEL, two, SDIST, local, index_file("odd"))
    catalogue.keep_page(page)
    assert kept(catalogue, "1") == replace(page, files=(WHEEL, SDIST, local))
    assert kept(catalogue, "2", "1.0.0") == replace(page, files=(WHEEL, two, SDIST, local))
    assert kept(catalogue, "3") == replace(page, files=())


def test_an_upload_time_comes_back_as_the_same_instant_in_utc(catalogue: SqliteCatalogue) -> None:
    local = datetime(2024, 10, 1, 1, 30, 0, 1, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    catalogue.keep_page(page_of(replace(SDIST, upload_time=local)))
    found = kept(catalogue)
    assert found
    assert found.files[0].upload_time == local
    assert found.files[0].upload_time.tzinfo is UTC


def test_another_index_or_project_does_not_know_it(catalogue: SqliteCatalogue) -> None:
    catalogue.keep_page(page_of(SDIST))
    assert kept(catalogue, index="https://other.example/simple/") is None
    assert kept(catalogue, project="other") is None


def test_a_newer_page_takes_the_place_of_the_older(catalogue: SqliteCatalogue) -> None:
    catalogue.keep_page(page_of(SDIST, WHEEL), '"1"')
    catalogue.keep_page(page_of(SDIST, project="another"))
    newer = page_of(WHEEL, fetched_at=T + timedelta(days=1))
    catalogue.keep_page(newer)
    assert catalogue.kept_page(INDEX, "thing") == KeptPage(page=newer, fetched_at=T + timedelta(days=1))
    assert catalogue.etag(INDEX, "thing") is None
    assert kept(catalogue, project="another")


def test_that_a_project_is_not_there_takes_the_place_of_its_page_and_the_other_way_round(
    catalogue: SqliteCatalogue,
) -> None:
    catalogue.keep_page(page_of(SDIST), '"1"')
    catalogue.keep_absence(INDEX, "Thing", T)
    assert catalogue.kept_page(INDEX, "thing") == KeptPage(page=None, fetched_at=T)
    assert catalogue.etag(INDEX, "thing") is None
    assert catalogue.confirmed_page(INDEX, "thing", T) is None
    catalogue.keep_page(page_of(SDIST))
    assert kept(catalogue) == page_of(SDIST)


def test_a_page_that_is_still_the_same_is_as_new_as_the_answer(catalogue: SqliteCatalogue) -> None:
    later = T + timedelta(days=1)
    catalogue.keep_page(page_of(SDIST), 'W/"2"')
    assert catalogue.etag(INDEX, "thing") == 'W/"2"'
    assert catalogue.etag(INDEX.replace("//", "//user:hunter2@"), "thing"), "credentials do not tell pages apart"
    found = catalogue.confirmed_page(INDEX, "thing", later)
    assert found == page_of(SDIST)
    assert found.fetched_at == later
    assert catalogue.kept_page(INDEX, "thing") == KeptPage(page=page_of(SDIST), fetched_at=later)
    assert catalogue.etag(INDEX, "thing") == 'W/"2"'


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
    catalogue.keep_page(page_of(SDIST, secret, WHEEL, index=url))
    catalogue.keep_absence(url, "other", T)
    found = catalogue.kept_page(url, "thing")
    assert found == KeptPage(page=page_of(SDIST, WHEEL, index=redact(url)), fetched_at=T, complete=False)
    catalogue.close()
    for written in path.parent.iterdir():
        assert b"hunter2" not in written.read_bytes()


@pytest.mark.parametrize("parameter", [*SECRET_ENDINGS, *SECRET_NAMES])
@pytest.mark.parametrize("start", ["x=1&", ""])
def test_what_is_not_shown_of_an_address_is_not_kept_of_a_page(
    catalogue: SqliteCatalogue, path: Path, parameter: str, start: str
) -> None:
    address = f"https://files.example/x.zip?{start}{parameter}=hunter2"
    assert "hunter2" not in redact(address)
    files = (
        index_file("thing-1.0.zip", address),
        replace(SDIST, provenance=address),
        WHEEL,
    )
    assert not catalogue.keep_page(page_of(*files), '"1"')
    assert catalogue.kept_page(INDEX, "thing") == KeptPage(page=page_of(WHEEL), fetched_at=T, complete=False)
    assert catalogue.etag(INDEX, "thing") is None, "the page is to be sent again"
    catalogue.close()
    assert b"hunter2" not in path.read_bytes()


def test_an_address_with_a_harmless_query_is_kept(catalogue: SqliteCatalogue) -> None:
    page = page_of(index_file("thing-1.0.zip", "https://files.example/get?name=thing-1.0.zip&v=1"))
    assert catalogue.keep_page(page)
    assert kept(catalogue) == page


@pytest.mark.parametrize("odd", [replace(WHEEL, filename="\ud800"), replace(WHEEL, size=10**30)])
def test_a_file_that_no_database_can_hold_is_left_out(catalogue: SqliteCatalogue, odd: IndexFile) -> None:
    assert not catalogue.keep_page(page_of(odd, SDIST))
    assert catalogue.kept_page(INDEX, "thing") == KeptPage(page=page_of(SDIST), fetched_at=T, complete=False)


def test_a_page_that_no_database_can_hold_changes_nothing(catalogue: SqliteCatalogue) -> None:
    catalogue.keep_page(page_of(SDIST))
    assert not catalogue.keep_page(replace(page_of(WHEEL), status_reason="\ud800"))
    assert kept(catalogue) == page_of(SDIST)


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_FILES = st.builds(
    IndexFile,
    filename=_TEXT,
    url=_TEXT.map(lambda text: "https://files.example/" + text.replace("@", "").replace("?", "").replace("&", "")),
    hashes=st.sets(st.sampled_from([sha256("a"), sha256("b"), Digest("md5", "0" * 32)])).map(lambda s: hashes(*s)),
    core_metadata=st.none(),
    provenance=st.none(),
    requires_python=st.none() | _TEXT,
    yanked=st.booleans(),
    yanked_reason=_TEXT,
    size=st.none() | st.integers(0, 2**63 - 1),
    upload_time=st.none() | st.datetimes(timezones=st.just(UTC)),
)


@settings(max_examples=40)
@given(files=st.lists(_FILES, max_size=5))
def test_whatever_an_index_states_survives(
    tmp_path_factory: pytest.TempPathFactory, files: list[IndexFile]
) -> None:
    page = page_of(*files, SDIST)
    with SqliteCatalogue(tmp_path_factory.getbasetemp() / "property.sqlite3") as catalogue:
        assert catalogue.keep_page(page)
        assert kept(catalogue) == page
        for version in ("1", *page.positions):
            assert kept(catalogue, version) == replace(page, files=page.files_of(version))


def test_a_page_of_ten_thousand_files(catalogue: SqliteCatalogue) -> None:
    page = page_of(*(index_file(f"thing-1.{number}.tar.gz") for number in range(10_000)))
    catalogue.keep_page(page)
    assert kept(catalogue) == page
    assert kept(catalogue, "1.9999") == replace(page, files=page.files[9_999:])


def test_a_catalogue_to_read_only_is_read_and_left_without_a_trace(catalogue: SqliteCatalogue, path: Path) -> None:
    catalogue.keep_page(page_of(SDIST))
    catalogue.put("key", "value")
    catalogue.close()
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    with SqliteCatalogue(path, read_only=True) as reading:
        assert not reading.keep_page(page_of(WHEEL))
        reading.keep_absence(INDEX, "thing", T)
        reading.put("key", "other")
        assert kept(reading) == page_of(SDIST)
        assert reading.confirmed_page(INDEX, "thing", T) == page_of(SDIST)
        assert reading.get("key") == "value"
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


@pytest.mark.parametrize("content", [None, b"", b"no database"])
def test_where_there_is_none_to_read_only_nothing_is_known(path: Path, content: bytes | None) -> None:
    if content is not None:
        path.parent.mkdir()
        path.write_bytes(content)
    with SqliteCatalogue(path, read_only=True) as reading:
        assert reading.get("key") is None
        reading.put("key", "value")
    assert (path.read_bytes() if path.exists() else None) == content


@pytest.mark.parametrize("where", ["head", "part"])
def test_a_body_that_is_nested_too_deeply_is_damage_as_any_other(where: str) -> None:
    nested = b"\x91" * 100_000 + b"\xc0"
    part = b"\x91\x92\xa0" + nested
    listed = nested if where == "head" else msgpack.encode([[[""], len(part), sha256_of(part).digest()]])
    head = b"\x95\xa0\xa0\xc0\xc0" + listed
    with pytest.raises(DecodeError):
        load(len(head).to_bytes(4) + head + part, INDEX, page_of().project, T)


def test_of_a_large_page_the_part_with_the_version_is_read_and_no_other(
    catalogue: SqliteCatalogue, path: Path
) -> None:
    files = [index_file(f"thing-{number}.0.tar.gz") for number in range(1000)]
    catalogue.keep_page(page_of(*files))
    with closing(sqlite3.connect(path)) as other, other:
        ((content,),) = other.execute("SELECT content FROM body").fetchall()
        middle = len(content) // 2
        torn = content[:middle] + bytes(100) + content[middle + 100 :]
        other.execute("UPDATE body SET content = ?", (torn,))
    assert kept(catalogue, "999") == page_of(files[-1])
    assert catalogue.kept_page(INDEX, "thing") is None


def listed(count: int = 20) -> Page:
    """A page in JSON as an index has sent it, compressed."""
    page = page_of(*(index_file(f"thing-{number}.0.tar.gz") for number in range(count)))
    body = write_json(page)
    skimmed = skim_json(body, PageSource(page.project, INDEX, f"{INDEX}thing/"), gzip.compress(body))
    return replace(skimmed, fetched_at=T)


def test_a_page_is_kept_as_it_came_and_read_for_any_versions(catalogue: SqliteCatalogue, path: Path) -> None:
    page = listed()
    assert catalogue.keep_page(page, '"1"', ["3", "7.0"])
    for opened in (catalogue, SqliteCatalogue(path)):
        assert kept(opened, "3", "7.0") == replace(page, files=(page.files[3], page.files[7]))
        assert kept(opened, "3") == replace(page, files=(page.files[3],))
        assert kept(opened, "11", "5") == replace(page, files=(page.files[5], page.files[11]))
        assert kept(opened, "99") == replace(page, files=())
        assert kept(opened) == page
        assert opened.etag(INDEX, "thing") == '"1"'
        opened.close()


def _torn(path: Path, what: bytes) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        ((content,),) = other.execute("SELECT content FROM body").fetchall()
        assert what in content
        other.execute("UPDATE body SET content = ?", (content.replace(what, bytes(len(what))),))


def test_who_asks_for_the_same_versions_reads_no_more_than_their_files(
    catalogue: SqliteCatalogue, path: Path
) -> None:
    page = listed()
    assert isinstance(page.files, ListedFiles)
    catalogue.keep_page(page, versions=["3"])
    _torn(path, page.files.packed[50:90])
    assert kept(catalogue, "3") == replace(page, files=(page.files[3],))
    assert kept(catalogue, "4") is None, "what is read is proved"
    assert kept(catalogue) is None


def test_files_that_are_not_what_was_kept_are_not_used(catalogue: SqliteCatalogue, path: Path) -> None:
    page = listed()
    catalogue.keep_page(page, versions=["3"])
    _torn(path, b"https://files.example/thing-3.0.tar.gz")
    assert kept(catalogue, "3") is None
