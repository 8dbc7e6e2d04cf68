"""What people send as a lock and is none, and that nothing of what they send is kept."""

from __future__ import annotations

import socket
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from cachi2ish.mirror.web import uploads
from tests.mirror.web.test_lock_doors import answer, form, know, send
from tests.mirror.web.test_openapi import fits
from tests.support.mirror_server import MirrorServer

#: A lock of uv of which two packages of the workspace are never installed together.
CONFLICT = """\
version = 1
revision = 3
requires-python = ">=3.9"
conflicts = [[{ package = "m1" }, { package = "m2" }]]
[manifest]
members = ["m1", "m2"]
[[package]]
name = "m1"
version = "0.1"
source = { virtual = "m1" }
[[package]]
name = "m2"
version = "0.1"
source = { virtual = "m2" }
"""


def part(disposition: str) -> bytes:
    return f"--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n\r\n--b--\r\n".encode()


@pytest.mark.parametrize(
    ("name", "text", "status", "says"),
    [
        ("requirements.txt", "-r /etc/passwd\n", 422, "line 1 includes another file, which is not sent with it"),
        ("requirements.txt", "a==1\n --constraint=other.txt\n", 422, "line 2 includes another file"),
        ("requirements.txt", "requests>=2\n", 422, "is not pinned"),
        ("requirements.txt", "<script>alert(1)</script>\n", 422, "requirements.txt"),
        ("requirements.txt", "# nothing\n", 422, "it pins no version"),
        ("requirements.txt", "", 422, "requirements.txt is empty"),
        ("pins.bin", "a==1", 422, "of requirements files the names end with .txt or .in here"),
        ("notes.md", "x", 422, "they are called"),
        ("uv.lock", "]", 422, "it is no TOML"),
        ("uv.lock", CONFLICT, 422, "m1 and m2 conflict"),
        ("..", "x", 400, "a lock is not called"),
        ("requirements.txt", "demo==1.0\n" + "".join(f"p{n}==1\n" for n in range(1001)), 422, "1,000 is the most"),
    ],
)
def test_what_is_no_lock_is_refused_on_a_page_that_says_why(
    mirror: MirrorServer, name: str, text: str, status: int, says: str
) -> None:
    for path in ("/locks/diff", "/locks/since.json"):
        got = send(mirror, path, form((name, text.encode())))
        assert got.status == status
        assert says in got.body.decode()
        assert ("the names end with" in got.body.decode()) == (name in {"notes.md", "pins.bin"})
        assert b"<script>" not in got.body or path.endswith(".json")
        if path.endswith(".json"):
            fits(path, got.status, got.headers["content-type"], got.body, "post")


def test_no_variable_of_the_server_gets_into_an_answer(
    mirror: MirrorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "tell-nobody")
    got = send(
        mirror,
        "/locks/diff",
        form(("requirements.txt", b"--index-url https://${SECRET_TOKEN}/\na @ ${SECRET_TOKEN}\n")),
    )
    assert b"tell-nobody" not in got.body


def test_nothing_of_a_lock_is_kept(mirror: MirrorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    send(mirror, "/locks/diff", form(("requirements.txt", b"demo==1.0\n")))
    send(mirror, "/locks/diff", form(("requirements.txt", b"demo\n")))
    assert list(folder.iterdir()) == []


def test_a_form_that_is_too_large_is_refused_before_it_has_arrived(mirror: MirrorServer) -> None:
    host, port = mirror.url.removeprefix("http://").split(":")
    head = b"POST /locks/diff HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=b\r\n"
    for sizes in (b"content-length: 900000000\r\n\r\n", b"transfer-encoding: chunked\r\n\r\n"):
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(head + sizes)
            if b"chunked" not in sizes:
                assert b" 413 " in connection.recv(100)
                continue
            # What was not read when the connection ends resets it, and may take the answer along.
            with suppress(ConnectionError):
                for _ in range(60):
                    connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
                begun = connection.recv(100)
                assert begun == b"" or b" 413 " in begun
    assert mirror.get("/healthz").status == 200


def test_a_large_lock_arrives_whole(mirror: MirrorServer) -> None:
    know(mirror, "demo")
    text = "demo==1.0\n" + "# a comment of no use\n" * 50_000
    assert answer(mirror, "/locks/since.json", "requirements.txt", text)["day"] == "2023-05-01"


def test_a_form_that_does_not_arrive_is_given_up(mirror: MirrorServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_SECONDS", 0.2)
    host, port = mirror.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(
            b"POST /locks/diff HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n"
            b"content-type: multipart/form-data; boundary=b\r\n\r\n--b"
        )
        assert b" 408 " in connection.recv(1000)


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=b", b"--b\r\nno head\r\n--b--\r\n", 400),
        ("multipart/form-data; boundary=b", b"--b\r\n", 400),
        ("multipart/form-data; boundary=\xe9", b"", 400),
        ('multipart/form-data; boundary="' + ";" * 50_000, b"--b--\r\n", 400),
        ("multipart/form-data; boundary*0=b; boundary*=b", b"--b--\r\n", 400),
        ("multipart/form-data; boundary=b", part('name="' + ";" * 50_000), 400),
        ("multipart/form-data; boundary=b", part("name=pins; filename*=" + "1" * 1900), 400),
        ("multipart/form-data; boundary=b", part('name="pins"; filename*0=a; filename*=b'), 400),
        ("multipart/form-data; boundary=b", part(f"name=pins; filename*{'9' * 1900}=b"), 400),
        ("application/x-www-form-urlencoded", b"&".join(b"a=1" for _ in range(99)), 400),
        ("application/x-www-form-urlencoded", b"\xff", 400),
    ],
)
def test_a_form_that_cannot_be_read_is_refused(
    mirror: MirrorServer, content_type: str, body: bytes, status: int
) -> None:
    got = send(mirror, "/locks/diff.json", body, content_type)
    assert got.status == status
    fits("/locks/diff.json", got.status, got.headers["content-type"], got.body, "post")


def test_forms_go_nowhere_else_and_come_from_no_other_site(mirror: MirrorServer) -> None:
    for path in ("/", "/diff", "/2023-06-01/simple/demo/", "/locks"):
        got = send(mirror, path, form())
        assert (got.status, got.headers["allow"]) == (405, "GET, HEAD")
    assert mirror.get("/locks/diff", method="PUT").headers["allow"] == "GET, HEAD, POST"
    got = send(mirror, "/locks/diff", form(("requirements.txt", b"demo==1.0")), site="cross-site")
    assert got.status == 403
    know(mirror, "demo")
    link = "/locks/since?pins=demo==1.0"
    for dest, status in (("document", 200), ("image", 403), ("iframe", 403)):
        got = mirror.get(link, Sec_Fetch_Site="cross-site", Sec_Fetch_Dest=dest)
        assert got.status == status
