"""Several bills of materials become one, whichever format each is in."""

from __future__ import annotations

from collections.abc import Sequence

from cachi2ish.core.modes import SbomKind
from cachi2ish.errors import InputError, Origin, raise_all
from cachi2ish.sbom.cyclonedx import cyclonedx_bom
from cachi2ish.sbom.cyclonedx.cyclonedx_model import Bom
from cachi2ish.sbom.document import EPOCH, latest, to_the_second
from cachi2ish.sbom.interface import MergedSbom, SbomFile
from cachi2ish.sbom.merge import merge_cyclonedx, merge_spdx, to_cyclonedx
from cachi2ish.sbom.merge.bom_reader import read
from cachi2ish.sbom.spdx import to_spdx
from cachi2ish.sbom.spdx.spdx_model import Document
from cachi2ish.sbom.wire import as_json


class Merger:
    """A `SbomMerger`. tool_version: of this program, which is named among those who made the bill."""

    def __init__(self, tool_version: str) -> None:
        self._tool_version = tool_version

    def merge(self, files: Sequence[SbomFile], kind: SbomKind, name: str | None) -> MergedSbom:
        """Return one bill; see `SbomMerger`."""
        bills = _read_all(files)
        if kind is SbomKind.CYCLONEDX:
            boms = [bill if isinstance(bill, Bom) else to_cyclonedx.to_cyclonedx(bill) for bill in bills]
            text = cyclonedx_bom.render(as_json(merge_cyclonedx.merge(boms, self._tool_version)))
        else:
            documents = [bill if isinstance(bill, Document) else _as_spdx(bill) for bill in bills]
            text = to_spdx.render(merge_spdx.merge(documents, self._tool_version, name))
        return MergedSbom(text, tuple(filter(None, map(_note, files, bills, [kind] * len(bills)))))


def _read_all(files: Sequence[SbomFile]) -> list[Bom | Document]:
    bills: list[Bom | Document] = []
    errors: list[InputError] = []
    for file in files:
        try:
            bills.append(read(file))
        except InputError as error:
            errors.append(error)
        except MemoryError:
            errors.append(
                InputError(
                    "there is not enough memory for what this file holds",
                    hint="give the process more memory, or a smaller bill of materials",
                    origin=Origin(file.name),
                )
            )
    raise_all(errors)
    return bills


def _as_spdx(bom: Bom) -> Document:
    created = latest([bom.metadata.timestamp if bom.metadata else None])
    return to_spdx.to_spdx(bom, to_the_second(created or EPOCH))


def _note(file: SbomFile, bill: Bom | Document, kind: SbomKind) -> str | None:
    if isinstance(bill, Bom):
        lost = to_spdx.unplaced(bill) if kind is SbomKind.SPDX else ()
    else:
        lost = to_cyclonedx.unplaced(bill) if kind is SbomKind.CYCLONEDX else ()
    name = "SPDX" if kind is SbomKind.SPDX else "CycloneDX"
    return f"{file.name}: {name} has no place for {', '.join(lost)}: left out" if lost else None
