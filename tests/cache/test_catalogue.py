"""What is remembered comes back as it was, or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as replaced

from cachi2ish.cache.catalogue import SqliteCatalogue
from cachi2ish.cache.interface import Catalogue
from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import IndexFile
from cachi2ish.core.urls import SECRET_ENDINGS, SECRET_NAMES, redact
from tests.cache.pages import INDEX, SDIST, WHEEL, hashes, index_file, page_of, recalled, sha256


def test_it_is_the_catalogue_of_the_interface(catalogue: SqliteCatalogue) -> None:
    port: Catalogue = catalogue
    assert port.recall("source", "thing", [sha256("x")]) is None
    assert port.get_validated(INDEX) is None


def test_a_page_comes_back_with_every_field_and_in_order(catalogue: SqliteCatalogue, path: Path) -> None:
    page = replace(page_of(WHEEL, SDIST, WHEEL), status="archived", status_reason="no longer kept")
    catalogue.remember("source", page)
    assert catalogue.recall("source", "thing", {*SDIST.digests, *WHEEL.digests}) == recalled(page)
    with SqliteCatalogue(path) as another:
        assert another.recall("source", "Thing", SDIST.digests) == recalled(page)


def test_an_upload_time_comes_back_as_the_same_instant_in_utc(catalogue: SqliteCatalogue) -> None:
    local = datetime(2024, 10, 1, 1, 30, 0, 1, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    catalogue.remember("source", page_of(replaced(SDIST, upload_time=local)))
    found = catalogue.recall("source", "thing", SDIST.digests)
    assert found
    assert found.files[0].upload_time == local
    assert found.files[0].upload_time.tzinfo is UTC


def test_what_a_page_says_of_some_versions_is_added_to_what_was_known(catalogue: SqliteCatalogue) -> None:
    newer = index_file("thing-2.0.tar.gz")
    catalogue.remember("source", page_of(SDIST, WHEEL))
    catalogue.remember("source", replace(page_of(newer), partial=True, status="archived"))
    moved = replaced(SDIST, url="https://elsewhere.example/thing-1.0.tar.gz")
    catalogue.remember("source", replace(page_of(moved), partial=True))
    found = catalogue.recall("source", "thing", {*SDIST.digests, *newer.digests})
    assert found
    assert set(found.files) == {moved, WHEEL, newer}
    assert found.status == "active"


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
    assert catalogue.recall("source", "thing", WHEEL.digests) == recalled(page_of(WHEEL))
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
    found = catalogue.recall(f"{INDEX} {url}", "thing", SDIST.digests)
    assert found
    assert found.files == (SDIST, WHEEL)
    catalogue.close()
    for kept in path.parent.iterdir():
        assert b"hunter2" not in kept.read_bytes()


def test_an_address_with_a_harmless_query_is_kept(catalogue: SqliteCatalogue) -> None:
    page = page_of(index_file("thing-1.0.zip", "https://files.example/get?name=thing-1.0.zip&v=1"))
    catalogue.remember("source", page)
    assert catalogue.recall("source", "thing", page.files[0].digests) == recalled(page)


@pytest.mark.parametrize("odd", [replaced(WHEEL, filename="\ud800"), replaced(WHEEL, size=10**30)])
def test_a_file_that_no_database_can_hold_is_left_out(catalogue: SqliteCatalogue, odd: IndexFile) -> None:
    catalogue.remember("source", page_of(odd, SDIST))
    assert catalogue.recall("source", "thing", SDIST.digests) == recalled(page_of(SDIST))
    assert catalogue.recall("source", "thing", odd.digests) is None


def test_a_page_that_no_database_can_hold_changes_nothing(catalogue: SqliteCatalogue) -> None:
    catalogue.remember("source", page_of(SDIST))
    catalogue.remember("source", replace(page_of(WHEEL), status_reason="\ud800"))
    assert catalogue.recall("source", "thing", SDIST.digests) == recalled(page_of(SDIST))


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
        catalogue.remember("source", page)
        assert catalogue.recall("source", "thing", SDIST.digests) == recalled(page)


def test_a_page_of_ten_thousand_files(catalogue: SqliteCatalogue) -> None:
    page = page_of(*(index_file(f"thing-1.{number}.tar.gz") for number in range(10_000)))
    catalogue.remember("source", page)
    assert catalogue.recall("source", "thing", page.files[9_999].digests) == recalled(page)


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


@pytest.mark.parametrize("parameter", [*SECRET_ENDINGS, *SECRET_NAMES])
def test_what_is_not_shown_of_an_address_is_not_kept_of_a_page(catalogue: SqliteCatalogue, parameter: str) -> None:
    address = f"https://files.example/x.zip?{parameter}=hunter2"
    assert "hunter2" not in redact(address)
    catalogue.put_validated(INDEX, '"1"', "text/html", f'<a href="{address}">'.encode())
    assert catalogue.get_validated(INDEX) is None


def test_a_page_body_with_ordinary_attributes_is_kept(catalogue: SqliteCatalogue) -> None:
    body = b'<a href="../x.zip#sha256=ab" data-gpg-sig="true" data-requires-python="&gt;=3.9">x</a> a@b.example'
    catalogue.put_validated(INDEX, '"1"', "text/html", body)
    assert catalogue.get_validated(INDEX)
