"""The index server of the tests is itself tested: what it gets wrong, every other test would get wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from cachi2ish.simple_api.negotiation import HTML, JSON
from tests.support.distributions import make_sdist, make_wheel
from tests.support.index_server import Fault, IndexServer, Mode

DIST = make_sdist("demo", "1.0", padding=10_000)
FILE = f"/files/{DIST.filename}"


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer() as server:
        server.add("demo", DIST)
        yield server


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.trust_env = False
        yield opened


@pytest.mark.parametrize("mode", ["json", "html"])
def test_pip_downloads_from_it(tmp_path: Path, mode: Mode) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    with IndexServer(mode=mode) as index:
        index.add("demo", make_wheel("demo", "1.0"), requires_python=">=3.8", upload_time="2024-01-01T00:00:00Z")
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--no-deps", "--index-url", index.index_url, "demo"],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            env={**environment, "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        )
    assert (tmp_path / "demo-1.0-py3-none-any.whl").read_bytes() == make_wheel("demo", "1.0").content


def test_it_speaks_the_format_that_is_asked_for(index: IndexServer, session: requests.Session) -> None:
    page = f"{index.index_url}demo/"
    assert session.get(page, headers={"Accept": JSON}).headers["Content-Type"] == JSON
    assert session.get(page, headers={"Accept": f"{JSON};q=0.1, {HTML}"}).headers["Content-Type"] == HTML
    assert session.get(page).headers["Content-Type"] == "text/html"


def test_one_connection_serves_many_requests(index: IndexServer, session: requests.Session) -> None:
    for _ in range(3):
        session.get(f"{index.index_url}demo/")
    assert (index.connections, len(index.requests)) == (1, 3)
    assert {request.connection for request in index.requests} == {1}
    index.forget_requests()
    assert index.requests == ()


def test_an_etag_saves_the_body(index: IndexServer, session: requests.Session) -> None:
    first = session.get(f"{index.index_url}demo/")
    second = session.get(f"{index.index_url}demo/", headers={"If-None-Match": first.headers["ETag"]})
    assert (second.status_code, second.content, index.requests[-1].sent) == (304, b"", 0)


def test_a_range_is_honoured_for_the_same_file_only(index: IndexServer, session: requests.Session) -> None:
    etag = session.head(index.url + FILE).headers["ETag"]
    part = session.get(index.url + FILE, headers={"Range": "bytes=100-", "If-Range": etag})
    assert (part.status_code, part.content) == (206, DIST.content[100:])
    whole = session.get(index.url + FILE, headers={"Range": "bytes=100-", "If-Range": '"another"'})
    assert (whole.status_code, whole.content) == (200, DIST.content)
    beyond = session.get(index.url + FILE, headers={"Range": f"bytes={len(DIST.content)}-"})
    assert beyond.status_code == 416


def test_credentials_are_asked_for(session: requests.Session) -> None:
    with IndexServer(credentials=("user", "p@ss")) as index:
        index.add("demo", DIST)
        assert session.get(f"{index.index_url}demo/").status_code == 401
        assert session.get(f"{index.index_url_with_credentials}demo/").status_code == 200


def test_faults_come_in_their_order_and_then_end(index: IndexServer, session: requests.Session) -> None:
    index.script(
        FILE,
        [
            Fault.status(503, retry_after="7"),
            Fault.reset(),
            Fault.reset(after=5000),
            Fault.truncated(5000),
            Fault.wrong_bytes(),
            Fault.wrong_bytes(b"other"),
            Fault.redirect("/simple/demo/"),
        ],
    )
    unavailable = session.get(index.url + FILE)
    assert (unavailable.status_code, unavailable.headers["Retry-After"]) == (503, "7")
    for _ in range(3):
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            session.get(index.url + FILE)
    garbled = session.get(index.url + FILE)
    assert len(garbled.content) == len(DIST.content)
    assert garbled.content != DIST.content
    assert session.get(index.url + FILE).content == b"other"
    assert b"Links for demo" in session.get(index.url + FILE).content
    assert session.get(index.url + FILE).content == DIST.content


def test_a_stalled_answer_ends_with_the_server(session: requests.Session) -> None:
    with IndexServer() as index:
        url = index.add("demo", DIST)
        index.script(url, [Fault.stall(), Fault.stall(after=10)])
        for _ in range(2):
            with pytest.raises((requests.Timeout, requests.ConnectionError)):
                session.get(url, timeout=0.05)
