"""Sends made-up requests to a mirror over a socket: ``python -m tests.fuzz.mirror_door 3600``, in seconds.

Whatever comes, the mirror goes on serving, fails at nothing (500), asks its upstream for nothing but pages and
files that it has, and puts nothing of a request into the head of an answer. An input that fails is printed with
its number.
"""

from __future__ import annotations

import re
import socket
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Self

from tests.fuzz.mutating import changed
from tests.support.distributions import make_sdist, make_wheel
from tests.support.index_server import IndexServer
from tests.support.mirror_server import MirrorServer

WHEEL, SDIST = make_wheel("demo", "1.0"), make_sdist("demo", "1.0", padding=200_000)

_PAGE = "GET /2024-10-01/simple/demo/ HTTP/1.1\r\nHost: x\r\nAccept: application/vnd.pypi.simple.v1+json\r\n\r\n"
_FILE = f"GET /files/{SDIST.sha256}/{SDIST.filename} HTTP/1.1\r\nHost: x\r\nRange: bytes=5-500\r\n"

_FORM = (
    '--b\r\nContent-Disposition: form-data; name="file"; filename="pylock.toml"\r\n\r\nlock-version = "1.0"\r\n'
    '--b\r\nContent-Disposition: form-data; name="before"\r\n\r\n2024-10-01\r\n--b--\r\n'
)
_ODD_FORM = (
    "--b\r\nContent-Disposition: form-data; name=\"file\"; filename*0=pylock; filename*=utf-8''pylock.toml\r\n\r\n"
    "lock-version = 1\r\n--b--\r\n"
)
_POST = "HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nSec-Fetch-Site: same-origin\r\n"

SEEDS = tuple(
    text.encode()
    for text in (
        _PAGE,
        _PAGE + _PAGE,
        _FILE + f'If-Range: "{SDIST.sha256}"\r\n\r\n',
        _FILE.replace("GET", "HEAD") + "\r\n",
        f"GET /files/{WHEEL.sha256}/{WHEEL.filename}.metadata HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n\r\n",
        "GET /r/team/live/simple/ours/ HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YW5uYTpzM2NyZXQ=\r\n\r\n",
        "GET /r/team/live/simple/ours/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer YW5uYTpzM2NyZXQ=\r\n\r\n",
        "GET /projects/De.mo.json?date=2024-10-01&registry=pypi&page=2 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /projects/demo/1.0?date=live HTTP/1.1\r\nHost: x:1\r\nX-Forwarded-Proto: https\r\n\r\n",
        "GET /diff?project=demo&before=2023-06-01&after=live HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /index.json?project=demo&date=2024-10-01T12:00:00%2B02:00 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /7d/simple/De.mo HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip;q=0.5, *;q=0\r\n\r\n",
        "GET /2024-10-01T12:00:00Z/pypi/demo/json?a=b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET http://other.example/live/simple/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: other.example\r\n\r\n",
        "POST /live/simple/demo/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        f"POST /locks/diff.json {_POST}Content-Length: {len(_FORM)}\r\n\r\n{_FORM}" + _PAGE,
        f"POST /locks/since {_POST}Transfer-Encoding: chunked\r\n\r\n{len(_FORM):x}\r\n{_FORM}\r\n0\r\n\r\n",
        f"POST /locks/diff {_POST}Content-Length: {len(_ODD_FORM)}\r\n\r\n{_ODD_FORM}",
        "GET /locks/diff.json?pins=demo==1.0&before=2024-10-01&after=live HTTP/1.1\r\nHost: x\r\n\r\n",
        _PAGE.replace("\r\n\r\n", "\r\nContent-Length: 5\r\n\r\nhello") + _PAGE,
        "GET /metrics HTTP/1.0\r\n\r\n",
        "GET /?%0d%0ax-injected:1 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
    )
)
_WORDS = (
    *("GET ", "/simple/", "/files/", "live", "2024-10-01", "9999-12-31", "0d", "P7D", "../", "%2e%2e/", "%00"),
    *("%0d%0ax-injected: 1", "\r\n", "\r\n\r\n", "Host: ", "Range: bytes=", "-", "Content-Length: ", "chunked"),
    *("Accept: ", ";q=", "If-None-Match: ", "Authorization: Basic ", "Upgrade: websocket", "demo", "HTTP/1.1"),
)

