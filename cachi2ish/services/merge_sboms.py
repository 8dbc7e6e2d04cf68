"""``merge-sboms``: several bills of materials become one."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from cachi2ish.core.modes import SbomKind
from cachi2ish.errors import Cachi2ishError, InputError, StorageError, UsageError, raise_all
from cachi2ish.files.foreign import UnfitFileError, read_foreign
from cachi2ish.files.interface import ResultKind
from cachi2ish.sbom.interface import MergedSbom, SbomFile, SbomMerger

#: So many bytes of a bill are read; those of large images have a few dozen million.
LARGEST = 500_000_000

#: In either format, whoever has written it: of two bills one is often merged into the other.
BILL = ResultKind(
    "bill of materials",
    lambda beginning: (
        beginning.lstrip().startswith(b"{")
        and re.search(rb'"(?:bomFormat|SPDXID|spdxVersion)"', beginning) is not None
    ),
)


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
        if stat.S_ISCHR(path.stat().st_mode):
            raise _no_file(path)
        return read_foreign(path, largest, streams=True)
    except FileNotFoundError:
        raise StorageError(f"{path} does not exist", hint="check the spelling of the file's name") from None
    except IsADirectoryError:
        raise InputError(f"{path} cannot be read: it is a directory", hint="name the files themselves") from None
    except UnfitFileError as error:
        if error.errno == errno.EFBIG:
            raise _too_large(path, largest) from None
        if path.is_fifo():
            raise InputError(f"{path} {error.strerror}", hint=error.hint) from None
        raise _no_file(path) from None
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error


def _no_file(path: Path) -> InputError:
    return InputError(f"{path} cannot be read: it is neither a file nor a pipe", hint="name the files themselves")


def _too_large(path: Path, largest: int) -> InputError:
    return InputError(
        f"{path} has more than {largest} bytes, the most that are read of one file",
        hint="check that it is a bill of materials",
    )
