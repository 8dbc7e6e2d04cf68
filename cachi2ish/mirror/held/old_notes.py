"""Takes over what earlier versions knew of the content of files beside the history, for one machine alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from cachi2ish.advice import Place
from cachi2ish.cache.interface import Recollection
from cachi2ish.files.os_errors import storage_errors
from cachi2ish.mirror.batches import in_batches
from cachi2ish.mirror.records import recollected

_LINE = re.compile("([0-9a-f]{64}) ([0-9a-f]{64})\n")

#: Facts in one transaction.
_AT_ONCE = 5000

#: What is remembered where it was done.
_DONE = "mirror\ntaken over"


class Facts(Protocol):
    """Where they belong: the history, see there."""

    def keys_without_sha256(self) -> Collection[str]:
        """Return the keys of all files of which no sha256 is stated."""
        ...

    def keep_content(self, key: str, sha256: str) -> str:
        """Write down what such a file is."""
        ...

    def keep_metadata(self, found: Mapping[str, str]) -> None:
        """Write down the digests of the metadata in wheels."""
        ...


def take_over(digests: Path, history: Facts, recollection: Recollection) -> None:
    """Write into the history what stands in the file ``digests``, which goes then, and in the catalogue."""
    problem = f"what was known of metadata in wheels, in {digests}, cannot be taken over"
    with storage_errors(problem, Place.MIRROR), suppress(FileNotFoundError):
        lines = digests.read_bytes().decode("ascii", "replace")
        for some in in_batches(_LINE.finditer(lines), _AT_ONCE):
            history.keep_metadata({one[1]: one[2] for one in some})
        digests.unlink()
    if recollection.get(_DONE) is None:
        for key in history.keys_without_sha256():
            sha256 = recollection.get(recollected(key))
            if sha256 is not None:
                history.keep_content(key, sha256)
        recollection.put(_DONE, "yes")
