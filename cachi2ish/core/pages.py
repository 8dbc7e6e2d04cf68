"""What an index states about a project.

The field names follow the Simple repository API as far as it names them: PEP 503 (HTML), PEP 592 (yanked),
PEP 629 (API version), PEP 691 (JSON), PEP 700 (upload time, size) and PEP 792 (project status).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from packaging.utils import NormalizedName

from cachi2ish.core.digests import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFile:
    """One file of a project page.

    filename: as the index states it, unchecked (PEP 691 ``filename``; in HTML the anchor's text).
    url: absolute, without fragment (PEP 691 ``url``, resolved against the page).
    digests: PEP 691 ``hashes``, or the URL's fragment; what cannot be checked is left out.
    requires_python: a specifier set as text (PEP 345, PEP 503), or None.
    yanked: PEP 592; yanked_reason may be empty.
    size: bytes (PEP 700), or None. upload_time: aware, UTC (PEP 700 ``upload-time``), or None.
    """

    filename: str
    url: str = field(repr=False)
    digests: frozenset[Digest] = frozenset()
    requires_python: str | None = None
    yanked: bool = False
    yanked_reason: str = ""
    size: int | None = None
    upload_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Withheld:
    """A file that a page lists today and that does not count. reason: why, as the end of "not taken: …"."""

    file: IndexFile
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A project page.

    index: the address of the index that served it, redacted.
    files: in the order of the page; where it was asked for some versions only, not all of them: then it is
    ``partial``.
    status, status_reason: PEP 792 (``active``, ``archived``, ``quarantined``, ``deprecated``).
    cutoff: where the page is one of the past: only files uploaded before this instant are in ``files``.
    withheld: the others then, in the order of the page.
    asked: the page is not older than this instant (aware), at which the run began that asked the index for it;
    None where that is not known. Where the page was put together of several answers, that of the oldest.
    """

    project: NormalizedName
    index: str
    files: tuple[IndexFile, ...]
    partial: bool = False
    status: str = "active"
    status_reason: str = ""
    cutoff: datetime | None = None
    withheld: tuple[Withheld, ...] = ()
    asked: datetime | None = field(default=None, compare=False)
