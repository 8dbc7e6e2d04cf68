"""Pruning and verifying beside processes that use the cache, and processes that were killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.cache.housekeeping import DiskHousekeeping
from cachi2ish.cache.running import oldest_start
from cachi2ish.core.artifacts import Blob
from cachi2ish.core.cache_contents import EntryKind
from cachi2ish.files.locks import locked, sharing
from tests.cache.support import keep, names, start

CONTENT = b"a distribution" * 100

USER = """
import sys
from pathlib import Path
from cachi2ish.core.digests import Digest
from cachi2ish.cache.blobs import DiskBlobs
store = DiskBlobs(Path(sys.argv[1]))
print("open", flush=True)
for line in sys.stdin:
    blob = store.find([Digest("sha256", line.strip())])
    print(blob is not None and blob.path.exists(), flush=True)
"""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def old_blob(cache: Path, content: bytes = CONTENT) -> Blob:
    """A blob that was last used in the last century, by a process that has ended."""
    blob = keep(DiskBlobs(cache), content)
    os.utime(blob.path, (1, 1))
    return blob


def prune(cache: Path) -> int:
    """Remove every file that may be; returns how many that were."""
    await_tick(cache)
    pruning = DiskHousekeeping(cache, cache / "catalogue.sqlite").pruning(pretend=False)
    return sum(pruning.remove(entry) for entry in pruning.entries if entry.kind is EntryKind.FILE)


def await_tick(cache: Path) -> None:
    """The clock of a file system ticks some hundred times a second; what was used in the same tick is spared."""
    (cache / "tick").touch()
    before = (cache / "tick").stat().st_mtime_ns
    while (cache / "tick").stat().st_mtime_ns - before < 10_000_000:
        (cache / "tick").touch()


@contextmanager
def user(cache: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has the cache open, until the end of the block."""
    with start(USER, cache) as process:
        assert process.stdout
        assert process.stdout.readline() == "open\n"
        yield process
        assert process.stdin
        process.stdin.close()


def finds(process: subprocess.Popen[str], blob: Blob) -> bool:
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{blob.sha256}\n")
    process.stdin.flush()
    return process.stdout.readline() == "True\n"


def test_what_a_process_has_found_is_spared_until_it_ends(cache: Path) -> None:
    used, unused = old_blob(cache), old_blob(cache, b"unused")
    with user(cache) as process:
        assert finds(process, used)
        assert prune(cache) == 1
        assert used.path.exists()
        assert not unused.path.exists()
        assert finds(process, used)
    assert prune(cache) == 1
    assert not used.path.exists()


def test_what_a_killed_process_has_found_is_not_spared(cache: Path) -> None:
    blob = old_blob(cache)
    with user(cache) as process:
        assert finds(process, blob)
        process.send_signal(signal.SIGKILL)
    assert len(names(cache / "running")) == 1
    assert prune(cache) == 1
    assert not names(cache / "running")


def test_what_the_oldest_process_has_found_is_spared_whoever_began_and_ended_since(cache: Path) -> None:
    blob = old_blob(cache)
    with user(cache) as oldest:
        assert finds(oldest, blob)
        with user(cache), user(cache) as younger:
            younger.send_signal(signal.SIGKILL)
            assert prune(cache) == 0
        assert prune(cache) == 0
        assert finds(oldest, blob)


def test_what_was_found_before_pruning_began_and_touched_meanwhile_is_spared(cache: Path) -> None:
    blob = old_blob(cache)
    pruning = DiskHousekeeping(cache, cache / "catalogue.sqlite").pruning(pretend=False)
    (entry,) = pruning.entries
    with user(cache) as process:
        assert finds(process, blob)
        assert not pruning.remove(entry)
        assert blob.path.exists()


def test_a_file_is_not_removed_while_somebody_notes_that_it_is_used(cache: Path) -> None:
    blob = old_blob(cache)
    pruning = DiskHousekeeping(cache, cache / "catalogue.sqlite").pruning(pretend=False)
    (entry,) = pruning.entries
    with ThreadPoolExecutor(1) as pool:
        with sharing(cache / "blobs/.lock"):
            removing = pool.submit(pruning.remove, entry)
            wait([removing], timeout=0.2)
            os.utime(blob.path)
        assert removing.result() is False
    assert blob.path.exists()


