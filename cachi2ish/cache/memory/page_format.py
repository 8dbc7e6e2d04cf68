"""Index pages as bytes of the catalogue, and back: whole, and quick to read for a few versions.

Of a page of ten thousand files a run needs the ten of one version, and the next run the same. A page in JSON is
kept as it came, compressed, and beside it the files of the versions that were chosen from: they are read alone.
The files of any other page stand in runs of one version each, and the runs in parts: only the part with a version
is read from the disk, and only the files of that version become objects again. A head says which versions are
where, and the sha256 of each stretch: who has proved the head has proved all that is read by it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from itertools import accumulate, chain, groupby
from typing import Protocol

from msgspec import DecodeError, Raw, Struct
from msgspec.msgpack import Decoder, Encoder
from packaging.utils import NormalizedName

from cachi2ish.cache.memory.signing import ForgedError
from cachi2ish.core.distributions import which_are
from cachi2ish.core.pages import IndexFile, ListedFiles, Page
from cachi2ish.core.urls import redact
from cachi2ish.errors import UnavailableError

#: Bytes of a part, at the least, but for the last one. Smaller ones are more to list, larger ones more to read.
_PART = 16 * 1024

#: Bytes of the number in front, which says how long the head is.
_NUMBER = 4

#: Bytes of a text, decompressed. No larger page is taken from an index.
_MOST = 40_000_000


class _Run(Struct, array_like=True, gc=False):
    """Files that follow one another on the page, all of one version; empty for names that state none."""

    version: str
    files: Raw


class _Part(Struct, array_like=True, gc=False):
    """Runs that follow one another: their versions, how many bytes they are, and the sha256 of these."""

    versions: list[str]
    size: int
    digest: bytes


class _Text(Struct, array_like=True, gc=False):
    """The page as it came, behind the only part: its bytes, and their sha256. versions: that the part is of."""

    versions: list[str]
    size: int
    digest: bytes


class _Head(Struct, array_like=True, gc=False):
    """What is kept of a page beside its address, its project and its instant. text: None where all is in parts."""

    status: str
    status_reason: str
    versions: tuple[str, ...] | None
    last_serial: int | None
    parts: list[_Part]
    text: _Text | None = None

    @property
    def stretches(self) -> list[tuple[int, int, bytes]]:
        """Of each part, and of the text: how many bytes there are before it and in it, and their sha256."""
        pieces: list[_Part | _Text] = [*self.parts, *([self.text] if self.text else [])]
        starts = accumulate((one.size for one in pieces), initial=0)
        return [(start, one.size, one.digest) for start, one in zip(starts, pieces, strict=False)]


_ENCODER = Encoder()
_HEAD = Decoder(_Head)
_RUNS = Decoder(list[_Run])
_FILES = Decoder(tuple[IndexFile, ...])


class Content(Protocol):
    """What a page is read from: a file, or a value of the database that is read in pieces."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most ``size`` of them."""
        ...

    def seek(self, offset: int, /) -> object:
        """Go on at ``offset`` bytes from the beginning."""
        ...


def dump(page: Page, versions: Collection[str] = ()) -> tuple[bytes, bool]:
    """Return a page as bytes, and whether all its files are in them. versions: those that are quick to read.

    Left out are files whose addresses hold a credential, which must not be written anywhere, and those that cannot
    be written (half of a surrogate pair, a size beyond 2⁶⁴). Raises `ValueError` where the rest cannot be.
    """
    files = page.files
    if isinstance(files, ListedFiles):
        return _with_text(page, files.packed, versions), True
    if _may_show_credentials(files):
        files = tuple(file for file in files if _is_harmless(file))
    try:
        runs = list(_runs(page, files))
    except (ValueError, OverflowError):
        files = tuple(file for file in files if _can_be_written(file))
        runs = list(_runs(page, files))
    bodies, parts = [], []
    for group in _grouped(runs):
        bodies.append(_ENCODER.encode(group))
        parts.append(_Part([run.version for run in group], len(bodies[-1]), sha256(bodies[-1]).digest()))
    return _joined(page, parts, bodies), len(files) == len(page.files)


def _with_text(page: Page, packed: bytes, versions: Collection[str]) -> bytes:
    wanted = {position for version in versions for position in page.positions_of(version)}
    body = _ENCODER.encode([page.files[position] for position in sorted(wanted)])
    part = _Part([], len(body), sha256(body).digest())
    text = _Text(sorted(versions), len(packed), sha256(packed).digest())
    return _joined(page, [part], [body, packed], text)


def _joined(page: Page, parts: list[_Part], bodies: Sequence[bytes], text: _Text | None = None) -> bytes:
    head = _ENCODER.encode(_Head(page.status, page.status_reason, page.versions, page.last_serial, parts, text))
    return b"".join((len(head).to_bytes(_NUMBER), head, *bodies))


