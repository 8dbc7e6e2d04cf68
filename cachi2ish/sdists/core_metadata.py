"""Core metadata as installers read it: the METADATA of a wheel, and the text of a PKG-INFO."""

from __future__ import annotations

from pathlib import Path

from packaging.utils import canonicalize_name

from cachi2ish.sdists.forward import Budget, Limits
from cachi2ish.sdists.interface import CoreMetadata
from cachi2ish.sdists.members import reading
from cachi2ish.sdists.metadata import read_core_metadata

_FILE = "METADATA"
_FOLDER = ".dist-info"


class InstallersMetadata:
    """Implements `cachi2ish.sdists.interface.MetadataReader`: archives are read as streams."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()

    def of_wheel(self, path: Path, filename: str) -> CoreMetadata | None:
        """Return what the wheel says; raises `DistributionError` and `StorageError`."""
        project = canonicalize_name(filename.partition("-")[0])
        with reading(path, filename, Budget(self._limits), f"{_FOLDER}/{_FILE}") as members:
            for member in members:
                folder, *rest = member.parts
                # As pip: by the beginning, since not all names of folders are escaped.
                if folder.endswith(_FOLDER) and rest == [_FILE] and canonicalize_name(folder).startswith(project):
                    return self.of_text(member.read())
        return None

    def of_text(self, content: bytes) -> CoreMetadata | None:
        """Return what the text of such a file says, or None where it names no project."""
        return read_core_metadata(content)