def test_a_file_that_arrived_with_its_last_byte_long_ago_is_used_from_now_on(cache: Path) -> None:
    store = DiskBlobs(cache)
    with store.writer("url", []) as writer:
        writer.write(CONTENT)
    (partial,) = (cache / "partial").iterdir()
    os.utime(partial, (1, 1))
    with store.writer("url", []) as writer:
        assert writer.offset == len(CONTENT)
        blob = writer.commit()
    assert prune(cache) == 0
    assert blob.path.exists()


def test_a_process_that_cannot_note_what_it_uses_keeps_everything_while_it_runs(cache: Path) -> None:
    """Root may write everywhere: a file in the place of a directory stands for missing rights."""
    blob, unused = old_blob(cache), old_blob(cache, b"unused")
    (cache / "running").rmdir()
    (cache / "running").touch()
    with user(cache) as process:
        assert finds(process, blob)
        (cache / "running").unlink()
        os.utime(blob.path, (1, 1))
        assert prune(cache) == 0
        assert blob.path.exists()
        process.send_signal(signal.SIGKILL)
    assert unused.path.exists()
    assert prune(cache) == 2


def before_noting(store: DiskBlobs, monkeypatch: pytest.MonkeyPatch, act: Callable[[Path], None]) -> None:
    """Let somebody else ``act`` on a blob when it was hashed, and its use is not noted yet."""
    note = store._usage.note

    def noted(path: Path) -> bool:
        act(path)
        return note(path)

    monkeypatch.setattr(store._usage, "note", noted)


def test_a_blob_that_is_removed_while_it_is_hashed_is_not_found(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DiskBlobs(cache)
    blob = keep(store, CONTENT)
    before_noting(store, monkeypatch, Path.unlink)
    assert store.find([blob.digest]) is None


def test_a_blob_that_is_replaced_while_it_is_hashed_is_touched_where_it_is_now(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DiskBlobs(cache)
    blob = keep(store, CONTENT)

    def replace(path: Path) -> None:
        (cache / "another").write_bytes(CONTENT)
        os.utime(cache / "another", (1, 1))
        (cache / "another").replace(path)

    before_noting(store, monkeypatch, replace)
    assert store.find([blob.digest]) is not None
    assert blob.path.stat().st_mtime > 1


def test_a_lock_of_a_cache_that_was_moved_away_keeps_nobody_out_of_the_new_one(cache: Path) -> None:
    store = DiskBlobs(cache)
    digests = [keep(store, CONTENT).digest]
    assert store.find(digests)
    cache.rename(cache.with_name("moved"))
    shutil.copytree(cache.with_name("moved"), cache)
    with ThreadPoolExecutor(1) as pool:
        with locked(cache / "blobs/.lock"):
            finding = pool.submit(store.find, digests)
            assert not wait([finding], timeout=0.2).done
        assert finding.result()


def test_a_process_ends_its_use_with_its_store(cache: Path) -> None:
    store = DiskBlobs(cache)
    began = oldest_start(cache / "running")
    assert began
    assert abs(began / 1e9 - datetime.now(UTC).timestamp()) < 300
    del store
    assert oldest_start(cache / "running") is None
    assert not names(cache / "running")


FETCHER = """
import sys
from pathlib import Path
from cachi2ish.cache.blobs import DiskBlobs
from tests.cache.support import digest_of, keep
contents = [b"%d" % number * 2000 for number in range(30)]
def bring(store, content):
    return store.find([digest_of(content, "sha512")]) or keep(store, content, "sha512", key=str(content))
for _ in range(15):
    store = DiskBlobs(Path(sys.argv[1]))
    blobs = [bring(store, content) for content in contents]
    for blob, content in zip(blobs, contents):
        assert blob.path.read_bytes() == content
    del store
print("done")
"""


def test_a_loop_of_pruning_and_verifying_takes_nothing_from_anybody(cache: Path) -> None:
    processes = [start(FETCHER, cache) for _ in range(4)]
    housekeeping = DiskHousekeeping(cache, cache / "catalogue.sqlite")
    removed = 0
    while any(process.poll() is None for process in processes):
        if cache.exists():
            pruning = housekeeping.pruning(pretend=False)
            removed += sum(pruning.remove(entry) for entry in pruning.entries if entry.kind is EntryKind.FILE)
            pruning.remove_dangling_links()
            assert housekeeping.verify(lambda _: None, repair=False) == ()
    assert [process.communicate()[0] for process in processes] == ["done\n"] * 4
    assert removed, "else nothing was tested"
