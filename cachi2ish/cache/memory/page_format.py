"""Index pages as bytes of the catalogue, and back: whole, and quick to read for a few versions.

A page of ten thousand files is asked for the ten of one version, run after run. So the files stand in runs of one
version each, and only those that are asked for become objects again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, groupby

from msgspec import DecodeError, Raw, Struct
from msgspec.msgpack import Decoder, Encoder
from packaging.utils import NormalizedName

from cachi2ish.core.distributions import which_are
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.core.urls import redact

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class _Run(Struct, array_like=True, gc=False):
    """Files that follow one another on the page, all of one version; empty for names that state none."""

    version: str
    files: Raw


class _Content(Struct, array_like=True, gc=False):
    """What is kept of a page beside its address, its project and its instant."""

    status: str
    status_reason: str
    versions: tuple[str, ...] | None
    last_serial: int | None
    runs: list[_Run]


_ENCODER = Encoder()
_CONTENT = Decoder(_Content)
_FILES = Decoder(tuple[IndexFile, ...])


def dump(page: Page) -> tuple[bytes, bool]:
    """Return a page as bytes, and whether all its files are in them.

    Left out are files whose addresses hold a credential, which must not be written anywhere, and those that cannot
    be written (half of a surrogate pair, a size beyond 2⁶⁴). Raises `ValueError` where the rest cannot be.
    """
    files = page.files
    if _may_show_credentials(files):
        files = tuple(file for file in files if _is_harmless(file))
    try:
        runs = list(_runs(page, files))
    except (ValueError, OverflowError):
        files = tuple(file for file in files if _can_be_written(file))
        runs = list(_runs(page, files))
    content = _Content(page.status, page.status_reason, page.versions, page.last_serial, runs)
    return _ENCODER.encode(content), len(files) == len(page.files)


def load(
    content: bytes, address: str, project: NormalizedName, fetched_at: datetime, versions: Collection[str] = ()
) -> Page:
    """Return the page with the files of ``versions`` (empty for all). Raises `msgspec.DecodeError`."""
    try:
        kept = _CONTENT.decode(content)
    except RecursionError:
        raise DecodeError("it is nested too deeply") from None
    known = {run.version for run in kept.runs}
    wanted = set(chain.from_iterable(which_are(one, known) for one in versions)) if versions else known
    return Page(
        project=project,
        index=address,
        files=tuple(chain.from_iterable(_FILES.decode(run.files) for run in kept.runs if run.version in wanted)),
        status=kept.status,
        status_reason=kept.status_reason,
        versions=kept.versions,
        last_serial=kept.last_serial,
        fetched_at=fetched_at,
    )


def to_microseconds(instant: datetime) -> int:
    """Return an aware instant as microseconds since 1970, UTC."""
    return (instant - _EPOCH) // _MICROSECOND


def from_microseconds(count: int) -> datetime:
    """Return the instant, in UTC; raises `OverflowError` for one that no calendar has."""
    return _EPOCH + timedelta(microseconds=count)


def _runs(page: Page, files: tuple[IndexFile, ...]) -> Iterator[_Run]:
    whole = page if files is page.files else Page(project=page.project, index=page.index, files=files)
    versions = [""] * len(files)
    for version, positions in whole.positions.items():
        for position in positions:
            versions[position] = version
    start = 0
    for version, run in groupby(versions):
        end = start + sum(1 for _ in run)
        yield _Run(version, Raw(_ENCODER.encode(files[start:end])))
        start = end


def _may_show_credentials(files: Iterable[IndexFile]) -> bool:
    # All addresses at once: a tenth of the time, for nearly all pages. See `redact`.
    text = "\n".join([file.url for file in files]) + "\n".join([file.provenance or "" for file in files])
    return "@" in text or "?" in text or "&" in text


def _is_harmless(file: IndexFile) -> bool:
    return all(redact(url) == url for url in (file.url, file.provenance or ""))


def _can_be_written(file: IndexFile) -> bool:
    try:
        _ENCODER.encode(file)
    except (ValueError, OverflowError):
        return False
    return True
