"""Killed, crowded, full or forbidden: the cache stays whole and says what is wrong."""

from __future__ import annotations

import errno
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cachi2ish.advice import Place
from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.cli.display.hints import hint_of
from cachi2ish.errors import StorageError
from cachi2ish.files.os_errors import storage_error
from tests.cache.support import digest_of, files_below, keep, small_disk, start
from tests.support.distributions import noise

WRITER = """
import sys
from pathlib import Path
from cachi2ish.cache.blobs import DiskBlobs
from tests.support.distributions import noise
store = DiskBlobs(Path(sys.argv[1]))
with store.writer("url", ["sha512"]) as writer:
    for _ in range(2):
        content = noise(300_000)[writer.offset:]
        writer.write(content[:100_000])
        print(writer.offset, flush=True)
        sys.stdin.readline()
    writer.write(noise(300_000)[writer.offset:])
    print(writer.commit().sha256, flush=True)
"""
CONTENT = noise(300_000)


def test_a_killed_process_loses_nothing_that_was_written(tmp_path: Path) -> None:
    with start(WRITER, tmp_path) as process:
        assert process.stdout
        assert process.stdout.readline() == "100000\n"
        process.send_signal(signal.SIGKILL)
    store = DiskBlobs(tmp_path)
    assert store.find([digest_of(CONTENT)]) is None
    with store.writer("url", ["sha512"]) as writer:
        assert writer.offset == 100_000
        writer.write(CONTENT[100_000:])
        writer.commit()
    assert store.find([digest_of(CONTENT, "sha512")])


def test_the_private_file_of_a_killed_process_is_swept_and_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    store = DiskBlobs(tmp_path)
    with store.writer("url", []) as holder:
        holder.write(b"x")
        with start(WRITER, tmp_path) as process:
            assert process.stdout
            process.stdout.readline()
            assert len(files_below(tmp_path / "partial")) == 2
            DiskBlobs(tmp_path)
            assert len(files_below(tmp_path / "partial")) == 2
            process.send_signal(signal.SIGKILL)
        DiskBlobs(tmp_path)
        assert len(files_below(tmp_path / "partial")) == 1


def test_eight_processes_write_the_same_file_at_once(tmp_path: Path) -> None:
    processes = [start(WRITER, tmp_path) for _ in range(8)]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "100000\n"  # all of them are in the middle of it
    results = {process.communicate("\n\n")[0].splitlines()[-1] for process in processes}
    assert results == {digest_of(CONTENT).value}
    store = DiskBlobs(tmp_path)
    blob = store.find([digest_of(CONTENT), digest_of(CONTENT, "sha512")])
    assert blob
    assert blob.path.read_bytes() == CONTENT
    assert not files_below(tmp_path / "partial")


def test_many_threads_write_damage_and_find_the_same_files(tmp_path: Path) -> None:
    store = DiskBlobs(tmp_path)
    contents = [noise(1000 + number) for number in range(5)]

    def work(number: int) -> bool:
        content = contents[number % 5]
        blob = keep(store, content, "sha512", key=str(number % 5))
        if number % 7 == 0:
            damaged = tmp_path / f"damaged-{number}"
            damaged.write_bytes(b"damaged")
            damaged.replace(blob.path)
        found = store.find([digest_of(content, "sha512")])
        return found is None or found.size == len(content)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(200)))
    for content in contents:
        keep(store, content)
        assert store.find([digest_of(content)])
    assert not files_below(tmp_path / "partial")


def test_a_cache_below_a_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        StorageError, match=r"the cache .*/file/cache cannot be written: Not a directory"
    ) as caught:
        DiskBlobs(tmp_path / "file" / "cache")
    assert hint_of(caught.value) == (
        "a part of the path is a file, or a link that leads nowhere: choose another place with --cache-dir"
    )


def test_a_cache_that_is_a_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="Not a directory"):
        DiskBlobs(tmp_path / "file")


def test_a_directory_where_a_blob_should_be_is_an_error_with_the_cache_named(tmp_path: Path) -> None:
    store = DiskBlobs(tmp_path)
    blob = keep(store, CONTENT)
    blob.path.unlink()
    blob.path.mkdir()
    with pytest.raises(StorageError, match=str(tmp_path)):
        store.find([blob.digest])
    with pytest.raises(StorageError, match=str(tmp_path)):
        keep(store, CONTENT)


def test_a_full_disk_is_told_and_the_attempt_goes_on_when_there_is_space(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        store = DiskBlobs(disk / "cache")
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(100_000))

        def download() -> None:
            with store.writer("url", []) as out:
                for start_at in range(0, 200_000, 10_000):
                    out.write(CONTENT[start_at : start_at + 10_000])

        with pytest.raises(StorageError, match="No space left on device") as caught:
            download()
        assert caught.value.problem.startswith(f"the cache {disk / 'cache'} cannot be written")
        assert "--cache-dir" in (hint_of(caught.value) or "")
        assert not files_below(disk / "cache/blobs/sha256")
        ballast.unlink()
        with store.writer("url", []) as writer:
            assert 0 < writer.offset < 200_000
            writer.write(CONTENT[writer.offset : 200_000])
            assert writer.commit().digest == digest_of(CONTENT[:200_000])


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "may write to"),
        (errno.EPERM, "may write to"),
        (errno.EROFS, "read-only"),
        (errno.ENOTDIR, "is a file"),
        (errno.EIO, "another place"),
    ],
)
def test_each_refusal_of_the_system_has_its_hint(number: int, advice: str) -> None:
    error = storage_error("the cache cannot be written", OSError(number, os.strerror(number)), Place.CACHE)
    assert error.problem == f"the cache cannot be written: {os.strerror(number)}"
    assert advice in (hint_of(error) or "")
    assert "--cache-dir" in (hint_of(error) or "")
