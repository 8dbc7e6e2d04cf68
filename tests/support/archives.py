"""A folder as the one archive in which pipelines hand it on."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path


def archived(folder: Path) -> bytes:
    """What ``tar --sort=name`` makes of it: names, modes, times, owners and contents."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in (folder, *sorted(folder.rglob("*"))):
            archive.add(path, path.relative_to(folder.parent).as_posix(), recursive=False)
    return buffer.getvalue()
