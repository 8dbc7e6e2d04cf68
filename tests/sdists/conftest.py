from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cachi2ish.projects.project_reader import SourceTreeReader
from cachi2ish.sdists.archive_reader import ArchiveReader
from cachi2ish.sdists.interface import Identity

Identify = Callable[..., Identity | None]


@pytest.fixture
def identify(tmp_path: Path) -> Identify:
    reader = ArchiveReader(SourceTreeReader())

    def run(content: bytes, filename: str, subdirectory: str | None = None) -> Identity | None:
        path = tmp_path / "blob"
        path.write_bytes(content)
        return reader.identify(path, filename, subdirectory)

    return run
