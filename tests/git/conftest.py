from __future__ import annotations

import hashlib
import subprocess
import tarfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cachi2ish.cache.interface import BlobWriter
from cachi2ish.core.artifacts import Blob, blob_path
from cachi2ish.core.digests import Digest
from cachi2ish.core.requirements import Git
from cachi2ish.core.urls import Address
from cachi2ish.errors import Origin
from cachi2ish.git.command import MEMORY
from cachi2ish.git.repositories import GitRepositories
from tests.support.git_server import GitServer, Repository, git_environment, git_server, make_repository

ORIGIN = Origin("requirements.txt", 3)

#: Python 3.11 has filters from 3.11.4 on, and Debian 12 has 3.11.2.
_FILTER: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


@dataclass
class Folder:
    """The smallest store: a folder of files called by their sha256."""

    path: Path

    def find(self, digests: Collection[Digest]) -> Blob | None:
        for digest in digests:
            file = blob_path(self.path, digest.value)
            if file.exists():
                return Blob(sha256=digest.value, size=file.stat().st_size, folder=self.path)
        return None

    @contextmanager
    def writer(self, key: str, algorithms: Iterable[str]) -> Iterator[BlobWriter]:
        yield Writing(self.path)

    def discard(self, key: str) -> None:
        raise NotImplementedError


@dataclass
class Writing:
    path: Path
    content: bytearray = field(default_factory=bytearray)
    offset: int = 0

    def write(self, chunk: bytes) -> None:
        self.content += chunk

    def restart(self) -> None:
        self.content.clear()

    def digest(self, algorithm: str, size: int = 0) -> Digest:
        return Digest.of(algorithm, hashlib.new(algorithm, self.content).hexdigest())

    def duplicate(self) -> int:
        raise NotImplementedError

    def commit(self) -> Blob:
        sha256 = self.digest("sha256").value
        blob = Blob(sha256=sha256, size=len(self.content), folder=self.path)
        blob.path.parent.mkdir(exist_ok=True)
        blob.path.write_bytes(self.content)
        return blob


class Memory(dict[str, str]):
    """The smallest recollection."""

    def put(self, key: str, sha256: str) -> None:
        self[key] = sha256


@dataclass
class Workbench:
    """Repositories to fetch from, and where what was fetched goes."""

    root: Path
    server: GitServer
    memory: Memory = field(default_factory=Memory)
    count: int = 0

    def repository(self, name: str = "project.git") -> Repository:
        return make_repository(self.root / "repositories" / name)

    def room(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        stall_seconds: float = 20.0,
        timeout: float | None = None,
        memory: int = MEMORY,
    ) -> GitRepositories:
        """A fresh room with an empty store, which shares only what is remembered."""
        self.count += 1
        store, scratch = self.root / f"store{self.count}", self.root / f"scratch{self.count}"
        store.mkdir()
        scratch.mkdir()
        return GitRepositories(
            Folder(store),
            self.memory,
            git_environment(**(environ or {})),
            scratch=scratch,
            stall_seconds=stall_seconds,
            timeout=timeout,
            memory=memory,
        )

    def fetch(self, url: str, commit: str, **environ: str) -> bytes:
        """The archive, made anew."""
        self.memory.clear()
        return self.room(environ).archive(wanted(url, commit)).path.read_bytes()

    def unpack(self, content: bytes) -> Path:
        self.count += 1
        packed, folder = self.root / f"archive{self.count}.tar.gz", self.root / f"unpacked{self.count}"
        packed.write_bytes(content)
        with tarfile.open(packed) as archive:
            archive.extractall(folder, **_FILTER)
        (top,) = folder.iterdir()
        return top

    def clone(self, repository: Repository, commit: str) -> Path:
        """What pip would build: a full clone with the commit checked out, submodules too."""
        self.count += 1
        folder = self.root / f"clone{self.count}"
        run_git(self.root, "clone", "--quiet", "--no-checkout", str(repository.path), str(folder))
        run_git(folder, "checkout", "--quiet", "--detach", commit)
        return folder


def wanted(url: str, commit: str, *, name: str = "project", subdirectory: str | None = None) -> Git:
    return Git(name=name, url=Address(url), commit=commit, subdirectory=subdirectory, origin=ORIGIN)


def run_git(folder: Path, *arguments: str, check: bool = True, **environ: str) -> str:
    run = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        check=check,
        capture_output=True,
        text=True,
        env=git_environment(**environ),
    )
    return run.stdout.rstrip("\n")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    (tmp_path / "repositories").mkdir()
    with git_server(tmp_path / "repositories") as server:
        yield Workbench(tmp_path, server)
