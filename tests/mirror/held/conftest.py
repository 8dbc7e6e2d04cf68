"""A machine with a disk and a shared store that fails where it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.core.artifacts import Blob
from cachi2ish.core.digests import Digest
from cachi2ish.http.verification import key_of
from cachi2ish.mirror.held.interface import (
    Reading,
    SharedFiles,
    SharedStoreAwayError,
    SharedStoreError,
    SharedStoreFullError,
    StoredFile,
)
from cachi2ish.mirror.held.shared.sharing import StoreSharing
from cachi2ish.mirror.held.shared.upload_queue import UploadQueue
from tests.support.shared_files import files_in, new_place


class Scripted:
    """A real store of files that fails where it is told to. asked, put_there: what was asked of it, and put."""

    def __init__(self, files: SharedFiles) -> None:
        self.name = files.name
        self.asked: list[str] = []
        self.put_there: list[str] = []
        self.failing: Callable[[str], SharedStoreError | None] = lambda _sha256: None
        self.failing_to_put: Callable[[str], SharedStoreError | None] = lambda _sha256: None
        self._files = files

    def check(self) -> None:
        self._files.check()

    def size_of(self, sha256: str) -> int | None:
        self._expect(sha256)
        return self._files.size_of(sha256)

    def read(self, sha256: str, start: int = 0) -> Reading | None:
        self._expect(sha256)
        return self._files.read(sha256, start)

    def put(
        self, sha256: str, path: Path, size: int, *, replace: bool = False, go_on: Callable[[], None] | None = None
    ) -> bool:
        self._expect(sha256)
        self.put_there.append(sha256)
        error = self.failing_to_put(sha256)
        if error is not None:
            raise error
        return self._files.put(sha256, path, size, replace=replace, go_on=go_on)

    def remove(self, sha256: str) -> None:
        self._files.remove(sha256)

    def all(self) -> Iterator[StoredFile]:
        return self._files.all()

    def _expect(self, sha256: str) -> None:
        self.asked.append(sha256)
        error = self.failing(sha256)
        if error is not None:
            raise error


class Machine:
    """A machine with a disk and a shared store. now: seconds."""

    def __init__(self, directory: Path, files: SharedFiles) -> None:
        self.now = 0.0
        self.blobs = DiskBlobs(directory / "files")
        self._unsent = directory / "unsent"
        self._files = files
        self.begin()

    def begin(self) -> None:
        """Let the process begin anew."""
        self.unsent = UploadQueue(self._unsent)
        self.sharing = StoreSharing(self._files, self.unsent, unfinished=key_of, clock=lambda: self.now)

    def add(self, content: bytes) -> Blob:
        with self.blobs.writer(f"of {content[:9]!r}", ()) as writer:
            writer.write(content)
            return writer.commit()

    def find(self, key: str) -> Blob | None:
        return self.blobs.find([Digest("sha256", key)])

    def is_lost(self) -> bool:
        return self.sharing.is_lost

    def is_full(self) -> bool:
        return self.sharing.is_full

    def bring(self, sha256: str) -> Blob | None:
        return self.sharing.bring(sha256, None, self.blobs, lambda _size: None)


@pytest.fixture
def store() -> Scripted:
    return Scripted(files_in(new_place()))


@pytest.fixture
def machine(store: Scripted, tmp_path: Path) -> Machine:
    return Machine(tmp_path, store)


def away(_sha256: str) -> SharedStoreError:
    return SharedStoreAwayError("it does not answer", hint="wait")


def full(_sha256: str) -> SharedStoreError:
    return SharedStoreFullError("the bucket is full")
