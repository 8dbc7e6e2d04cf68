"""Whether the files of an output are those that ``fetch-deps`` put there, byte for byte."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from cachi2ish.core.outputs import DEPS, PAGES, OutputRecord
from cachi2ish.errors import StorageError
from cachi2ish.proof.interface import Finding, Verdict
from cachi2ish.simple_api.page_tree import tree_digest

_AGAIN = "run fetch-deps again"

_BOM = "bom.json"
_BUILD_CONFIG = ".build-config.json"


def files_of(output: Path) -> tuple[str, ...]:
    """Return the names of all that is in the directory that pip reads, sorted; empty where there is none."""
    try:
        with os.scandir(output / DEPS) as entries:
            return tuple(sorted(entry.name for entry in entries))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise _unreadable(output / DEPS, error) from error


def changed(output: Path, record: OutputRecord, names: tuple[str, ...], *, as_written: bool) -> Iterator[Finding]:
    """Yield what is not as it was written: files, bill of materials, pages, the record itself."""
    if not as_written:
        yield _disproved(_BUILD_CONFIG, "is not as fetch-deps wrote it")
    bill = _digest(output / _BOM)
    if bill is None:
        yield _disproved(_BOM, "is not there")
    elif bill != record.bom:
        yield _disproved(_BOM, "is not as fetch-deps wrote it")
    promised = dict(record.digests)
    for name, sha256 in sorted(promised.items()):
        found = _digest(output / DEPS / name) if name in names else None
        if found is None:
            yield _disproved(name, "is not there")
        elif found != sha256:
            yield _disproved(name, f"has other bytes than it had when it was fetched: its sha256 is {found}")
    if record.pages and _digest_of_pages(output / PAGES) != record.pages:
        yield _disproved(PAGES, "is not as fetch-deps wrote it")
    for name in names:
        if name not in promised:
            yield _disproved(name, "was not put there by fetch-deps, and pip may take it", "remove it")


def _digest_of_pages(tree: Path) -> str:
    found: list[Path] = []
    for folder, folders, names in os.walk(tree):
        found.extend(Path(folder, name) for name in names)
        found.extend(path for name in folders if (path := Path(folder, name)).is_symlink())
    return tree_digest({str(path.relative_to(tree)): bytes.fromhex(_digest(path) or "") for path in found})


def _disproved(subject: str, problem: str, mend: str = _AGAIN) -> Finding:
    return Finding(verdict=Verdict.DISPROVED, subject=subject, problem=problem, mend=mend)


def _digest(path: Path) -> str | None:
    try:
        # What is no regular file is not read: a pipe would be waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        return ""
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{path} cannot be read: {error.strerror}",
        hint="check the rights of the output",
        cause=(path, error.errno),
    )
