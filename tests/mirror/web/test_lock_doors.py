"""Locks that people send: what is said of their pins, what is refused, and that nothing of them is kept."""

from __future__ import annotations

import json
import socket
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cachi2ish.mirror.web import uploads
from tests.mirror.server.conftest import OLD, SDIST
from tests.mirror.web.test_openapi import fits
from tests.support.distributions import make_sdist
from tests.support.index_server import IndexServer
from tests.support.mirror_server import Got, MirrorServer

MULTIPART = "multipart/form-data; boundary=a-boundary"


def form(file: tuple[str, bytes] | None = None, **fields: str) -> bytes:
    part = 'Content-Disposition: form-data; name="{}"\r\n\r\n{}'
    parts = [part.format(name, value).encode() for name, value in fields.items()]
    if file is not None:
        head = f'Content-Disposition: form-data; name="file"; filename="{file[0]}"\r\nContent-Type: text/x\r\n\r\n'
        parts.append(head.encode() + file[1])
    joined = b"".join(b"--a-boundary\r\n%s\r\n" % part for part in parts)
    return joined + b"--a-boundary--\r\n"


def part(disposition: str) -> bytes:
    return f"--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n\r\n--b--\r\n".encode()


def send(
    mirror: MirrorServer, path: str, body: bytes, content_type: str = MULTIPART, site: str = "same-origin"
) -> Got:
    return mirror.get(path, method="POST", body=body, Content_Type=content_type, Sec_Fetch_Site=site)


def answer(mirror: MirrorServer, path: str, name: str, text: str, **fields: str) -> Any:
    got = send(mirror, path, form((name, text.encode()), **fields))
    fits(path, got.status, got.headers["content-type"], got.body, "post")
    assert got.status == 200, got.body
    return json.loads(got.body)


PYLOCK = f"""\
lock-version = "1.0"
created-by = "hand"
[[packages]]
name = "demo"
version = "1.0"
[[packages.wheels]]
url = "https://files.example/{OLD.filename}"
hashes = {{sha256 = "{OLD.sha256}"}}
"""


def test_what_changed_for_each_pin_is_told_with_what_needs_a_look_first(
    upstream: IndexServer, tmp_path: Path
) -> None:
    for number in (1, 2):
        upstream.add("calm", make_sdist("calm", f"{number}.0"), upload_time=f"202{number}-05-01T10:00:00+00:00")
    upstream.add("still", make_sdist("still", "1.0"), upload_time="2021-05-01T10:00:00+00:00")
    with MirrorServer(tmp_path / "mirror", interval=1, settling=0, pypi=upstream.index_url) as mirror:
        mirror.get("/live/simple/demo/")
        for one in (OLD, SDIST):
            upstream.add(
                "demo", one, upload_time="2023-05-01T10:00:00+00:00", requires_python=">=3.8", yanked="broken"
            )
        mirror.get("/live/simple/demo/")
        lock = "calm==1.0\ndemo==1.0\nstill==1\nnothing-here==3\n"
        view = answer(mirror, "/locks/diff.json", "requirements.txt", lock, before="2021-06-01")
        told = {
            one["project"]: (one["verdict"], one["newest_before"], one["newest_after"]) for one in view["pins"]
        }
        assert told == {
            "demo": ("changed", None, "2.0"),
            "nothing-here": ("unknown", None, None),
            "calm": ("newer", "1.0", "2.0"),
            "still": ("same", "1.0", "1.0"),
        }
        assert [one["project"] for one in view["pins"]] == ["demo", "nothing-here", "calm", "still"]
        assert view["pins"][0]["notes"][0] == "the project was not-yet, and is active"
        later = answer(mirror, "/locks/diff.json", "requirements.txt", "demo==1.0\n", before="2023-06-01")
        assert later["pins"][0]["notes"] == ["yanked: broken", "requires-python: any, then >=3.8"]
        page = send(mirror, "/locks/diff", form(("requirements.txt", lock.encode()), before="2021-06-01"))
        assert (page.status, page.headers["cache-control"]) == (200, "private, no-store")
        assert len(page.body) < 50_000
        again = mirror.get("/locks/diff.json" + view["query"])
        assert json.loads(again.body)["pins"] == view["pins"]


