"""Files are copied as they arrive; the first failure by name is told at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from cachi2ish.core.artifacts import Blob
from cachi2ish.errors import StorageError
from cachi2ish.output.directories import OutputDirectories
from cachi2ish.services.fetch.placing import Placing


def blob(folder: Path, content: bytes) -> Blob:
    stored = Blob(sha256=content.hex().ljust(64, "0"), size=len(content), folder=folder)
    stored.path.parent.mkdir(exist_ok=True)
    stored.path.write_bytes(content)
    return stored


def test_a_file_is_there_at_once_and_the_first_of_a_name_stays(tmp_path: Path) -> None:
    with OutputDirectories().stage(tmp_path / "out") as staging:
        placing = Placing(staging)
        placing.place("a.tar.gz", blob(tmp_path, b"one"))
        (copy,) = tmp_path.glob(".out.staging-*/deps/pip/a.tar.gz")
        assert copy.read_bytes() == b"one"
        placing.place("a.tar.gz", blob(tmp_path, b"two"))
        placing.finish()
        assert copy.read_bytes() == b"one"
    assert not list(tmp_path.glob(".out.staging-*"))


def test_the_first_failure_by_name_is_raised_at_the_end(tmp_path: Path) -> None:
    gone = blob(tmp_path, b"gone")
    gone.path.unlink()
    with OutputDirectories().stage(tmp_path / "out") as staging:
        placing = Placing(staging)
        for name in ("b.tar.gz", "a.tar.gz", "c.tar.gz"):
            placing.place(name, gone)
        with pytest.raises(StorageError, match=r"^a\.tar\.gz cannot be placed"):
            placing.finish()
