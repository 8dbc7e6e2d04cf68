"""Output directories as the other rooms see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from cachi2ish.core.artifacts import Blob
from cachi2ish.core.outputs import BuildConfig


class Staging(Protocol):
    """An output directory being assembled beside the one that is there."""

    def place(self, blob: Blob, filename: str) -> None:
        """Put a copy of ``blob`` into ``deps/pip`` under a plain file name.

        The same file twice is the same as once. Raises `DistributionError` where the name is taken by other
        content, or is none; `StorageError`. Safe to call from many threads.
        """
        ...

    def write(self, path: str, content: str) -> None:
        """Write a text file (UTF-8) below the output directory. Raises `StorageError`."""
        ...

    def write_pieces(self, path: str, content: Iterable[str]) -> None:
        """Write a text file as `write` does, piece by piece."""
        ...

    def write_folder(self, path: str, contents: Mapping[str, str]) -> None:
        """Write text files into one folder below the output directory, by plain names. Raises `StorageError`."""
        ...

    def precreate(self, folders: Iterable[str], names: Sequence[str]) -> None:
        """Make files of these names in each of the folders while there is time, so that they need but be filled.

        What nobody writes is not in the output. Raises `StorageError`.
        """
        ...

    def write_build_config(self, config: BuildConfig) -> None:
        """Write ``.build-config.json``, by which an output is recognised. Raises `StorageError`."""
        ...

    def publish(self) -> None:
        """Take the place of the earlier output, whole."""
        ...


class Outputs(Protocol):
    """Output directories."""

    def check(self, directory: Path) -> None:
        """Raise what `stage` would raise for what is at ``directory`` now, before any work is done for it."""
        ...

    def has_files(self, directory: Path) -> bool:
        """Return whether an output at ``directory`` has files to install. Raises `StorageError`."""
        ...

    def stage(self, directory: Path) -> AbstractContextManager[Staging]:
        """Begin an output; leaving the context without `Staging.publish` leaves the earlier one untouched.

        Raises `StorageError` where there are no rights or no space, and `InputError` where ``directory`` is a
        file or holds something that is no output.
        """
        ...

    def read_build_config(self, directory: Path) -> BuildConfig:
        """Return what an earlier ``fetch-deps`` recorded; raises `InputError` where there is none."""
        ...

    def is_as_written(self, directory: Path) -> bool:
        """Return whether what ``fetch-deps`` recorded is still as it was written, byte for byte."""
        ...
