from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec.structs import replace

from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.core.artifacts import Artifact
from cachi2ish.core.digests import Digest
from cachi2ish.core.urls import Address
from cachi2ish.errors import Cachi2ishError, DigestMismatchError, NetworkError, NotCachedError, StorageError
from cachi2ish.http.download import FileDownloader
from cachi2ish.http.on_demand import CachedFirst, Offline
from cachi2ish.http.verification import key_of
from tests.http.support import ORIGIN, Client, Progress, content, digest, serve
from tests.services.fakes import FakeRecollection
from tests.support.distributions import Dist
from tests.support.index_server import Answer, Fault, IndexServer

Connect = Callable[..., Client]
DATA = content(100_000)
WRONG = Digest("sha256", "0" * 64)
WEAK = Digest("md5", "0" * 32)


@pytest.fixture
def downloader(connect: Connect, blobs: DiskBlobs) -> FileDownloader:
    return FileDownloader(connect().session, blobs, FakeRecollection())


def test_a_file_is_fetched_once_and_then_comes_from_the_cache(
    index: IndexServer, downloader: FileDownloader
) -> None:
    artifact, progress, again = serve(index, DATA), Progress(), Progress()

    blob = downloader.fetch(artifact, progress)

    assert blob.path.read_bytes() == DATA
    assert (blob.sha256, blob.size, progress.total) == (digest(DATA).value, len(DATA), len(DATA))
    assert index.requests[0].headers["accept-encoding"] == "identity"
    assert downloader.fetch(artifact, again) == blob
    assert again.calls == []
    assert len(index.requests) == 1


def test_a_size_that_no_index_states_is_told_as_soon_as_the_server_does(
    index: IndexServer, downloader: FileDownloader
) -> None:
    artifact = replace(serve(index, DATA), size=None)
    index.script("/files/demo-1.0.tar.gz", [Fault.truncated(1000)])
    events: list[str] = []

    downloader.fetch(
        artifact,
        lambda size: events.append("bytes") if size else None,
        lambda size: events.append(f"{size} to come"),
    )

    assert events[:2] == [f"{len(DATA)} to come", "bytes"]
    assert {event for event in events if event != "bytes"} == {f"{len(DATA)} to come"}


@pytest.mark.parametrize(
    ("digests", "allowed"),
    [
        ({digest(DATA)}, set()),
        ({digest(DATA), digest(DATA, "md5")}, set()),
        (set(), {digest(DATA)}),
        (set(), {WRONG, digest(DATA, "sha512")}),
        ({digest(DATA, "md5")}, {digest(DATA), WRONG}),
        ({digest(DATA)}, {digest(DATA, "md5"), WEAK}),
        ({digest(DATA, "blake2b")}, {digest(DATA, "sha3_256")}),
    ],
)
def test_the_cache_serves_what_is_proven(
    index: IndexServer, downloader: FileDownloader, blobs: DiskBlobs, digests: set[Digest], allowed: set[Digest]
) -> None:
    cached_first = CachedFirst(blobs, FakeRecollection(), lambda: downloader)
    artifact = replace(serve(index, DATA), digests=frozenset(digests), allowed=frozenset(allowed))
    blob = cached_first.fetch(artifact, Progress())

    assert cached_first.fetch(artifact, Progress()) == blob
    assert len(index.requests) == 1


def test_a_digest_of_the_lock_alone_does_not_tell_which_of_its_files_is_in_the_cache(
    index: IndexServer, downloader: FileDownloader, blobs: DiskBlobs
) -> None:
    other = content(50_000)
    allowed = frozenset({digest(DATA), digest(other)})
    address = Address(index.serve_file(Dist("demo-1.0-py3-none-any.whl", other)))
    sdist = replace(serve(index, DATA), digests=frozenset(), allowed=allowed, size=None)
    wheel = replace(sdist, filename="demo-1.0-py3-none-any.whl", url=address)
    memory = FakeRecollection()
    cached_first = CachedFirst(blobs, memory, lambda: downloader)

    for _ in range(2):
        assert cached_first.fetch(sdist, Progress()).path.read_bytes() == DATA
        assert cached_first.fetch(wheel, Progress()).path.read_bytes() == other
    assert len(index.requests) == 2
    alone = CachedFirst(blobs, memory, Offline)
    assert alone.fetch(wheel, Progress()).path.read_bytes() == other
    with pytest.raises(NotCachedError):
        CachedFirst(blobs, FakeRecollection(), Offline).fetch(wheel, Progress())
    memory.facts = dict.fromkeys(memory.facts, "nonsense")
    with pytest.raises(NotCachedError):
        alone.fetch(wheel, Progress())


class NobodyWaitsError(Cachi2ishError):
    pass


