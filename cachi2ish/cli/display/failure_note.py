"""What a ``fetch-deps`` that came to nothing has left behind, in a line for whoever wonders."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cachi2ish.errors import Cachi2ishError, DigestMismatchError, leaves

if TYPE_CHECKING:
    from cachi2ish.services.progress import Progress


@dataclass(slots=True, kw_only=True)
class FailureNote:
    """A run as far as it has come.

    progress: None before there is any. keeps: whether what has arrived outlives the run.
    """

    output: Path
    dry_run: bool
    progress: Progress | None = None
    keeps: bool = False

    def text(self, error: BaseException) -> str:
        """Return what is true after ``error``, as the end of a sentence; empty where nothing sure can be said."""
        if self.dry_run:
            return ""
        if self.progress is None:
            return self._of_output()
        if self.progress.counts().stage == "record":
            return ""  # the new output may have taken the place of the old one already
        return f"{self._of_output()}{self._of_cache(error, self.progress)}"

    def _of_output(self) -> str:
        there = os.path.lexists(self.output)  # False where nobody may look
        return f"{self.output} is as it was" if there else f"nothing was written to {self.output}"

    def _of_cache(self, error: BaseException, progress: Progress) -> str:
        counts = progress.counts()
        # More bytes are here than those of whole files out of the cache: a part of one has arrived.
        begun = counts.present > counts.cached_size and not _has_digest_mismatch(error)
        if not (self.keeps and (counts.fetched or begun)):
            return ""
        return "; what has arrived is in the cache, and the next run goes on from there"


def _has_digest_mismatch(error: BaseException) -> bool:
    # Of a file that is not the one that was promised nothing is kept.
    return isinstance(error, Cachi2ishError) and any(isinstance(one, DigestMismatchError) for one in leaves(error))
