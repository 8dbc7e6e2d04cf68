"""The head of a page that takes a while leaves before the rest is made, and the page is the same page then."""

from __future__ import annotations

import gzip
import http.client
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from cachi2ish.errors import StorageError
from cachi2ish.mirror.history.overview.file_indexes import FileIndexes
from cachi2ish.mirror.history.overview.past_reading import SqlPasts
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.web import answers
from cachi2ish.mirror.web.answers import Answers, Filled
from tests.mirror.web.test_lock_doors import MULTIPART, form, send
from tests.support.distributions import make_sdist
from tests.support.index_server import IndexServer
from tests.support.mirror_server import Got, MirrorServer

PAGES = (
    "/",
    "/?date=2023-06-01&day=1",
    "/state",
    "/locks",
    "/projects/demo",
    "/projects/demo?date=2023-06-01&page=1",
    "/projects/demo/1?date=2023-06-01",
    "/diff?project=demo&before=2023-06-01",
    "/locks/diff?pins=demo==1.0,nothing-here==1&before=2023-06-01",
    "/locks/since?pins=demo==1.0",
)


@pytest.fixture
def mirror(mirror: MirrorServer) -> MirrorServer:
    """One that knows demo."""
    mirror.get("/live/simple/demo/")
    return mirror


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is made in time."""
    monkeypatch.setattr(answers, "PATIENCE", 0.0)


def without_figures(got: Got, *, packed: bool = False) -> list[bytes]:
    body = gzip.decompress(got.body) if packed else got.body
    return [line for line in body.splitlines() if b"Free on the disk" not in line and b"Counted at" not in line]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_that_takes_a_while_is_the_same_without_a_length(
    mirror: MirrorServer, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(answers, "PATIENCE", 60.0)
    ready = mirror.get(path)
    monkeypatch.setattr(answers, "PATIENCE", 0.0)
    begun = mirror.get(path)
    packed = mirror.get(path, Accept_Encoding="gzip")
    assert (ready.status, begun.status, packed.status) == (200, 200, 200)
    assert without_figures(ready) == without_figures(begun) == without_figures(packed, packed=True)
    assert (begun.whole, packed.headers["content-encoding"]) == (True, "gzip")
    assert begun.headers.keys() ^ ready.headers.keys() == {"content-length", "etag", "transfer-encoding"}
    assert [begun.headers[one] for one in ("content-type", "cache-control", "content-security-policy")] == [
        ready.headers[one] for one in ("content-type", "cache-control", "content-security-policy")
    ]


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """What is made of a view waits for this."""
    event, page = threading.Event(), Answers.page

    def waiting(self: Answers, *arguments: Any, **named: Any) -> Filled:
        assert event.wait(20)
        return page(self, *arguments, **named)

    monkeypatch.setattr(Answers, "page", waiting)
    yield event
    event.set()


def begin(mirror: MirrorServer, path: str, body: bytes) -> socket.socket:
    """Send a request."""
    connection = http.client.HTTPConnection(mirror.url.removeprefix("http://"), timeout=20)
    connection.request("POST" if body else "GET", path, body or None, {"Content-Type": MULTIPART} if body else {})
    kept: socket.socket = connection.sock
    return kept


def until(connection: socket.socket, text: bytes) -> bytes:
    found = b""
    while text not in found:
        some = connection.recv(65536)
        assert some, found
        found += some
    return found


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/projects/demo?date=2023-06-01", b"<h1>demo</h1>"),
        ("/projects/demo/1.0", b"<h1>demo 1.0</h1>"),
        ("/diff?project=demo&before=2023-06-01&x=1", b"Without effect here: x. "),
        ("/diff?project=demo&before=2023-06-01", b"<h1>What changed for demo</h1>"),
        ("/?date=2023-06-01", b"<h1>Package indexes, as they were on any date</h1>"),
        ("POST /locks/diff", b"<h1>What changed for 30 pins</h1>"),
        ("POST /locks/since", b"another lock</a>"),
    ],
)
def test_the_head_is_there_while_the_rest_is_being_made(
    mirror: MirrorServer, held: threading.Event, path: str, says: bytes
) -> None:
    lock = "".join(f"lib-{number}==1.0\n" for number in range(30)).encode()
    body = form(("requirements.txt", lock)) if path.startswith("POST") else b""
    with begin(mirror, path.rpartition(" ")[2], body) as connection:
        head = until(connection, says)
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert (b"</title>" in head, b"</html>" in head) == (True, False)
        held.set()
        assert until(connection, b"\r\n0\r\n\r\n").count(b"</html>") == 1


@pytest.mark.usefixtures("impatient")
def test_no_file_of_a_project_is_read_before_the_head_leaves(
    upstream: IndexServer, mirror: MirrorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.add("other", make_sdist("other", "3.0"), upload_time="2022-05-01T10:00:00+00:00")
    mirror.get("/live/simple/other/")
    read = threading.Event()

    def waiting(*_: object) -> Any:
        assert read.wait(20)
        return {}

    monkeypatch.setattr(FileIndexes, "of", waiting)
    for path in ("/projects/other", "/projects/other/3.0", "/diff?project=other&before=2023-06-01"):
        with begin(mirror, path, b"") as connection:
            until(connection, b"<h1>")
    read.set()
    assert mirror.get("/projects/nobody-has-it").status == 404


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "path", ["/projects/demo", "/diff?project=demo&before=2023-06-01", "/locks/diff", "/locks/since"]
)
def test_a_page_that_cannot_be_finished_says_so_and_breaks_off(
    mirror: MirrorServer, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def fail(*_: object, **_named: object) -> Any:
        raise StorageError("the history <is> gone")

    whole = SqlPasts.project

    def project(self: SqlPasts, *arguments: Any, at_once: bool = False, **named: Any) -> Any:
        return whole(self, *arguments, at_once=True, **named) if at_once else fail()

    monkeypatch.setattr(SqlPasts, "project", project)
    monkeypatch.setattr(SqlPasts, "projects", fail)
    is_lock = path.startswith("/locks")
    got = send(mirror, path, form(pins="demo==1.0")) if is_lock else mirror.get(path)
    assert (got.status, got.whole) == (200, False)
    assert got.body.endswith(b'<p class="notice">This page breaks off here: the history &lt;is&gt; gone</p>')
    counted = mirror.get("/metrics").body.decode()
    assert [line for line in counted.splitlines() if 'status="503"' in line], "its head has said 200"
    monkeypatch.setattr(SqlPasts, "project", fail)
    monkeypatch.setattr(SqlHistory, "registries", fail)
    refused = send(mirror, path, form(pins="demo==1.0")) if is_lock else mirror.get(path)
    assert (refused.status, refused.whole) == (503, True)


@pytest.mark.usefixtures("impatient")
def test_who_cannot_read_pieces_or_wants_a_head_alone_is_answered_in_one(mirror: MirrorServer) -> None:
    host, _, port = mirror.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(b"GET /projects/demo HTTP/1.0\r\n\r\n")
        old = until(connection, b"</html>").lower()
    assert (b"\r\ncontent-length: " in old, b"\r\ntransfer-encoding: " in old) == (True, False)
    assert mirror.get("/projects/demo", method="HEAD").headers.keys() >= {"content-length", "etag"}
    assert "etag" in mirror.get("/projects/demo.json").headers
