"""SPDX 2.3 as JSON: the same bill as in CycloneDX, in the words of the other format.

The document is the same on any day and any machine. SPDX must say when a document was created: that is the index
date, where there is one, else what the caller says, else when the source was committed. The namespace is made from
the content.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cachi2ish.core.inventory import Inventory
from cachi2ish.sbom.cyclonedx.cyclonedx_bom import make_bom
from cachi2ish.sbom.cyclonedx.cyclonedx_model import Bom
from cachi2ish.sbom.document import EPOCH, latest, to_the_second
from cachi2ish.sbom.interface import CommitTime, no_time
from cachi2ish.sbom.spdx.to_spdx import render, to_spdx


class SpdxWriter:
    """A `SbomWriter` for SPDX 2.3 JSON.

    found_by, index_proxy: as of `CycloneDxWriter`. source_date: aware; when the document is to say
    that it was created, where no index date says it; None for no particular time.
    """

    def __init__(
        self,
        found_by: str,
        index_proxy: str | None = None,
        source_date: datetime | None = None,
    ) -> None:
        self._found_by = found_by
        self._index_proxy = index_proxy
        self._source_date = source_date

    def pieces(self, inventory: Inventory, committed_at: CommitTime = no_time) -> Iterator[str]:
        """Yield the document."""
        dated = latest(
            instant
            for dates in inventory.index_dates
            for instant in (dates.uploaded_before, *(override for _, override in dates.overrides))
        )
        created = to_the_second(dated or self._source_date or committed_at() or EPOCH)
        bom = Bom.model_validate(make_bom(inventory, self._found_by, self._index_proxy))
        yield render(to_spdx(bom, created))
