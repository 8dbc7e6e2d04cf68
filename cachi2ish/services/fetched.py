"""A file that has come into the cache for a requirement."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cachi2ish.core.artifacts import Blob
from cachi2ish.core.digests import Digest
from cachi2ish.core.requirements import Requirement
from cachi2ish.sdists.interface import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file in the cache and the requirement that it is for.

    filename: what it will be called in the output. url: redacted. index: redacted, for files of an index.
    digests: what was promised and holds, and its sha256; verified: one of those promised was strong.
    identity: what the file says it is, None where it does not say.
    upload_time: aware, as the index states it, or None.
    """

    requirement: Requirement
    filename: str
    url: str = field(repr=False)
    index: str | None = None
    blob: Blob
    digests: tuple[Digest, ...]
    verified: bool
    identity: Identity | None
    upload_time: datetime | None = None
