"""Files outside cache and output, as the services see them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from msgspec import Struct


class ResultKind(Struct, frozen=True):
    """What a command writes into a file that the user names.

    name: what one is called in messages. is_own: whether a file is an earlier one, by its first 64 KiB.
    """

    name: str
    is_own: Callable[[bytes], bool]


class Writer(Protocol):
    """What bytes are written to."""

    def write(self, content: bytes, /) -> int:
        """Write all of ``content``, and return its length in bytes; raises `OSError`."""
        ...


class SourceFiles(Protocol):
    """Files outside cache and output: requirements files to rewrite, and results that a command writes."""

    def read(self, path: Path) -> bytes | None:
        """Return the content, None where there is no such file; raises `StorageError`."""
        ...

    def replace(self, path: Path, content: bytes, like: Path | None = None) -> None:
        """Write a file so that no reader sees half of it; raises `StorageError`.

        like: a file whose mode and owner a new one gets.
        """
        ...

    def check_result(self, path: Path, kind: ResultKind) -> None:
        """Raise `InputError` where a result of ``kind`` would take the place of something else.

        It may be written where nothing is, over an earlier result of the kind or an empty file, and to a device or
        a pipe. Links are followed. Raises `StorageError` for a directory.
        """
        ...

    def write_result(self, path: Path, content: bytes, kind: ResultKind) -> None:
        """Write a result as `replace` does; raises what `check_result` raises, and `StorageError`."""
        ...

    def writing_result(self, path: Path, kind: ResultKind) -> AbstractContextManager[Writer]:
        """Write a result of any length, which takes its place when the block ends, and not where it fails.

        A device or a pipe is written to at once. Raises as `write_result` does.
        """
        ...

    def append(self, path: Path, content: bytes) -> None:
        """Add lines to the end of a file, which need not be there; raises `StorageError`."""
        ...

    def remove(self, path: Path) -> None:
        """Remove a file if it is there; raises `StorageError`."""
        ...
