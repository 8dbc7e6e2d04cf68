from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from packaging.utils import canonicalize_name

from cachi2ish.cache.memory.catalogue import SqliteCatalogue
from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import Page
from cachi2ish.core.urls import Address
from cachi2ish.errors import InputError, NetworkError, ProjectNotFoundError, UnavailableError
from cachi2ish.index.http_index import SimpleIndex
from cachi2ish.index.interface import PageQuery
from cachi2ish.simple_api.negotiation import JSON
from tests.index.conftest import RUN_STARTED, Open
from tests.index.plain_http import PlainHttp
from tests.support.distributions import make_sdist, make_wheel
from tests.support.index_server import Fault, IndexServer, Mode

DEMO = canonicalize_name("demo")
PAGE = "/simple/demo/"
DIST = make_sdist("demo", "1.0")


def _fill(index: IndexServer) -> None:
    index.add("demo", DIST, upload_time="2023-05-06T07:08:09Z", requires_python=">=3.8,<4")
    index.add("demo", make_sdist("demo", "1.0+cpu"), digests=(), yanked="wrong & <bad>")
    index.add("demo", make_wheel("demo", "1.0"), digests=("sha512",), yanked="")
    index.add("demo", make_wheel("demo", "2.0"), upload_time="2024-10-01T01:30:00.25+02:00")
    index.add("demo", make_sdist("demo", "0.1", ".zip"), url="https://files.example/x%20y/demo-0.1.zip")
    index.add_project("demo", status="archived", reason='no one "cares" <now>')


def _without_what_html_cannot_say(page: Page, address: str) -> Page:
    files = tuple(replace(file, size=None, url=file.url.replace(address, "http://it")) for file in page.files)
    return replace(page, files=files, index="it", versions=None)


def test_json_and_html_of_a_project_give_the_same_page(opened: Open) -> None:
    pages = []
    modes: tuple[Mode, ...] = ("json", "html")
    for mode in modes:
        with IndexServer(mode=mode) as index:
            _fill(index)
            page = opened(index.index_url).page(DEMO)
            assert page.index == index.index_url
            pages.append(_without_what_html_cannot_say(page, index.url))
    as_json, as_html = pages
    assert as_html == as_json
    assert [file.yanked for file in as_json.files] == [False, True, True, False, False]
    first, *_, late, elsewhere = as_json.files
    assert first.digests == {Digest("sha256", DIST.sha256)}
    assert first.url == f"http://it/files/{DIST.filename}"
    assert late.upload_time == datetime(2024, 9, 30, 23, 30, 0, 250000, tzinfo=UTC)
    assert elsewhere.url == "https://files.example/x%20y/demo-0.1.zip"
    assert (as_json.status, as_json.status_reason) == ("archived", 'no one "cares" <now>')


def test_json_has_sizes_and_is_preferred(opened: Open) -> None:
    with IndexServer(mode="both") as index:
        _fill(index)
        page = opened(index.index_url).page(DEMO)
    assert page.files[0].size == len(DIST.content)


@pytest.mark.parametrize("end", ["", "/", "//", "/#fragment", "/?channel=a/b"])
def test_any_spelling_of_the_index_address_asks_for_the_same_page(opened: Open, end: str) -> None:
    with IndexServer() as index:
        index.add("demo", DIST)
        page = opened(index.index_url.rstrip("/") + end).page(DEMO)
        assert page.files[0].url == f"{index.url}/files/{DIST.filename}"
        query = "?channel=a/b" if "?" in end else ""
        assert index.paths == (PAGE + query,)
        assert page.index == index.index_url + query


@pytest.mark.parametrize("url", ["", "simple", "ftp://index.example/", "https://", "https://[", "http://h:port/"])
def test_what_is_no_address_of_an_index_is_an_input_error(opened: Open, url: str) -> None:
    with pytest.raises(InputError):
        opened(url)


@pytest.mark.parametrize("status", [404, 410])
def test_a_project_that_is_not_there_is_named_with_its_index(opened: Open, status: int) -> None:
    with IndexServer() as index:
        index.script(PAGE, [Fault.status(status)])
        with pytest.raises(ProjectNotFoundError) as caught:
            opened(index.index_url).page(DEMO)
        assert (caught.value.project, caught.value.index) == ("demo", index.index_url)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_names_the_host_and_speaks_of_credentials(opened: Open, status: int) -> None:
    with IndexServer() as index:
        index.script(PAGE, [Fault.status(status)])
        with pytest.raises(UnavailableError, match=rf"127\.0\.0\.1 .*HTTP {status}") as caught:
            opened(index.index_url).page(DEMO)
        assert not isinstance(caught.value, ProjectNotFoundError)
        assert "netrc" in str(caught.value.hint)


@pytest.mark.parametrize("status", [204, 206, 300, 304, 400, 406, 418])
def test_any_other_status_is_no_project_page(opened: Open, status: int) -> None:
    with IndexServer() as index:
        index.script(PAGE, [Fault.status(status)])
        with pytest.raises(UnavailableError, match=f"HTTP {status}") as caught:
            opened(index.index_url).page(DEMO)
        assert "/simple/" in str(caught.value.hint)


