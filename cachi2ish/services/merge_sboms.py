"""``merge-sboms``: several bills of materials become one."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from cachi2ish.core.modes import SbomKind
from cachi2ish.errors import Cachi2ishError, InputError, StorageError, UsageError, raise_all
from cachi2ish.files.user_files import refuse_pipes
from cachi2ish.sbom.interface import MergedSbom, SbomFile, SbomMerger

#: So many bytes of a bill are read; those of large images have a few dozen million.
LARGEST = 500_000_000

_CHUNK = 1 << 20


def merge_sboms(
    paths: Sequence[Path], kind: SbomKind, name: str | None, merger: SbomMerger, largest: int = LARGEST
) -> MergedSbom:
    """Return one bill of ``kind`` for the files at ``paths``; the first counts where two contradict each other.

    name: of the document, None for that of the first. largest: bytes, of one file. Raises `UsageError` for
    fewer than two files, and `InputError` and `StorageError` for all that cannot be merged, all of them at once.
    """
    different = _different(paths)
    texts: list[SbomFile] = []
    errors: list[Cachi2ishError] = []
    for path in different.values():
        try:
            texts.append(SbomFile(str(path), _read(path, largest)))
        except Cachi2ishError as error:
            errors.append(error)
        except MemoryError:
            errors.append(InputError(f"there is not enough memory to read {path}"))
    if not texts:
        raise_all(errors)
    try:
        merged = merger.merge(texts, kind, name)
    except Cachi2ishError as error:
        raise_all([*errors, error])
        raise
    raise_all(errors)
    return merged


def _different(paths: Sequence[Path]) -> dict[str, Path]:
    """Return the files by their real place, as they are first named; raises `UsageError` for fewer than two."""
    if Path("-") in paths and not Path("-").exists():
        raise UsageError(
            "- is named, and standard input is not read",
            hint="name two or more files; what a command writes is one too: <(command)",
        )
    # Unlike Path.resolve, this raises nothing for links that go round in a circle: opening them will.
    different: dict[str, Path] = {}
    for path in paths:
        different.setdefault(os.path.realpath(path), path)
    if len(different) == 1:
        often = ", more than once" if len(paths) > 1 else ""
        raise UsageError(
            f"only {paths[0]} is named{often}, and it takes two different ones to merge",
            hint="name each bill of materials that is to become part of the whole",
        )
    return different


def _read(path: Path, largest: int) -> bytes:
    try:
        _check(path.stat(), path, largest)
        with path.open("rb", buffering=0) as file:
            return _content(file.read, path, largest)
    except FileNotFoundError:
        raise StorageError(f"{path} does not exist", hint="check the spelling of the file's name") from None
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error


def _check(status: os.stat_result, path: Path, largest: int) -> None:
    # Some devices never end, and some do something when they are read.
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISFIFO(status.st_mode):
        what = "a directory" if stat.S_ISDIR(status.st_mode) else "neither a file nor a pipe"
        raise InputError(f"{path} cannot be read: it is {what}", hint="name the files themselves")
    refuse_pipes(path, str(path))
    if status.st_size > largest:
        raise _too_large(path, largest)


def _content(read: Callable[[int], bytes], path: Path, largest: int) -> bytes:
    # Not all at once: the size of a pipe is not known, nor that of what /proc shows as files.
    chunks: list[bytes] = []
    size = 0
    while chunk := read(_CHUNK):
        size += len(chunk)
        if size > largest:
            raise _too_large(path, largest)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(path: Path, largest: int) -> InputError:
    return InputError(
        f"{path} has more than {largest} bytes, the most that are read of one file",
        hint="check that it is a bill of materials",
    )
