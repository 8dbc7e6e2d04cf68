"""The metadata of a wheel comes from beside it, or from a part of it."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import pytest

from cachi2ish.core.pages import Hashes, IndexFile
from cachi2ish.http.interface import Response
from cachi2ish.index.wheel_metadata import WheelMetadata
from tests.support.distributions import make_wheel

WHEEL = make_wheel("demo", "1.0", requires=("pluggy>=1",))
BESIDE = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Dist: attrs\n"


class Server:
    """Answers for one wheel. ranges: whether it knows them."""

    def __init__(self, *, ranges: bool = True, content: bytes = WHEEL.content, padding: int = 0) -> None:
        self.ranges, self.content = ranges, b"\0" * padding + content
        self.paths: list[str] = []
        self.received = 0

    def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> Response:
        self.paths.append(url.rpartition("/")[2])
        if url.endswith(".metadata"):
            return Response(status=200, url=url, headers={}, body=BESIDE)
        if not self.ranges:
            return Response(status=200, url=url, headers={}, body=self.content)
        start, _, end = (headers or {})["Range"].removeprefix("bytes=").partition("-")
        first, last = (int(start), int(end)) if start else (max(0, len(self.content) - int(end)), None)
        part = self.content[first : None if last is None else last + 1]
        self.received += len(part)
        where = {"content-range": f"bytes {first}-{first + len(part) - 1}/{len(self.content)}"}
        return Response(status=206, url=url, headers=where, body=part)


def read(server: Server, *, beside: Hashes | None = None, size: int | None = None) -> bytes | None:
    file = IndexFile(
        filename=WHEEL.filename, url="https://f.test/demo.whl#sha256=0", core_metadata=beside, size=size
    )
    return WheelMetadata(lambda: server).of_wheel(file)


@pytest.mark.parametrize("ranges", [True, False])
def test_what_stands_in_the_wheel_is_read_with_ranges_and_without(ranges: bool) -> None:
    assert b"Requires-Dist: pluggy>=1" in (read(Server(ranges=ranges)) or b"")


def test_of_a_large_wheel_the_end_is_enough() -> None:
    server = Server(padding=5_000_000)
    assert b"pluggy" in (read(server, size=len(server.content)) or b"")
    assert (server.paths, server.received) == (["demo.whl"], 1 << 16)


def test_a_directory_that_is_larger_than_a_part_is_read_whole() -> None:
    many = {f"demo/{'module' * 20}{number}.py": "" for number in range(1000)}
    server = Server(
        content=make_wheel("demo", "1.0", requires=("pluggy>=1",), modules=many).content, padding=500_000
    )
    assert len(server.content) - 500_000 > 3 * (1 << 16)
    assert b"pluggy" in (read(server, size=len(server.content)) or b"")
    assert server.received < len(server.content) - 400_000


def test_what_is_served_beside_is_taken_where_its_digest_is_right() -> None:
    server = Server()
    assert read(server, beside=(("sha256", sha256(BESIDE).hexdigest()),)) == BESIDE
    assert server.paths == ["demo.whl.metadata"]
    assert b"pluggy" in (read(server, beside=(("sha256", "0" * 64),)) or b"")
    assert read(server, beside=()) == BESIDE


@pytest.mark.parametrize("content", [b"", b"PK", b"<html>", WHEEL.content[:-30], WHEEL.content[200:]])
def test_what_is_no_wheel_has_no_metadata(content: bytes) -> None:
    assert read(Server(content=content)) is None
    assert read(Server(content=content, ranges=False)) is None
