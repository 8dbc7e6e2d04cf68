"""What is written beside the work is there for whoever asks, and a database that fails holds nobody up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from cachi2ish.cache.catalogue import SqliteCatalogue
from cachi2ish.cache.interface import Memory
from cachi2ish.cache.write_behind import WriteBehind
from cachi2ish.errors import StorageError
from tests.cache.pages import INDEX, SDIST, WHEEL, index_file, page_of, recalled


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalogue.sqlite"


@contextmanager
def behind(path: Path) -> Iterator[WriteBehind]:
    with WriteBehind(SqliteCatalogue(path), partial(SqliteCatalogue, path)) as memory:
        yield memory


def test_what_was_just_written_is_read(path: Path) -> None:
    with behind(path) as catalogue:
        memory: Memory = catalogue
        for number in range(50):
            page = page_of(index_file(f"thing-{number}.tar.gz"))
            memory.remember("source", page)
            assert memory.recall("source", "Thing", page.files[0].digests) == recalled(page)
            memory.put_validated(INDEX, '"1"', "text/html", b"body %d" % number)
            assert memory.get_validated(INDEX) == ('"1"', "text/html", b"body %d" % number)
            memory.put("key", str(number))
            assert memory.get("key") == str(number)


def test_all_is_there_when_it_was_closed(path: Path) -> None:
    with behind(path) as memory, ThreadPoolExecutor(8) as pool:
        for number in range(200):
            pool.submit(memory.put, f"key {number}", str(number))
    with SqliteCatalogue(path) as catalogue:
        assert [catalogue.get(f"key {number}") for number in range(200)] == [str(number) for number in range(200)]


def test_many_threads_read_their_own_words(path: Path) -> None:
    def work(memory: WriteBehind, name: str) -> bool:
        page = page_of(SDIST, WHEEL, project=name)
        memory.remember(name, page)
        memory.put(name, name)
        return memory.get(name) == name and memory.recall(name, name, SDIST.digests) == recalled(page)

    with behind(path) as memory, ThreadPoolExecutor(8) as pool:
        assert all(pool.map(partial(work, memory), [f"project-{number}" for number in range(40)]))


def test_a_run_that_only_reads_starts_no_thread(path: Path) -> None:
    with behind(path) as memory:
        assert memory.get("key") is None
        assert memory.recall("source", "thing", SDIST.digests) is None
        assert "catalogue" not in {thread.name for thread in threading.enumerate()}


def test_a_database_that_cannot_be_written_is_told_once_and_nobody_waits(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> SqliteCatalogue:
        raise StorageError("the catalogue cannot be opened")

    caplog.set_level("INFO")
    with WriteBehind(SqliteCatalogue(path), fails) as memory:
        for number in range(5):
            memory.put("key", str(number))
        assert memory.get("key") is None
    assert caplog.text.count("Nothing more is remembered: the catalogue cannot be opened") == 1
