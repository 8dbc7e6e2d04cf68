"""The cache gives back what was put in, or nothing."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from pathlib import Path

import pytest

from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.cache.interface import BlobStore
from cachi2ish.core.artifacts import Blob
from cachi2ish.core.digests import ALGORITHMS, Digest
from tests.cache.support import digest_of, files_below, keep

CONTENT = b"a distribution" * 1000


def test_it_is_the_store_of_the_interface(store: DiskBlobs) -> None:
    port: BlobStore = store
    with port.writer("key", ()) as writer:
        assert writer.offset == 0


def test_an_unknown_digest_finds_nothing(store: DiskBlobs) -> None:
    assert store.find([digest_of(CONTENT)]) is None
    assert store.find([]) is None


def test_a_committed_file_is_found_whole_and_read_only(store: DiskBlobs, tmp_path: Path) -> None:
    blob = keep(store, CONTENT)
    assert blob == Blob(sha256=digest_of(CONTENT).value, size=len(CONTENT), folder=blob.folder)
    assert blob.path.read_bytes() == CONTENT
    assert stat.S_IMODE(blob.path.stat().st_mode) == 0o444
    assert blob.path == tmp_path / "cache/blobs/sha256" / blob.sha256[:2] / blob.sha256[2:]
    assert store.find([blob.digest]) == blob
    assert not list((tmp_path / "cache/partial").iterdir())


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS - {"sha256", "md5", "sha1", "shake_128", "shake_256"}))
def test_a_file_is_found_by_every_strong_digest_that_was_computed(store: DiskBlobs, algorithm: str) -> None:
    blob = keep(store, CONTENT, algorithm)
    assert store.find([digest_of(CONTENT, algorithm)]) == blob


@pytest.mark.parametrize("size", [32, 64, 200])
def test_a_file_is_found_by_a_shake_digest_of_any_length(store: DiskBlobs, size: int) -> None:
    with store.writer("key", ["shake_128"]) as writer:
        writer.write(CONTENT)
        expected = Digest("shake_128", hashlib.shake_128(CONTENT).hexdigest(size))
        assert writer.digest("shake_128", size) == expected
        blob = writer.commit()
    assert store.find([expected]) == blob
    assert store.find([Digest("shake_128", expected.value[:-2] + "xx")]) is None


def test_all_digests_must_hold_also_those_never_computed_before(store: DiskBlobs) -> None:
    blob = keep(store, CONTENT)
    assert store.find([blob.digest, digest_of(CONTENT, "sha512"), digest_of(CONTENT, "md5")]) == blob
    assert store.find([blob.digest, digest_of(b"other", "sha512")]) is None
    assert store.find([blob.digest, digest_of(b"other", "md5")]) is None
    assert store.find([blob.digest, digest_of(b"other")]) is None
    assert store.find([blob.digest]) == blob, "a contradiction is no damage"


def test_weak_digests_alone_find_nothing(store: DiskBlobs) -> None:
    keep(store, CONTENT, "md5", "sha1")
    assert store.find([digest_of(CONTENT, "md5"), digest_of(CONTENT, "sha1")]) is None


def test_a_malformed_digest_is_no_way_out_of_the_cache(store: DiskBlobs, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(CONTENT)
    for algorithm in ("sha256", "sha512"):
        assert store.find([Digest(algorithm, "../../../../secret")]) is None


@pytest.mark.parametrize("damage", [b"", CONTENT[:-1], b"X" + CONTENT[1:], CONTENT + b"X"])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_damaged_file_is_removed_and_can_be_put_back(store: DiskBlobs, damage: bytes, algorithm: str) -> None:
    blob = keep(store, CONTENT, "sha512")
    blob.path.unlink()
    blob.path.write_bytes(damage)
    assert store.find([digest_of(CONTENT, algorithm)]) is None
    assert not blob.path.exists()
    keep(store, CONTENT, "sha512")
    assert store.find([digest_of(CONTENT, algorithm)]) == blob


def test_a_damaged_file_is_replaced_by_a_commit_that_never_looked(store: DiskBlobs) -> None:
    blob = keep(store, CONTENT)
    blob.path.unlink()
    blob.path.write_bytes(b"damaged")
    keep(store, CONTENT)
    assert store.find([blob.digest]) == blob


def test_a_file_is_put_in_place_though_all_blobs_were_removed_while_it_came(
    store: DiskBlobs, tmp_path: Path
) -> None:
    with store.writer("key", ["sha256"]) as writer:
        writer.write(CONTENT)
        shutil.rmtree(tmp_path / "cache/blobs")
        blob = writer.commit()
    assert blob.path.read_bytes() == CONTENT


@pytest.mark.parametrize("lie", ["../../sha256/00/" + "0" * 62, "../../../elsewhere", "x"])
def test_a_link_that_lies_finds_nothing_and_is_put_right(store: DiskBlobs, tmp_path: Path, lie: str) -> None:
    blob = keep(store, CONTENT, "sha512")
    sha512 = digest_of(CONTENT, "sha512")
    link = tmp_path / "cache/blobs/sha512" / sha512.value[:2] / sha512.value[2:]
    link.unlink()
    link.symlink_to(lie)
    assert store.find([sha512]) is None
    keep(store, CONTENT, "sha512")
    assert store.find([sha512]) == blob


def test_a_link_to_another_file_proves_nothing(store: DiskBlobs, tmp_path: Path) -> None:
    other = keep(store, b"other")
    sha512 = digest_of(CONTENT, "sha512")
    link = tmp_path / "cache/blobs/sha512" / sha512.value[:2] / sha512.value[2:]
    link.parent.mkdir(parents=True)
    link.symlink_to(f"../../sha256/{other.sha256[:2]}/{other.sha256[2:]}")
    assert store.find([sha512]) is None
    assert store.find([other.digest]) == other


def test_an_interrupted_attempt_is_taken_up_again(store: DiskBlobs) -> None:
    with store.writer("url", ["sha512"]) as writer:
        writer.write(CONTENT[:5000])
    with store.writer("another url", []) as writer:
        assert writer.offset == 0
    with DiskBlobs(store._layout.root).writer("url", ["sha512", "md5"]) as writer:
        assert writer.offset == 5000
        assert writer.digest("sha256") == digest_of(CONTENT[:5000])
        writer.write(CONTENT[5000:])
        assert writer.digest("md5") == digest_of(CONTENT, "md5")
        blob = writer.commit()
    assert store.find([digest_of(CONTENT, "sha512")]) == blob


def test_an_error_of_the_network_passes_and_keeps_the_bytes(store: DiskBlobs) -> None:
    failure = ConnectionResetError("connection reset by peer")

    def download() -> None:
        with store.writer("url", []) as writer:
            writer.write(b"half")
            raise failure

    with pytest.raises(ConnectionResetError) as caught:
        download()
    assert caught.value is failure, "a network error is OSError too, and must not become a StorageError"
    with store.writer("url", []) as writer:
        assert writer.offset == 4


def test_restart_forgets_the_bytes(store: DiskBlobs) -> None:
    with store.writer("url", []) as writer:
        writer.write(b"something longer than what follows")
        writer.restart()
        assert writer.offset == 0
        writer.write(b"short")
        blob = writer.commit()
    assert blob.path.read_bytes() == b"short"
    assert blob.digest == digest_of(b"short")


@pytest.mark.parametrize("inside", [True, False])
def test_discard_forgets_an_attempt_while_it_is_open_and_afterwards(store: DiskBlobs, *, inside: bool) -> None:
    with store.writer("url", []) as writer:
        writer.write(b"wrong")
        if inside:
            store.discard("url")
    store.discard("url")
    store.discard("never seen")
    with store.writer("url", []) as writer:
        assert writer.offset == 0


def test_an_attempt_without_bytes_leaves_nothing(store: DiskBlobs, tmp_path: Path) -> None:
    with store.writer("url", []):
        pass
    assert not list((tmp_path / "cache/partial").iterdir())


def test_a_second_writer_of_one_key_does_not_wait_and_does_not_mix(store: DiskBlobs, tmp_path: Path) -> None:
    with store.writer("url", []) as first:
        first.write(b"first ")
        with store.writer("url", []) as second:
            assert second.offset == 0
            second.write(b"second")
            assert second.commit().path.read_bytes() == b"second"
        with store.writer("url", []) as third:
            third.write(b"given up")
        first.write(b"goes on")
        assert first.commit().path.read_bytes() == b"first goes on"
    assert not list((tmp_path / "cache/partial").iterdir())


def test_a_key_with_a_credential_is_not_written_anywhere(store: DiskBlobs, tmp_path: Path) -> None:
    with store.writer("https://user:hunter2@index.example/x", []) as writer:
        writer.write(b"x")
    names = files_below(tmp_path / "cache")
    assert names
    assert not [name for name in names if "hunter2" in name or "user" in name]


def test_a_committed_file_cannot_be_written_to(store: DiskBlobs) -> None:
    with store.writer("url", []) as writer:
        writer.write(b"x")
        blob = writer.commit()
        with pytest.raises(ValueError, match="committed"):
            writer.write(b"y")
    assert blob.path.read_bytes() == b"x"


def test_being_found_is_being_used(store: DiskBlobs) -> None:
    blob = keep(store, CONTENT)
    os.utime(blob.path, (1, 1))
    store.find([blob.digest])
    assert blob.path.stat().st_mtime > 1


def test_the_cache_may_be_moved(store: DiskBlobs, tmp_path: Path) -> None:
    keep(store, CONTENT, "sha512")
    (tmp_path / "cache").rename(tmp_path / "elsewhere")
    assert DiskBlobs(tmp_path / "elsewhere").find([digest_of(CONTENT, "sha512")])


def test_the_cache_says_that_it_is_one(tmp_path: Path) -> None:
    DiskBlobs(tmp_path)
    assert (tmp_path / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")


def test_what_is_written_can_be_read_before_it_is_a_blob_and_afterwards(store: DiskBlobs) -> None:
    with store.writer("key", ()) as writer:
        descriptor = writer.duplicate()
        try:
            writer.write(b"the beginning")
            assert os.pread(descriptor, 100, 0) == b"the beginning"
            writer.restart()
            assert os.pread(descriptor, 100, 0) == b""
            writer.write(CONTENT)
            writer.commit()
            assert os.pread(descriptor, len(CONTENT) + 1, 0) == CONTENT
        finally:
            os.close(descriptor)