def test_a_failing_server_is_a_network_error(opened: Open) -> None:
    with IndexServer() as index:
        index.script(PAGE, [Fault.status(503)])
        with pytest.raises(NetworkError):
            opened(index.index_url).page(DEMO)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html", b"<title>Log in</title><form></form>"),
        ("application/json", b'{"files": []}'),
        ("application/vnd.pypi.simple.v2+json", b'{"files": []}'),
        (JSON, b'{"meta": {"api-version": "1.0"}, "projects": []}'),
        (JSON, b"<title>Links for demo</title>"),
        ("", b"<title>Links for demo</title>"),
        ("application/octet-stream", b""),
    ],
)
def test_an_answer_that_is_no_project_page_is_refused_and_not_kept(
    opened: Open,
    catalogue: SqliteCatalogue,
    content_type: str,
    body: bytes,
) -> None:
    with IndexServer() as index:
        index.serve_page(PAGE, body, content_type)
        with pytest.raises(UnavailableError) as caught:
            opened(index.index_url).page(DEMO)
        assert index.index_url in caught.value.problem
        assert "/simple/" in str(caught.value.hint)
        assert catalogue.kept_page(index.index_url, DEMO) is None


def test_media_types_are_read_as_http_writes_them(opened: Open) -> None:
    with IndexServer() as index:
        body = "<title>Links for demo</title><a href=demo-1.0.zip data-yanked='gr\u00fcn'></a>".encode("latin-1")
        index.serve_page(PAGE, body, 'Text/HTML ; Charset="ISO-8859-1"')
        assert opened(index.index_url).page(DEMO).files[0].yanked_reason == "gr\u00fcn"


def test_links_are_relative_to_where_a_redirect_led(opened: Open) -> None:
    with IndexServer() as index, IndexServer() as other:
        other.add("demo", DIST)
        index.script(PAGE, [Fault.redirect(f"{other.index_url}demo/")])
        page = opened(index.index_url).page(DEMO)
        assert page.files[0].url == f"{other.url}/files/{DIST.filename}"
        assert page.index == index.index_url


def test_credentials_are_used_and_never_shown_or_kept(
    opened: Open, catalogue: SqliteCatalogue, tmp_path: Path
) -> None:
    with IndexServer(credentials=("user", "s3cret")) as index:
        index.add("demo", DIST)
        url = index.index_url_with_credentials
        simple = opened(url)
        page = simple.page(DEMO)
        assert simple.address == page.index == index.index_url
        assert page.files[0].url == f"{index.url}/files/{DIST.filename}"
        index.credentials = ("user", "changed")
        with pytest.raises(UnavailableError) as caught:
            opened(url).page(DEMO)
        assert "s3cret" not in f"{caught.value}{caught.value.hint}{page}{page.files[0].url}"
        assert "s3cret" not in kept_in(catalogue, tmp_path)


def test_a_token_in_the_query_is_sent_and_never_shown(
    opened: Open, catalogue: SqliteCatalogue, tmp_path: Path
) -> None:
    with IndexServer() as index:
        index.add("demo", DIST)
        simple = opened(f"{index.index_url}?token=s3cret")
        page = simple.page(DEMO)
        assert index.paths == (f"{PAGE}?token=s3cret",)
        assert "s3cret" not in f"{simple.address}{page.index}{page.files[0].url}"
        with pytest.raises(ProjectNotFoundError) as caught:
            simple.page(canonicalize_name("other"))
        assert "s3cret" not in str(caught.value)
        assert "s3cret" not in kept_in(catalogue, tmp_path)


@pytest.mark.parametrize("mode", ["json", "html"])
def test_a_page_that_has_not_changed_is_not_sent_again(
    opened: Open,
    mode: Mode,
) -> None:
    with IndexServer(mode=mode) as index:
        index.add("demo", DIST)
        first = opened(index.index_url).page(DEMO)
        assert opened(index.index_url).page(DEMO) == first
        assert [(request.status, request.sent > 0) for request in index.requests] == [(200, True), (304, False)]


def test_a_page_that_has_changed_is_sent_and_kept(opened: Open) -> None:
    with IndexServer() as index:
        index.add("demo", DIST)
        opened(index.index_url).page(DEMO)
        index.add("demo", make_wheel("demo", "1.0"))
        assert len(opened(index.index_url).page(DEMO).files) == 2
        assert len(opened(index.index_url).page(DEMO).files) == 2
        assert [request.status for request in index.requests] == [200, 200, 304]


def test_a_kept_page_does_not_hide_that_the_project_is_gone(opened: Open, catalogue: SqliteCatalogue) -> None:
    with IndexServer() as index:
        index.add("demo", DIST)
        opened(index.index_url).page(DEMO)
        index.script(PAGE, [Fault.status(404)])
        with pytest.raises(ProjectNotFoundError):
            opened(index.index_url).page(DEMO)
        kept = catalogue.kept_page(index.index_url, DEMO)
        assert kept
        assert (kept.page, kept.fetched_at) == (None, RUN_STARTED)


