"""Blobs and processes for the tests of this room."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.core.artifacts import Blob
from cachi2ish.core.digests import Digest
from cachi2ish.core.outputs import PIP_ENVIRONMENT, BuildConfig
from cachi2ish.output.interface import Outputs, Staging

CONFIG = BuildConfig("1", PIP_ENVIRONMENT)


def digest_of(content: bytes, algorithm: str = "sha256") -> Digest:
    return Digest(algorithm, hashlib.new(algorithm, content).hexdigest())


def keep(store: DiskBlobs, content: bytes, *algorithms: str, key: str = "key") -> Blob:
    with store.writer(key, algorithms) as writer:
        writer.restart()
        writer.write(content)
        return writer.commit()


def files_below(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir())


def start(program: str, *arguments: str | Path) -> subprocess.Popen[str]:
    """Run a Python program; it talks through its standard input and output."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


#: Nobody's.
STRANGER = 54_321

_AS_STRANGER = """
import os, shutil, sqlite3, sys
from pathlib import Path
os.chdir(sys.argv.pop(1))
stranger = int(sys.argv.pop(1))
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(stranger)
    os.setuid(stranger)
os.umask(0)
"""


def as_stranger(program: str, directory: Path, *arguments: str | Path) -> None:
    """Run a Python program in ``directory`` as another user, who may write there.

    Only root can become another user. For anybody else it is another process, which does the same things: it does
    not read what another user could not read.
    """
    subprocess.run(
        [sys.executable, "-I", "-c", _AS_STRANGER + program, directory, str(STRANGER), *map(str, arguments)],
        check=True,
        timeout=60,
    )


_AS_MEMBER = """
import os, sys
from pathlib import Path
from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.cache.memory.catalogue import SqliteCatalogue
from cachi2ish.cache.memory.signing import signer_with
from cachi2ish.cache.memory.page_format import load
from tests.cache.pages import INDEX, SDIST, kept, page_of
from tests.cache.support import digest_of, keep
cache, user, group = Path(sys.argv.pop(1)), int(sys.argv.pop(1)), int(sys.argv.pop(1))
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)
os.umask(0o007)
"""


def as_member(program: str, cache: Path, user: int, *arguments: str | Path) -> str:
    """Run a Python program as a user of the group `STRANGER`; return what it prints."""
    with start(_AS_MEMBER + program, cache, str(user), str(STRANGER), *arguments) as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return out


def share(cache: Path) -> None:
    """Let everybody write to all of a cache, as a careless umask does; keys stay their owner's."""
    for path in (cache, *cache.rglob("*")):
        if not path.is_symlink() and path.suffix != ".key":
            path.chmod(0o777 if path.is_dir() else 0o666)


@contextmanager
def small_disk(directory: Path, size: str = "256k") -> Iterator[Path]:
    """A file system with next to no space; skips the test where none can be mounted."""
    directory.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(directory)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system can be mounted by root only")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


def forbid_writing(disk: Path) -> None:
    """Make a file system of `small_disk` read-only, as a mounted cache may be."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


@contextmanager
def read_only_view(directory: Path, place: Path) -> Iterator[Path]:
    """The same directory a second time, at a place where nothing can be written."""
    place.mkdir()
    subprocess.run(["mount", "--bind", str(directory), str(place)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(place)], check=True)
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(staging: Staging, blob: Blob, *names: str, bom: str = "{}\n") -> None:
    for name in names:
        staging.place(blob, name)
    staging.write("bom.json", bom)
    staging.write_build_config(CONFIG)


def publish(outputs: Outputs, target: Path, blob: Blob, *names: str, bom: str = "{}\n") -> None:
    with outputs.stage(target) as staging:
        fill(staging, blob, *names, bom=bom)
        staging.publish()


def tree(directory: Path) -> dict[str, bytes]:
    return {name: (directory / name).read_bytes() for name in files_below(directory)}


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@contextmanager
def here(directory: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)
