"""Two mirrors as processes of their own on one directory: the upstream is asked once for a file that both want."""

from __future__ import annotations

import json
import os
import re
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from pathlib import Path

from cachi2ish.simple_api.negotiation import JSON
from tests.mirror.server.test_serve import serving
from tests.support.distributions import Dist
from tests.support.index_server import IndexServer

LARGE = Dist("large-1.0.tar.gz", os.urandom(2_000_000))
PATH = f"/files/{LARGE.sha256}/{LARGE.filename}"

#: Bytes of it that an upstream sends before it waits.
FIRST = 600_000


class HaltingIndex(IndexServer):
    """An index that sends the beginning of a large file, and the rest when it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go_on = threading.Event()
        self._server.pieces = self._halting
        self.add("large", LARGE, upload_time="2023-05-01T10:00:00+00:00")

    def _halting(self, body: bytes) -> Iterator[bytes]:
        if len(body) < FIRST:
            yield body
            return
        yield body[:FIRST]
        assert self.may_go_on.wait(60)
        yield body[FIRST:]

    def downloads(self) -> list[str]:
        """The ranges of the requests for the file."""
        return [one.headers.get("range", "") for one in self.requests if one.path == f"/files/{LARGE.filename}"]


@contextmanager
def both(index: IndexServer, tmp_path: Path) -> Iterator[list[tuple[str, int]]]:
    """Yield the addresses of two mirrors that both know the file, and their process numbers."""
    with ExitStack() as stack:
        found = []
        for _ in range(2):
            mirror = serving(tmp_path, "--registry", f"pypi={index.index_url}")
            url, process = stack.enter_context(mirror)
            page = urllib.request.Request(f"{url}/2023-06-01/simple/large/", headers={"Accept": JSON})
            with urllib.request.urlopen(page, timeout=30) as answer:
                assert json.load(answer)["files"][0]["filename"] == LARGE.filename
            found.append((url, process.pid))
        yield found


class Reader:
    """Reads the file from one mirror, in a thread. begun: set once more than nothing has come."""

    def __init__(self, url: str, pool: ThreadPoolExecutor) -> None:
        self.begun = threading.Event()
        self.body: Future[bytes] = pool.submit(self._read, url + PATH)

    def _read(self, url: str) -> bytes:
        with urllib.request.urlopen(url, timeout=60) as answer:
            first: bytes = answer.read(100_000)
            self.begun.set()
            return first + bytes(answer.read())


def test_a_file_that_two_processes_want_at_once_is_fetched_once_and_streamed_from_both(tmp_path: Path) -> None:
    with HaltingIndex() as index, both(index, tmp_path) as mirrors, ThreadPoolExecutor() as pool:
        try:
            readers = [Reader(url, pool) for url, _ in mirrors for _ in range(3)]
            for reader in readers:
                assert reader.begun.wait(30)
        finally:
            index.may_go_on.set()
        assert {reader.body.result(30) == LARGE.content for reader in readers} == {True}
        assert index.downloads() == [""]
        assert list((tmp_path / "mirror/downloads").iterdir()) == []


def test_what_a_killed_process_has_begun_is_brought_to_its_end_by_the_other(tmp_path: Path) -> None:
    with HaltingIndex() as index, both(index, tmp_path) as mirrors, ThreadPoolExecutor() as pool:
        try:
            (killed_url, killed), (url, _) = mirrors
            lost = Reader(killed_url, pool)
            assert lost.begun.wait(30)
            other = Reader(url, pool)
            assert other.begun.wait(30)
            os.kill(killed, 9)
            assert isinstance(lost.body.exception(30), (OSError, HTTPException))
        finally:
            index.may_go_on.set()
        assert other.body.result(60) == LARGE.content
        first, second = index.downloads()
        assert (first, re.fullmatch("bytes=[1-9][0-9]+-", second) is not None) == ("", True)
