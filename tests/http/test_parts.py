"""The end of a large file is brought by threads without other work, and whatever they bring is checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import pytest
from msgspec.structs import replace

from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.core.artifacts import Artifact
from cachi2ish.errors import NetworkError
from cachi2ish.http.bodies import CHUNK_SIZE
from cachi2ish.http.download import FileDownloader
from cachi2ish.http.parts import Part, PartedFile, PartedFiles
from tests.http.support import Client, content, digest, serve
from tests.services.fakes import FakeRecollection
from tests.support.index_server import Answer, Fault, IndexServer

Connect = Callable[..., Client]
SIZE = 4 * CHUNK_SIZE + 1000
DATA = content(SIZE)

#: Where the second half begins of what is left after the first piece, and what asks for it.
MIDDLE = SIZE - (SIZE - CHUNK_SIZE) // 2
SECOND = f"bytes={MIDDLE}-{SIZE - 1}"


class Slow:
    """A thread beside the one that fetches, which takes a second for each piece: it is asked for help at each.

    times: how often it helps. received: what was said of progress, in sum.
    """

    def __init__(self, connect: Connect, blobs: DiskBlobs, times: int = 1) -> None:
        self.now = 0.0
        self.received = self.helped = 0
        self._times = times
        self._downloader = FileDownloader(connect().session, blobs, FakeRecollection(), lambda: self.now)

    def fetch(self, artifact: Artifact) -> str:
        return self._downloader.fetch(artifact, self._advance).sha256

    def _advance(self, more: int) -> None:
        self.received += more
        self.now += 1
        work = self._downloader.spare_work(2) if self.helped < self._times else None
        if work is not None:
            self.helped += 1
            work()


def asked(index: IndexServer) -> list[str | None]:
    return [request.headers.get("range") for request in index.requests]


def test_the_end_of_a_slow_file_is_brought_over_another_connection(
    index: IndexServer, connect: Connect, blobs: DiskBlobs, tmp_path: Path
) -> None:
    artifact, slow = serve(index, DATA), Slow(connect, blobs)
    assert slow.fetch(artifact) == digest(DATA).value
    assert asked(index) == [None, SECOND]
    assert index.requests[1].headers["if-range"].startswith('"')
    assert slow.received == SIZE
    assert [path for path in (tmp_path / "cache/partial").iterdir() if path.is_file()] == []


def test_a_part_is_parted_again_where_it_is_slow_itself(
    index: IndexServer, connect: Connect, blobs: DiskBlobs
) -> None:
    data = content(20 * CHUNK_SIZE)
    slow = Slow(connect, blobs, times=9)
    assert slow.fetch(serve(index, data)) == digest(data).value
    assert slow.helped > 2
    assert len(index.requests) == 1 + slow.helped
    assert slow.received == len(data)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(instead=Answer(500, b"broken")),
        Fault(instead=Answer(404, b"gone")),
        Fault(instead=Answer(429, b"too much")),
        Fault(instead=Answer(200, DATA)),
        Fault(instead=Answer(206, DATA[:1000], {"Content-Range": f"bytes 0-999/{SIZE}"})),
        Fault(
            instead=Answer(
                206, DATA[MIDDLE:], {"Content-Range": f"bytes {MIDDLE}-{SIZE - 1}/{SIZE}", "ETag": '"other"'}
            )
        ),
        Fault.truncated(1000),
        Fault.reset(CHUNK_SIZE + 1),
    ],
)
def test_what_nobody_else_can_bring_is_asked_for_by_who_needs_it(
    index: IndexServer, connect: Connect, blobs: DiskBlobs, fault: Fault
) -> None:
    artifact, slow = serve(index, DATA), Slow(connect, blobs, times=9)
    index.script(str(artifact.url), [Fault(), fault])
    assert slow.fetch(artifact) == digest(DATA).value
    assert asked(index) == [None, SECOND, f"bytes={MIDDLE}-"]  # and nobody is asked to help again
    assert slow.received == SIZE


def test_parts_that_do_not_make_the_file_are_fetched_once_more_in_one_piece(
    index: IndexServer, connect: Connect, blobs: DiskBlobs
) -> None:
    artifact, slow = serve(index, DATA), Slow(connect, blobs, times=9)
    wrong = Answer(206, bytes(SIZE - MIDDLE), {"Content-Range": f"bytes {MIDDLE}-{SIZE - 1}/{SIZE}"})
    index.script(str(artifact.url), [Fault(), Fault(instead=wrong)])
    assert slow.fetch(artifact) == digest(DATA).value
    assert asked(index) == [None, SECOND, None]
    assert slow.received == SIZE


def test_nobody_helps_where_no_digest_shows_that_the_parts_belong_together(
    index: IndexServer, connect: Connect, blobs: DiskBlobs
) -> None:
    slow = Slow(connect, blobs)
    slow.fetch(replace(serve(index, DATA), digests=frozenset()))
    assert asked(index) == [None]


def test_nobody_helps_where_the_server_offers_no_ranges(connect: Connect, blobs: DiskBlobs) -> None:
    with IndexServer(ranges=False) as index:
        Slow(connect, blobs).fetch(serve(index, DATA))
        assert asked(index) == [None]


def test_a_part_on_its_way_ends_with_the_file(index: IndexServer, connect: Connect, blobs: DiskBlobs) -> None:
    artifact = serve(index, DATA)
    works: list[Callable[[], None] | None] = []
    clock = iter(range(1000))
    downloader = FileDownloader(connect().session, blobs, FakeRecollection(), lambda: next(clock))

    def advance(_more: int) -> None:
        if works:
            raise NetworkError("nobody needs it")
        works.append(downloader.spare_work(2))

    with pytest.raises(NetworkError):
        downloader.fetch(artifact, advance)
    assert downloader.spare_work(2) is None
    assert works[0] is not None
    works[0]()  # it is not too late for this one to begin, and it leaves nothing
    assert index.requests[1].headers["range"] == SECOND


class Line:
    """Files on their way, whose clock and bytes a test moves."""

    def __init__(self, connect: Connect, blobs: DiskBlobs) -> None:
        self.now = 0.0
        self.files = PartedFiles(connect().session, blobs, lambda: self.now)

    def offer(self, artifact: Artifact, size: int, arrived: int) -> PartedFile:
        file = self.files.offer(artifact, None, 0, size)
        file.take(file.parts[0], bytes(arrived))
        return file


@pytest.fixture
def line(connect: Connect, blobs: DiskBlobs) -> Line:
    return Line(connect, blobs)


def test_what_would_take_longest_is_parted_and_each_thread_gets_its_share_of_all_that_is_left(
    index: IndexServer, line: Line
) -> None:
    artifact = serve(index, b"")
    line.offer(artifact, 20_000_000, 12_000_000)
    slow = line.offer(artifact, 10_000_000, 2_000_000)
    line.now = 1.0
    found = [line.files.split(8) for _ in range(3)]
    assert [pair[0] for pair in found if pair] == [slow] * 3
    assert [(part.start, part.end) for part in slow.parts] == [
        (0, 4_000_000),
        (4_000_000, 6_000_000),
        (6_000_000, 8_000_000),
        (8_000_000, 10_000_000),
    ]


def test_while_files_wait_only_what_would_end_after_them_is_parted(index: IndexServer, line: Line) -> None:
    artifact = serve(index, b"")
    line.offer(artifact, 20_000_000, 9_000_000)
    slow = line.offer(artifact, 11_000_000, 1_000_000)
    line.now = 1.0
    # It goes on for ten seconds; 21 MB and what waits come at 10 MB a second.
    assert line.files.split(4, waiting=60_000_000) is None
    found = line.files.split(4, waiting=3_000_000)
    assert found is not None
    assert (found[0], found[1].start, found[1].end) == (
        slow,
        6_000_000,
        11_000_000,
    )  # half of it, and less than a quarter


@pytest.mark.parametrize(
    ("size", "arrived", "seconds"),
    [
        (CHUNK_SIZE * 3 - 1, CHUNK_SIZE, 10.0),  # too little is left
        (30_000_000, 25_000_000, 1.0),  # it is there in a fifth of a second
        (30_000_000, 10_000, 0.2),  # nobody knows yet how fast it is
        (30_000_000, 0, 10.0),  # nor here
    ],
)
def test_nothing_is_parted_where_nothing_is_to_be_won(
    index: IndexServer, line: Line, size: int, arrived: int, seconds: float
) -> None:
    line.offer(serve(index, b""), size, arrived)
    line.now = seconds
    assert line.files.split(8) is None


def test_a_file_comes_in_few_parts_however_large_it_is(index: IndexServer, line: Line) -> None:
    file = line.offer(serve(index, b""), 10_000_000_000, 1_000_000)
    line.now = 1.0
    while line.files.split(64):
        pass
    assert len(file.parts) == 16


def test_who_waits_for_a_part_may_have_no_use_for_it_by_now(index: IndexServer, line: Line) -> None:
    file = line.offer(serve(index, b""), 10_000_000, 1_000_000)
    line.now = 1.0
    found = line.files.split(2)
    assert found is not None
    waited = Event()

    def end(file: PartedFile, part: Part) -> None:
        assert waited.wait(10)
        file.end(part, None)

    ending = Thread(target=end, args=found)
    ending.start()
    assert list(file.others(waited.set)) == []
    ending.join()
    assert waited.is_set()
