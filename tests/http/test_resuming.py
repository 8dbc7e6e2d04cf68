"""What happens when a transfer is cut: every byte is counted, on the wire and in what `advance` was told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count

import pytest
from msgspec.structs import replace

from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.core.artifacts import Artifact
from cachi2ish.core.digests import Digest
from cachi2ish.core.urls import Address
from cachi2ish.errors import DigestMismatchError, NetworkError
from cachi2ish.http.bodies import CHUNK_SIZE, Stream
from cachi2ish.http.download import FileDownloader
from cachi2ish.http.session import HttpSession
from cachi2ish.http.traffic import HttpTraffic
from cachi2ish.http.verification import key_of
from tests.http.support import ORIGIN, SETTINGS, Client, Progress, content, digest, serve
from tests.services.fakes import FakeRecollection
from tests.support.distributions import Dist
from tests.support.index_server import Answer, Fault, IndexServer
from tests.support.raw_server import RawServer

Connect = Callable[..., Client]
SIZE = 2 * CHUNK_SIZE + 1000
CUT = CHUNK_SIZE + 500
DATA = content(SIZE)


@pytest.fixture
def downloader(connect: Connect, blobs: DiskBlobs) -> FileDownloader:
    return FileDownloader(connect().session, blobs, FakeRecollection())


def leave(blobs: DiskBlobs, artifact: Artifact, data: bytes) -> None:
    """Leave bytes behind, as a process does that was killed."""
    with blobs.writer(key_of(artifact), ()) as writer:
        writer.write(data)


def partial(data: bytes, start: int, *, stated: str | None = None) -> Fault:
    where = stated or f"bytes {start}-{len(data) - 1}/{len(data)}"
    return Fault(instead=Answer(206, data[start:], {"Content-Range": where}))


def test_a_truncated_file_is_resumed_where_it_was_cut(index: IndexServer, downloader: FileDownloader) -> None:
    artifact, progress = serve(index, DATA), Progress()
    index.script(str(artifact.url), [Fault.truncated(CUT), Fault.truncated(1000)])

    assert downloader.fetch(artifact, progress).sha256 == digest(DATA).value

    assert [request.headers.get("range") for request in index.requests] == [
        None,
        f"bytes={CUT}-",
        f"bytes={CUT + 1000}-",
    ]
    assert [request.status for request in index.requests] == [200, 206, 206]
    assert index.requests[1].headers["if-range"].startswith('"')
    assert sum(request.sent for request in index.requests) == SIZE
    assert progress.total == SIZE
    assert min(progress.calls) >= 0
    assert max(progress.calls) <= CHUNK_SIZE


def test_a_connection_that_is_reset_is_resumed_with_what_arrived(
    index: IndexServer, downloader: FileDownloader
) -> None:
    artifact, progress = serve(index, DATA), Progress()
    index.script(str(artifact.url), [Fault.reset(CUT)])

    assert downloader.fetch(artifact, progress).size == SIZE
    assert progress.total == SIZE


def test_a_connection_that_stalls_is_resumed(index: IndexServer, connect: Connect, blobs: DiskBlobs) -> None:
    artifact, progress = serve(index, DATA), Progress()
    index.script(str(artifact.url), [Fault.stall(CUT)])

    FileDownloader(connect(read_timeout=1).session, blobs, FakeRecollection()).fetch(artifact, progress)

    # What came after the last whole chunk is not there yet when the time is up.
    assert index.requests[1].headers["range"] == f"bytes={CHUNK_SIZE}-"
    assert progress.total == SIZE


def test_a_server_without_ranges_sends_all_again_and_nothing_is_counted_twice(
    connect: Connect, blobs: DiskBlobs
) -> None:
    with IndexServer(ranges=False) as index:
        artifact, progress = serve(index, DATA), Progress()
        index.script(str(artifact.url), [Fault.truncated(CUT)])

        FileDownloader(connect().session, blobs, FakeRecollection()).fetch(artifact, progress)

        assert [request.status for request in index.requests] == [200, 200]
        assert progress.total == SIZE
        assert -CUT in progress.calls


def test_a_server_that_is_always_cut_at_the_same_place_is_given_up(connect: Connect, blobs: DiskBlobs) -> None:
    with IndexServer(ranges=False) as index:
        artifact = serve(index, content(2 * 1024 * 1024))
        index.script(str(artifact.url), [Fault.truncated(1024 * 1024 + 1)] * 20)

        with pytest.raises(NetworkError, match=r"ended too early \(after \d attempts\)"):
            FileDownloader(connect().session, blobs, FakeRecollection()).fetch(artifact, Progress())

        assert len(index.requests) <= 2 * 4


def test_progress_earns_new_attempts(index: IndexServer, connect: Connect, blobs: DiskBlobs) -> None:
    artifact = serve(index, content(4 * 1024 * 1024))
    index.script(str(artifact.url), [Fault.truncated(1024 * 1024)] * 3)

    FileDownloader(connect(retries=1).session, blobs, FakeRecollection()).fetch(artifact, Progress())

    assert len(index.requests) == 4


def test_a_file_that_changes_between_two_pieces_is_fetched_from_its_start(
    index: IndexServer, downloader: FileDownloader
) -> None:
    old, new = content(SIZE), content(SIZE)[::-1]
    artifact = replace(serve(index, old), digests=frozenset({digest(new)}))
    index.script(str(artifact.url), [Fault.truncated(CUT)])
    progress = Progress()

    def advance(count: int) -> None:
        progress(count)
        index.serve_file(Dist(artifact.filename, new))

    assert downloader.fetch(artifact, advance).path.read_bytes() == new
    assert [request.status for request in index.requests] == [200, 200]
    assert progress.total == SIZE


def test_a_wrong_splice_is_fetched_once_more_in_one_piece(connect: Connect, blobs: DiskBlobs) -> None:
    with IndexServer(etags=False) as index:
        old, new = content(SIZE), content(SIZE)[::-1]
        artifact, progress = replace(serve(index, old), digests=frozenset({digest(new)})), Progress()
        index.script(str(artifact.url), [Fault.truncated(CUT), partial(new, CUT)])
        index.script(str(artifact.url), [Fault(content=new)])

        assert (
            FileDownloader(connect().session, blobs, FakeRecollection())
            .fetch(artifact, progress)
            .path.read_bytes()
            == new
        )
        assert [request.headers.get("range") for request in index.requests] == [None, f"bytes={CUT}-", None]
        assert progress.total == SIZE


def test_a_wrong_splice_that_stays_wrong_is_a_mismatch(index: IndexServer, downloader: FileDownloader) -> None:
    artifact = replace(serve(index, DATA), digests=frozenset({digest(b"other")}))
    index.script(str(artifact.url), [Fault.truncated(CUT)])

    with pytest.raises(DigestMismatchError):
        downloader.fetch(artifact, Progress())

    assert len(index.requests) == 3


@pytest.mark.parametrize(
    "fault",
    [
        Fault.status(416),
        partial(DATA, CUT, stated=f"bytes 0-{SIZE - 1}/{SIZE}"),
        partial(DATA, CUT, stated=f"bytes {CUT}-{SIZE}/{SIZE + 1}"),
        partial(DATA, CUT, stated="pages 1-2/3"),
        Fault(instead=Answer(206, DATA[CUT:])),
    ],
)
def test_a_range_that_is_not_the_one_asked_for_makes_it_begin_again(
    index: IndexServer, connect: Connect, blobs: DiskBlobs, fault: Fault
) -> None:
    client = connect()
    artifact, progress = serve(index, DATA), Progress()
    index.script(str(artifact.url), [Fault.truncated(CUT), fault])

    assert FileDownloader(client.session, blobs, FakeRecollection()).fetch(artifact, progress).size == SIZE

    assert [request.headers.get("range") for request in index.requests] == [None, f"bytes={CUT}-", None]
    assert progress.total == SIZE
    assert client.waits == [0.5]


def test_a_part_of_what_was_asked_for_is_followed_by_the_rest(
    index: IndexServer, downloader: FileDownloader
) -> None:
    artifact = replace(serve(index, DATA), size=None)
    some = Answer(206, DATA[CUT : CUT + 10], {"Content-Range": f"bytes {CUT}-{CUT + 9}/{SIZE}"})
    index.script(str(artifact.url), [Fault.truncated(CUT), Fault(instead=some)])

    assert downloader.fetch(artifact, Progress()).size == SIZE


def test_what_an_earlier_run_left_is_not_fetched_again(
    index: IndexServer, downloader: FileDownloader, blobs: DiskBlobs
) -> None:
    artifact, progress = serve(index, DATA), Progress()
    leave(blobs, artifact, DATA[:CUT])

    assert downloader.fetch(artifact, progress).path.read_bytes() == DATA

    assert index.requests[0].headers["range"] == f"bytes={CUT}-"
    assert "if-range" not in index.requests[0].headers
    assert progress.total == SIZE - CUT


def test_a_failed_run_leaves_its_bytes_to_the_next(index: IndexServer, connect: Connect, blobs: DiskBlobs) -> None:
    artifact = serve(index, DATA)
    index.script(str(artifact.url), [Fault.truncated(CUT), Fault.status(404)])
    downloader = FileDownloader(connect().session, blobs, FakeRecollection())
    with pytest.raises(NetworkError):
        downloader.fetch(artifact, Progress())

    downloader.fetch(artifact, Progress())

    assert index.requests[-1].headers["range"] == f"bytes={CUT}-"


def test_a_file_that_an_earlier_run_left_whole_needs_no_request(
    index: IndexServer, downloader: FileDownloader, blobs: DiskBlobs
) -> None:
    artifact = serve(index, DATA)
    leave(blobs, artifact, DATA)

    assert downloader.fetch(artifact, Progress()).size == SIZE
    assert index.requests == ()


@pytest.mark.parametrize("left", [b"x" * 10, b"x" * SIZE, b"x" * (SIZE + 1)])
def test_wrong_bytes_of_an_earlier_run_are_no_false_alarm(
    index: IndexServer, downloader: FileDownloader, blobs: DiskBlobs, left: bytes
) -> None:
    artifact, progress = serve(index, DATA), Progress()
    leave(blobs, artifact, left)

    assert downloader.fetch(artifact, progress).path.read_bytes() == DATA
    assert progress.total == SIZE


@pytest.mark.parametrize("digests", [frozenset(), frozenset({digest(DATA, "md5")})])
def test_without_a_strong_digest_nothing_of_an_earlier_run_is_used(
    index: IndexServer, downloader: FileDownloader, blobs: DiskBlobs, digests: frozenset[Digest]
) -> None:
    artifact = replace(serve(index, DATA), digests=digests)
    leave(blobs, artifact, DATA[:CUT])

    downloader.fetch(artifact, Progress())

    assert "range" not in index.requests[0].headers


@pytest.mark.parametrize("etags", [True, False])
def test_without_a_strong_digest_only_an_entity_tag_allows_to_resume(
    connect: Connect,
    blobs: DiskBlobs,
    etags: bool,
) -> None:
    with IndexServer(etags=etags) as index:
        artifact = replace(serve(index, DATA), digests=frozenset())
        index.script(str(artifact.url), [Fault.truncated(CUT)])

        assert (
            FileDownloader(connect().session, blobs, FakeRecollection()).fetch(artifact, Progress()).size == SIZE
        )
        assert ("range" in index.requests[1].headers) is etags


@pytest.mark.parametrize("tag", ['"2"', 'W/"1"', None])
def test_without_a_strong_digest_a_part_of_another_version_is_not_put_behind_the_first(
    connect: Connect, blobs: DiskBlobs, tag: str | None
) -> None:
    new = DATA[::-1]
    with IndexServer(etags=False) as index:
        artifact = replace(serve(index, new), digests=frozenset())
        begun = Fault(instead=Answer(200, DATA, {"ETag": '"1"'}, cut=CUT, then="close"))
        where = {"Content-Range": f"bytes {CUT}-{SIZE - 1}/{SIZE}", **({"ETag": tag} if tag else {})}
        index.script(str(artifact.url), [begun, Fault(instead=Answer(206, new[CUT:], where))])

        assert (
            FileDownloader(connect().session, blobs, FakeRecollection())
            .fetch(artifact, Progress())
            .path.read_bytes()
            == new
        )
        assert ["range" in request.headers for request in index.requests] == [False, True, False]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"ETag": '"1"', "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}, '"1"'),
        ({"ETag": 'W/"1"', "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}, "Wed, 21 Oct 2015 07:28:00 GMT"),
        ({"ETag": 'W/"1"'}, None),
        ({}, None),
    ],
)
def test_the_condition_is_a_strong_entity_tag_or_else_the_date(
    connect: Connect, blobs: DiskBlobs, headers: dict[str, str], expected: str | None
) -> None:
    with IndexServer(etags=False) as index:
        artifact = serve(index, DATA)
        index.script(str(artifact.url), [Fault(instead=Answer(200, DATA, headers, cut=CUT, then="close"))])

        FileDownloader(connect().session, blobs, FakeRecollection()).fetch(artifact, Progress())

        assert index.requests[1].headers.get("if-range") == expected


def test_an_answer_without_length_that_is_too_short_is_resumed(connect: Connect, blobs: DiskBlobs) -> None:
    head = "HTTP/1.1 {}\r\nConnection: close\r\nContent-Range: bytes 5-9/10\r\n\r\n"
    with RawServer([head.format("200 OK").encode() + b"01234", head.format("206 Rest").encode() + b"56789"]) as s:
        artifact = Artifact(
            filename="x",
            url=Address(s.url),
            digests=frozenset({digest(b"0123456789")}),
            size=10,
            origin=ORIGIN,
        )
        assert FileDownloader(connect().session, blobs, FakeRecollection()).fetch(artifact, Progress()).size == 10


def test_an_answer_without_length_that_goes_on_and_on_is_stopped(connect: Connect, blobs: DiskBlobs) -> None:
    with RawServer([b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + content(3 * CHUNK_SIZE)]) as server:
        artifact = Artifact(filename="x", url=Address(server.url), size=10, origin=ORIGIN)
        with pytest.raises(DigestMismatchError, match="expected 10 bytes, got more"):
            FileDownloader(connect().session, blobs, FakeRecollection()).fetch(artifact, Progress())


class Starving(HttpTraffic):
    """Lets a second pass at each look at the clock, and every answer starve."""

    def __init__(self) -> None:
        super().__init__(map(float, count()).__next__)

    def starves(self, _host: str, _speed: float) -> bool:
        return True


LARGE = content(1_500_000 + CHUNK_SIZE)


@pytest.fixture
def starving(blobs: DiskBlobs, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileDownloader]:
    monkeypatch.setattr(Stream, "unread", lambda _self: CHUNK_SIZE - 1)
    settings = replace(SETTINGS, read_timeout=1e9)
    with closing(HttpSession(settings, sleep=lambda _seconds: None, traffic=Starving())) as session:
        yield FileDownloader(session, blobs, FakeRecollection())


def test_the_rest_of_a_file_that_comes_too_slowly_for_its_line_is_asked_for_once_over_a_new_connection(
    index: IndexServer, starving: FileDownloader
) -> None:
    artifact, progress = serve(index, LARGE), Progress()

    assert starving.fetch(artifact, progress).sha256 == digest(LARGE).value

    assert [request.headers.get("range") for request in index.requests] == [None, f"bytes={CHUNK_SIZE}-"]
    assert index.connections == 2
    assert progress.total == len(LARGE)
    assert min(progress.calls) >= 0


def test_connections_that_nobody_uses_are_not_taken_for_it(index: IndexServer, starving: FileDownloader) -> None:
    starving.fetch(serve(index, DATA, "first-1.0.tar.gz"), Progress())
    starving.fetch(serve(index, LARGE), Progress())
    assert [request.connection for request in index.requests] == [1, 1, 2]


def test_what_has_come_and_waits_here_is_not_asked_for_again(
    index: IndexServer, starving: FileDownloader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stream, "unread", lambda _self: CHUNK_SIZE)
    starving.fetch(serve(index, LARGE), Progress())
    assert len(index.requests) == 1


def test_what_waits_here_is_counted_by_the_kernel(index: IndexServer, connect: Connect) -> None:
    with connect().session.stream(serve(index, DATA).url) as stream:
        end = time.monotonic() + 60
        while not stream.unread():
            assert time.monotonic() < end
            time.sleep(0.001)
        assert sum(map(len, stream.chunks())) == len(DATA)
        assert stream.unread() == 0


def test_without_ranges_or_a_digest_nothing_is_asked_for_again(
    index: IndexServer, starving: FileDownloader, blobs: DiskBlobs
) -> None:
    unproved = replace(serve(index, LARGE), digests=frozenset())
    assert starving.fetch(unproved, Progress()).size == len(LARGE)
    assert len(index.requests) == 1
    with IndexServer(ranges=False) as other:
        blobs.discard(key_of(unproved))
        artifact = serve(other, LARGE[:-1])
        starving.fetch(artifact, Progress())
        assert len(other.requests) == 1


def test_the_rest_of_another_version_is_not_put_behind_the_first(
    index: IndexServer, starving: FileDownloader
) -> None:
    artifact, progress = serve(index, LARGE), Progress()
    index.script(str(artifact.url), [Fault(), Fault(instead=Answer(200, LARGE))])
    assert starving.fetch(artifact, progress).sha256 == digest(LARGE).value
    assert progress.total == len(LARGE)


def test_a_file_that_is_fetched_once_more_in_one_piece_is_not_cut_in_two_again(
    index: IndexServer, starving: FileDownloader, blobs: DiskBlobs
) -> None:
    artifact, progress = serve(index, LARGE), Progress()
    with blobs.writer(key_of(artifact), ["sha256"]) as writer:  # of an earlier run
        writer.write(bytes(len(LARGE) - 10))
    assert starving.fetch(artifact, progress).sha256 == digest(LARGE).value
    assert [request.headers.get("range") for request in index.requests] == [f"bytes={len(LARGE) - 10}-", None]
    assert progress.total == len(LARGE)