#: What a mirror may answer, all of which its reference names, and what the parser says by itself.
_STATUSES = frozenset(
    {100, 200, 206, 301, 303, 304, 400, 401, 403, 404, 405, 406, 408, 409, 413, 414, 415, 416, 422, 431, 502, 503},
)

#: Seconds for which an answer is waited for, and after a part of it for the rest; what comes later is passed over.
_WAIT, _REST = 1.0, 0.05

_HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n(?:[a-z-]+: [^\r\n]*\r\n)*\r\n", re.IGNORECASE)


class Door:
    """A mirror of two indexes, one of them private, and what is sent to it; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._public, self._private = IndexServer(), IndexServer(credentials=("anna", "s3cret"))
        for dist in (WHEEL, SDIST):
            self._public.add("demo", dist, upload_time="2023-05-01T10:00:00+00:00")
        self._private.add("ours", make_wheel("ours", "1.0"), upload_time="2023-05-01T10:00:00+00:00")
        self._mirror = MirrorServer(
            folder / "mirror", private=("team",), pypi=self._public.index_url, team=self._private.index_url
        )
        self.answers: Counter[int] = Counter()

    def __enter__(self) -> Self:
        for part in (self._public, self._private, self._mirror):
            part.__enter__()
        assert self._mirror.get("/2024-10-01/simple/demo/").status == 200
        return self

    def __exit__(self, *error: object) -> None:
        for part in (self._mirror, self._private, self._public):
            part.__exit__(*error)

    def send(self, number: int) -> None:
        """Send the input with this number. Raises `AssertionError`."""
        random = Random(number)
        content = random.choice(SEEDS)
        rolls = [random.randbytes(4) for _ in range(random.choice((0, 1, 1, 2, 3, 5, 8)))]
        content = changed(content, rolls, SEEDS, _WORDS)
        answer = self._talk(content, random.randrange(len(content) + 1))
        try:
            self._check(answer)
            if number % 20 == 0:
                assert self._mirror.get("/healthz").body == b"ok\n"
                self._check_upstreams()
        except AssertionError as error:
            error.add_note(f"input {number}: {content[:2000]!r}; the answer: {answer[:500]!r}")
            raise

    def _talk(self, content: bytes, cut: int) -> bytes:
        port = int(self._mirror.url.rpartition(":")[2])
        answer = b""
        with socket.create_connection(("127.0.0.1", port), timeout=_WAIT) as connection, suppress(OSError):
            for piece in (content[:cut], content[cut:]):
                connection.sendall(piece)
            while piece := connection.recv(1 << 16):
                answer += piece
                connection.settimeout(_REST)
        return answer

    def _check(self, answer: bytes) -> None:
        assert b"root:" not in answer
        head = _HEAD.match(answer)
        if not answer.partition(b"\r\n\r\n")[1]:
            return  # it has not come whole
        assert head is not None
        assert b"\r\nx-injected" not in head[0].lower()
        assert int(head[1]) in _STATUSES
        self.answers[int(head[1])] += 1

    def _check_upstreams(self) -> None:
        for index in (self._public, self._private):
            for request in index.requests:
                assert re.fullmatch("/simple/[a-z0-9]+(-[a-z0-9]+)*/|/files/[A-Za-z0-9_.-]+", request.path)
                assert request.headers["host"] == index.url.removeprefix("http://")
                allowed = index is self._private
                assert allowed or "authorization" not in request.headers
            index.forget_requests()


def main(seconds: float) -> None:
    """Send requests for so long, and print how they were answered."""
    end, number = time.monotonic() + seconds, int(time.time()) * 1000
    with tempfile.TemporaryDirectory() as folder, Door(Path(folder)) as door:
        begun = number
        while time.monotonic() < end:
            door.send(number)
            number += 1
        sys.stdout.write(f"{number - begun} requests: {dict(sorted(door.answers.items()))}\n")


if __name__ == "__main__":
    main(float(sys.argv[1]))
