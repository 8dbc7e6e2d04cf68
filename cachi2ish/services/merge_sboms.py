"""``merge-sboms``: several bills of materials become one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cachi2ish.core.sboms import SbomKind
from cachi2ish.errors import Cachi2ishError, InputError, StorageError, raise_all
from cachi2ish.sbom.interface import MergedSbom, SbomFile, SbomMerger
from cachi2ish.store.interface import SourceFiles


def merge_sboms(
    paths: Sequence[Path], kind: SbomKind, name: str | None, merger: SbomMerger, files: SourceFiles
) -> MergedSbom:
    """Return one bill of ``kind`` for the files at ``paths``; the first counts where two contradict each other.

    name: of the document, None for that of the first. Raises `InputError` and `StorageError` for all files that
    cannot be merged, all of them at once.
    """
    different = {path.resolve(): path for path in reversed(paths)}
    if len(different) < 2:  # noqa: PLR2004  (it takes two to merge)
        raise InputError(
            f"{len(different)} file is named, and it takes two different ones to merge",
            hint="name each bill of materials that is to become part of the whole",
        )
    texts: list[SbomFile] = []
    errors: list[Cachi2ishError] = []
    for path in reversed(different.values()):
        try:
            texts.append(_read(path, files))
        except StorageError as error:
            errors.append(error)
    try:
        merged = merger.merge(texts, kind, name)
    except Cachi2ishError as error:
        raise_all([*errors, error])
        raise
    raise_all(errors)
    return merged


def _read(path: Path, files: SourceFiles) -> SbomFile:
    content = files.read(path)
    if content is None:
        raise StorageError(f"{path} does not exist", hint="check the spelling of the file's name")
    return SbomFile(str(path), content)