def damage(catalogue: Path) -> None:
    with closing(sqlite3.connect(catalogue)) as connection, connection:
        connection.execute("UPDATE body SET content = substr(content, 1, length(content) - 5)")


def test_a_kept_page_that_is_damaged_is_sent_again(
    opened: Open, catalogue: SqliteCatalogue, tmp_path: Path
) -> None:
    with IndexServer() as index:
        index.add("demo", DIST)
        page = opened(index.index_url).page(DEMO)
        damage(tmp_path / "catalogue.sqlite")
        assert opened(index.index_url).page(DEMO) == page
        assert [request.status for request in index.requests] == [200, 304, 200]
        kept = catalogue.kept_page(index.index_url, DEMO)
        assert kept
        assert kept.page == page


def test_a_page_that_is_damaged_between_two_asks_of_a_run_is_sent_again(opened: Open, tmp_path: Path) -> None:
    with IndexServer() as index:
        index.add("demo", DIST)
        simple = opened(index.index_url)
        page = simple.page(DEMO)
        damage(tmp_path / "catalogue.sqlite")
        assert simple.page(DEMO) == page
        assert simple.page(DEMO) == page
        assert [request.status for request in index.requests] == [200, 304, 200]


def test_a_page_that_is_damaged_and_not_sent_again_is_asked_for_no_more(opened: Open, tmp_path: Path) -> None:
    with IndexServer() as index:
        index.add("demo", DIST)
        simple = opened(index.index_url)
        simple.page(DEMO)
        damage(tmp_path / "catalogue.sqlite")
        index.script(PAGE, [Fault.status(401)])
        for _ in range(2):
            with pytest.raises(UnavailableError, match="HTTP 401"):
                simple.page(DEMO)
        assert [request.status for request in index.requests] == [200, 401]


def test_a_page_that_is_still_the_same_is_as_new_as_the_run_that_asked(
    http: PlainHttp, catalogue: SqliteCatalogue
) -> None:
    with IndexServer() as index:
        index.add("demo", DIST)
        for started in (RUN_STARTED, RUN_STARTED + timedelta(days=1)):
            assert (
                SimpleIndex(Address(index.index_url), lambda: http, catalogue, started).page(DEMO).fetched_at
                == started
            )
            kept = catalogue.kept_page(index.index_url, DEMO)
            assert kept
            assert kept.fetched_at == started
        assert [request.status for request in index.requests] == [200, 304]


def test_a_server_without_validators_is_asked_in_full_each_time(opened: Open) -> None:
    with IndexServer(etags=False) as index:
        index.add("demo", DIST)
        assert opened(index.index_url).page(DEMO) == opened(index.index_url).page(DEMO)
        assert [request.status for request in index.requests] == [200, 200]


def test_many_threads_at_once_cause_one_request(opened: Open) -> None:
    with IndexServer() as index:
        index.add("demo", DIST)
        simple = opened(index.index_url)
        started = threading.Barrier(16)

        def ask() -> Page:
            started.wait(10)
            return simple.page(DEMO)

        with ThreadPoolExecutor(16) as pool:
            answers = [pool.submit(ask) for _ in range(16)]
            pages = [answer.result(10) for answer in answers]
        assert all(page == pages[0] for page in pages)
        assert index.paths == (PAGE,)


def test_an_error_is_shared_and_not_asked_for_again(opened: Open) -> None:
    with IndexServer() as index:
        simple = opened(index.index_url)
        for known in ((), (Digest("sha256", DIST.sha256),)):
            with pytest.raises(ProjectNotFoundError):
                simple.page(DEMO, PageQuery(frozenset(known)))
        assert index.paths == (PAGE,)


def test_a_page_that_no_catalogue_keeps_is_asked_for_once_all_the_same(http: PlainHttp, tmp_path: Path) -> None:
    """As in a dry run, and of an index whose addresses hold credentials."""
    SqliteCatalogue(tmp_path / "other.sqlite").close()
    with IndexServer() as index, SqliteCatalogue(tmp_path / "other.sqlite", read_only=True) as catalogue:
        index.add("demo", DIST)
        simple = SimpleIndex(Address(index.index_url), lambda: http, catalogue, RUN_STARTED)
        assert simple.page(DEMO) == simple.page(DEMO)
        assert index.paths == (PAGE,)
        assert catalogue.kept_page(index.index_url, DEMO) is None
    with IndexServer() as index, SqliteCatalogue(tmp_path / "third.sqlite") as catalogue:
        index.add("demo", DIST, url=f"{index.url}/files/{DIST.filename}?token=hunter2")
        simple = SimpleIndex(Address(index.index_url), lambda: http, catalogue, RUN_STARTED)
        assert simple.page(DEMO) == simple.page(DEMO)
        assert index.paths == (PAGE,)


def kept_in(catalogue: SqliteCatalogue, folder: Path) -> str:
    """All bytes of the database, as text."""
    catalogue.close()
    return (folder / "catalogue.sqlite").read_bytes().decode("latin-1")