def _grouped(runs: Iterable[_Run]) -> Iterator[list[_Run]]:
    group: list[_Run] = []
    size = 0
    for run in runs:
        group.append(run)
        size += len(run.files)
        if size >= _PART:
            yield group
            group, size = [], 0
    if group:
        yield group


def digest_of(content: bytes) -> bytes:
    """Return what proves a page: the sha256 of its head, which has those of its parts."""
    return sha256(_head(BytesIO(content))).digest()


def is_whole(content: bytes) -> bool:
    """Return whether each part is what the head says."""
    try:
        load(content, "", NormalizedName(""), datetime.min.replace(tzinfo=UTC))
        head = _head(BytesIO(content))
        kept = _HEAD.decode(head)
        place = _Place(BytesIO(content), _NUMBER + len(head), "", NormalizedName(""))
        end = place.offset + sum(len(place.read(*stretch)) for stretch in kept.stretches)
    except (ValueError, RecursionError):
        return False
    return end == len(content)


def _head(content: Content) -> bytes:
    return content.read(int.from_bytes(content.read(_NUMBER)))


def load(
    content: bytes, address: str, project: NormalizedName, fetched_at: datetime, versions: Collection[str] = ()
) -> Page:
    """Return the page with the files of ``versions`` (empty for all).

    Raises `msgspec.DecodeError`, and `ForgedError` for a part that is not what the head says.
    """
    return load_from(BytesIO(content), None, address, project, fetched_at, versions)


def load_from(
    content: Content,
    digest: bytes | None,
    address: str,
    project: NormalizedName,
    fetched_at: datetime,
    versions: Collection[str],
) -> Page:
    """Do the same for content that has to have a `digest_of`, reading of it no more than needed; None for any."""
    head = _head(content)
    if digest is not None and sha256(head).digest() != digest:
        raise ForgedError
    try:
        kept = _HEAD.decode(head)
    except RecursionError:
        raise DecodeError("it is nested too deeply") from None
    place = _Place(content, _NUMBER + len(head), address, project)
    files = _in_parts(kept, place, versions) if kept.text is None else _in_text(kept, kept.text, place, versions)
    return Page(
        project=project,
        index=address,
        files=files,
        status=kept.status,
        status_reason=kept.status_reason,
        versions=kept.versions,
        last_serial=kept.last_serial,
        fetched_at=fetched_at,
    )


class _Place(Struct, frozen=True):
    """Where the files of a page are read: behind the head, at ``offset``. address, project: of the page."""

    content: Content
    offset: int
    address: str
    project: NormalizedName

    def read(self, skipped: int, size: int, digest: bytes) -> bytes:
        """Return so many bytes; raises `ForgedError` where they are not those meant."""
        self.content.seek(self.offset + skipped)
        body = self.content.read(size)
        if sha256(body).digest() != digest:
            raise ForgedError
        return body


def _in_parts(kept: _Head, place: _Place, versions: Collection[str]) -> tuple[IndexFile, ...]:
    known = {version for part in kept.parts for version in part.versions}
    wanted = set(chain.from_iterable(which_are(one, known) for one in versions)) if versions else known
    files: list[IndexFile] = []
    for part, stretch in zip(kept.parts, kept.stretches, strict=True):
        if not wanted.isdisjoint(part.versions):
            for run in _runs_in(place.read(*stretch)):
                if run.version in wanted:
                    files.extend(_FILES.decode(run.files))
    return tuple(files)


def _in_text(kept: _Head, text: _Text, place: _Place, versions: Collection[str]) -> Sequence[IndexFile]:
    of_part, of_text = kept.stretches
    if versions and set(versions) == set(text.versions):
        return _FILES.decode(place.read(*of_part))
    # Imported here, since a run that asks for the same as the one before reads no text.
    from cachi2ish.simple_api.fields import PageSource  # noqa: PLC0415
    from cachi2ish.simple_api.json_listing import unpack_json  # noqa: PLC0415

    try:
        page = unpack_json(place.read(*of_text), _MOST, PageSource(place.project, place.address, place.address))
    except UnavailableError as error:
        raise DecodeError(str(error)) from error
    if not versions:
        return page.files
    positions = {position for one in versions for position in page.positions_of(one)}
    return tuple([page.files[position] for position in sorted(positions)])


def _runs_in(body: bytes) -> list[_Run]:
    try:
        return _RUNS.decode(body)
    except RecursionError:
        raise DecodeError("it is nested too deeply") from None


def _runs(page: Page, files: Sequence[IndexFile]) -> Iterator[_Run]:
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