def test_since_when_a_set_is_there_is_when_its_last_pin_came(upstream: IndexServer, mirror: MirrorServer) -> None:
    upstream.add("other", make_sdist("other", "3.0"), upload_time="2022-05-01T10:00:00+00:00")
    view = answer(mirror, "/locks/since.json", "requirements.txt", "demo==1\nother==3.0\n")
    assert (view["since"], view["day"], view["deciding"]) == (
        "2023-05-01T10:00:00.000001Z",
        "2023-05-01",
        ["demo"],
    )
    assert [(one["project"], one["since"]) for one in view["pins"]] == [
        ("demo", "2023-05-01T10:00:00Z"),
        ("other", "2022-05-01T10:00:00Z"),
    ]
    index = f"{mirror.url}/2023-05-01/simple/"
    assert view["lines"][0]["text"] == f"pip install --index-url {index} -r requirements.txt"
    missing = answer(mirror, "/locks/since.json", "requirements.txt", "demo==1.0\nother==9\n")
    assert (missing["since"], missing["missing"], missing["lines"]) == (None, ["other"], [])


def test_a_digest_decides_which_file_had_to_be_there(mirror: MirrorServer) -> None:
    lock = f"demo==1.0 --hash=sha256:{SDIST.sha256}\n"
    assert answer(mirror, "/locks/since.json", "requirements.txt", lock)["since"] == "2023-05-01T10:00:01.000001Z"
    other = f"demo==1.0 --hash=sha256:{'0' * 64}\n"
    view = answer(mirror, "/locks/since.json", "requirements.txt", other)
    assert view["pins"][0]["note"] == "none of its files has a digest that the lock allows"


def test_what_was_gone_before_the_last_came_was_never_there_at_once(upstream: IndexServer, tmp_path: Path) -> None:
    begun = datetime.now(UTC).isoformat(timespec="seconds")[:19]
    upstream.add("short", make_sdist("short", "1.0"), upload_time="2022-05-01T10:00:00+00:00")
    with MirrorServer(tmp_path / "mirror", interval=1, settling=0, pypi=upstream.index_url) as mirror:
        mirror.get("/live/simple/short/")
        upstream.add("short", make_sdist("short", "2.0"), upload_time="2023-05-01T10:00:00+00:00")
        del upstream.add_project("short").files["short-1.0.tar.gz"]
        mirror.get("/live/simple/short/")
        upstream.add("late", make_sdist("late", "1.0"), upload_time="2200-01-01T00:00:00+00:00")
        view = answer(mirror, "/locks/since.json", "requirements.txt", "short==1.0\nlate==1.0\n")
        assert (view["since"], view["missing"]) == (None, ["short"])
        alone = answer(mirror, "/locks/since.json", "requirements.txt", "short==1.0\n")
        assert alone["since"] == "2022-05-01T10:00:00.000001Z"
        assert alone["pins"][0]["until"] >= begun


@pytest.mark.parametrize("name", ["pylock.toml", "C:\\work\\pylock.dev.toml"])
def test_any_lock_that_is_known_may_be_sent(mirror: MirrorServer, name: str) -> None:
    view = answer(mirror, "/locks/since.json", name.replace("\\", "\\\\"), PYLOCK)
    assert (view["since"], view["others"]) == ("2023-05-01T10:00:00.000001Z", [])


def test_lines_may_be_written_instead_of_a_file(mirror: MirrorServer) -> None:
    body = b"pins=demo%3D%3D1.0&before=2023-06-01&after="
    got = send(mirror, "/locks/diff.json", body, content_type="application/x-www-form-urlencoded")
    assert json.loads(got.body)["pins"][0]["verdict"] == "newer"


@pytest.mark.parametrize(
    ("name", "text", "status", "says"),
    [
        ("requirements.txt", "-r /etc/passwd\n", 422, "is outside the source directory"),
        ("requirements.txt", "-r other.txt\n", 422, "other.txt does not exist"),
        ("requirements.txt", "requests>=2\n", 422, "is not pinned"),
        ("requirements.txt", "<script>alert(1)</script>\n", 422, "requirements.txt"),
        ("requirements.txt", "# nothing\n", 422, "it pins no version"),
        ("requirements.txt", "", 400, "choose a file"),
        ("notes.md", "x", 422, "they are called"),
        ("uv.lock", "]", 422, "it is no TOML"),
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