def test_a_transfer_that_nobody_waits_for_is_not_tried_again(
    index: IndexServer, connect: Connect, blobs: DiskBlobs
) -> None:
    artifact, client = serve(index, DATA), connect()
    index.script(str(artifact.url), [Fault.status(503, retry_after="20")] * 2)

    def advance(_size: int) -> None:
        raise NobodyWaitsError("the run has failed elsewhere")

    with pytest.raises(NobodyWaitsError):
        FileDownloader(client.session, blobs, FakeRecollection()).fetch(artifact, advance)

    assert (len(index.requests), client.waits) == (1, [])


@pytest.mark.parametrize("digests", [set(), {digest(DATA, "md5")}, {digest(DATA, "md5"), digest(DATA, "sha1")}])
def test_the_cache_does_not_serve_what_only_weak_digests_name(
    index: IndexServer, downloader: FileDownloader, digests: set[Digest]
) -> None:
    downloader.fetch(serve(index, DATA), Progress())
    artifact = replace(serve(index, DATA), digests=frozenset(digests))

    downloader.fetch(artifact, Progress())
    downloader.fetch(artifact, Progress())

    assert len(index.requests) == 3


@pytest.mark.parametrize(
    ("digests", "allowed"),
    [
        ({WRONG}, set()),
        (set(), {WRONG}),
        (set(), {WRONG, WEAK}),
        ({digest(DATA)}, {WRONG}),
        ({digest(DATA), WEAK}, set()),
        ({digest(DATA)}, {WEAK}),
        ({WEAK}, set()),
        ({WEAK}, {digest(DATA)}),
        ({digest(DATA), Digest("sha512", "0" * 128)}, {digest(DATA)}),
    ],
)
def test_a_tampered_file_is_not_committed_nor_asked_for_again_nor_taken_from_the_cache(
    index: IndexServer,
    connect: Connect,
    blobs: DiskBlobs,
    digests: set[Digest],
    allowed: set[Digest],
) -> None:
    client = connect()
    downloader = FileDownloader(client.session, blobs, FakeRecollection())
    good = serve(index, DATA)
    artifact = replace(good, digests=frozenset(digests), allowed=frozenset(allowed))

    for number in (1, 2):
        with pytest.raises(DigestMismatchError):
            downloader.fetch(artifact, Progress())
        assert len(index.requests) == number
    assert client.waits == []
    assert blobs.find({digest(DATA)}) is None

    downloader.fetch(good, Progress())
    with pytest.raises(DigestMismatchError):
        downloader.fetch(artifact, Progress())


def test_a_digest_mismatch_says_what_was_expected_what_came_and_from_where(
    index: IndexServer, downloader: FileDownloader
) -> None:
    artifact = serve(index, DATA)
    index.script(str(artifact.url), [Fault.wrong_bytes()])
    secret = replace(artifact, url=Address(str(artifact.url).replace("://", "://me:S3cret@") + "?token=S3cret"))

    with pytest.raises(DigestMismatchError) as caught:
        downloader.fetch(secret, Progress())

    got = digest(bytes(byte ^ 0xFF for byte in DATA))
    assert caught.value.problem == (
        f"demo-1.0.tar.gz from {artifact.url}?token=**** is not the file that was promised:"
        f" expected {digest(DATA)}, got {got}"
    )
    assert caught.value.origin == ORIGIN
    assert "publisher" in (caught.value.hint or "")


def test_a_mismatch_with_many_allowed_digests_lists_some(index: IndexServer, downloader: FileDownloader) -> None:
    allowed = frozenset(Digest("sha256", f"{number:064x}") for number in range(9))
    artifact = replace(serve(index, DATA), digests=frozenset(), allowed=allowed)

    with pytest.raises(DigestMismatchError, match=f"or sha256:0+2 or one of 6 more, got {digest(DATA)}"):
        downloader.fetch(artifact, Progress())


@pytest.mark.parametrize("algorithm", ["shake_128", "shake_256"])
@pytest.mark.parametrize("length", [16, 32, 64])
def test_a_digest_of_free_length_is_compared_as_far_as_it_goes(
    index: IndexServer, downloader: FileDownloader, algorithm: str, length: int
) -> None:
    value = getattr(hashlib, algorithm)(DATA).hexdigest(length)
    right = replace(serve(index, DATA), digests=frozenset({Digest(algorithm, value)}))
    wrong = replace(right, digests=frozenset({Digest(algorithm, "0" * 2 * length)}))

    assert downloader.fetch(right, Progress()).size == len(DATA)
    with pytest.raises(DigestMismatchError):
        downloader.fetch(wrong, Progress())


