"""Source distributions as the other rooms see them: what an archive says it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Identity:
    """What an archive's own metadata says.

    version: None where it states none. extra_dependencies: those of its dependencies that ask for extras of a
    project, as ``Requires-Dist`` states them.
    """

    name: str
    version: str | None
    extra_dependencies: tuple[str, ...] = ()


class SdistReader(Protocol):
    """Looks into archives without unpacking or running anything."""

    def identify(self, path: Path, filename: str, subdirectory: str | None = None) -> Identity | None:
        """Return what the archive at ``path`` says it is.

        filename: what it is called (the ending decides how it is read). Core metadata (``PKG-INFO``) first,
        then the static metadata of ``pyproject.toml`` and its elders; None where nothing tells.
        Raises `DistributionError` for an archive that is broken or unsafe to unpack.
        """
        ...
