"""Blobs and processes for the tests of this room."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cachi2ish.core.artifacts import Blob
from cachi2ish.core.digests import Digest
from cachi2ish.store.blobs import DiskBlobs


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