@pytest.mark.parametrize("size", [0, len(DATA) - 1, len(DATA) + 1])
def test_another_length_than_the_index_states_is_a_mismatch_before_a_byte_is_fetched(
    index: IndexServer, downloader: FileDownloader, size: int
) -> None:
    good, progress = serve(index, DATA), Progress()

    for _ in range(2):  # the second time the cache has it
        with pytest.raises(DigestMismatchError, match=f"expected {size} bytes, got 100000"):
            downloader.fetch(replace(good, size=size), progress)
        downloader.fetch(good, Progress())

    assert progress.total == 0


@pytest.mark.parametrize("status", [401, 403, 404, 410, 418, 302, 206, 204])
def test_a_status_that_brings_no_file_is_an_error_that_names_it(
    index: IndexServer, connect: Connect, blobs: DiskBlobs, status: int
) -> None:
    client = connect()
    artifact = serve(index, DATA)
    index.script(str(artifact.url), [Fault.status(status)])

    with pytest.raises(
        NetworkError, match=rf"demo-1\.0\.tar\.gz cannot be downloaded: .*answers HTTP {status}"
    ) as e:
        FileDownloader(client.session, blobs, FakeRecollection()).fetch(artifact, Progress())

    assert e.value.origin == ORIGIN
    assert e.value.hint
    assert client.waits == []


def test_a_server_that_stays_broken_is_an_error_that_names_the_file(
    index: IndexServer, connect: Connect, blobs: DiskBlobs
) -> None:
    client = connect()
    artifact = serve(index, DATA)
    index.script(str(artifact.url), [Fault.status(503)] * 10)

    with pytest.raises(
        NetworkError, match=r"^requirements.txt:7: demo-1.0.tar.gz cannot be downloaded: .*HTTP 503"
    ):
        FileDownloader(client.session, blobs, FakeRecollection()).fetch(artifact, Progress())

    assert len(index.requests) == 4
    assert len(client.waits) == 3


def test_a_file_that_cannot_be_stored_is_an_error_with_its_origin(
    index: IndexServer, connect: Connect, tmp_path: Path
) -> None:
    blobs = DiskBlobs(tmp_path / "cache")
    artifact = serve(index, DATA)
    downloader = FileDownloader(connect().session, blobs, FakeRecollection())

    def spoil(_: int) -> None:
        blob = blobs._layout.blob(digest(DATA).value)
        blob.parent.parent.mkdir(parents=True, exist_ok=True)
        if not blob.parent.exists():
            blob.parent.write_text("a file where a directory should be")

    with pytest.raises(StorageError) as caught:
        downloader.fetch(artifact, spoil)

    assert caught.value.origin == ORIGIN


def test_bytes_are_hashed_as_they_come_even_if_the_server_says_that_it_compressed_them(
    index: IndexServer, downloader: FileDownloader
) -> None:
    artifact = serve(index, DATA)
    index.script(str(artifact.url), [Fault(instead=Answer(200, DATA, {"Content-Encoding": "gzip"}))])

    assert downloader.fetch(artifact, Progress()).size == len(DATA)


def test_an_empty_file_is_a_file(index: IndexServer, downloader: FileDownloader) -> None:
    assert downloader.fetch(serve(index, b""), Progress()).size == 0


def test_32_threads_fetch_at_once_over_few_connections(
    index: IndexServer, connect: Connect, blobs: DiskBlobs
) -> None:
    artifacts = [serve(index, content(1000 + n), f"demo-{n}.tar.gz") for n in range(120)]
    client = connect(connections=16)
    downloader = FileDownloader(client.session, blobs, FakeRecollection())
    for artifact in artifacts[::10]:
        index.script(str(artifact.url), [Fault.status(503), Fault.truncated(500)])

    with ThreadPoolExecutor(32) as pool:
        found = list(pool.map(lambda artifact: downloader.fetch(artifact, Progress()), artifacts))

    assert [blob.size for blob in found] == [1000 + n for n in range(120)]
    assert index.connections <= 16 + 12  # a truncated answer costs its connection
    assert len(index.requests) == 120 + 24


def test_the_key_of_a_transfer_depends_on_address_and_promises_but_on_no_secret() -> None:
    base = Artifact(filename="x", url=Address("https://host.test/x"), digests=frozenset({WRONG}), origin=ORIGIN)
    others = (
        replace(base, url=Address("https://host.test/y")),
        replace(base, digests=frozenset({WRONG, WEAK})),
        replace(base, digests=frozenset(), allowed=frozenset({WRONG})),
    )

    assert len({key_of(artifact) for artifact in (base, *others)}) == 4
    assert key_of(base) == key_of(replace(base, url=Address("https://me:secret@host.test/x#sha256=1")))
