"""Files and their states, as rows of the history and as project pages have them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from hashlib import sha256
from itertools import chain, groupby
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from packaging.utils import NormalizedName
from sqlalchemy import Connection, Result, Row, bindparam, literal_column, select

from cachi2ish.core.pages import Hashes, IndexFile, digests_of
from cachi2ish.core.urls import redact
from cachi2ish.mirror.history.tables import file, file_state, site
from cachi2ish.mirror.instants import instant_of, moment_of
from cachi2ish.mirror.records import HistoricFile, Instant

#: Of a key that is no sha256: before its bytes, and in its text.
_NO_SHA256 = b"\0"
_NO_SHA256_TEXT = "u"

_HEX_SHA256 = 64

#: Rows that are read together.
_AT_ONCE = 1000


class FileState(NamedTuple):
    """What an upstream says of a file at one look: the columns of ``file_state``, see there."""

    listed: bool
    upload_time: Instant | None
    size: int | None
    requires_python: str | None
    yanked: str | None
    metadata: str | None
    provenance: str | None

    @classmethod
    def of(cls, shown: IndexFile) -> FileState:
        """Return the state that a page states."""
        metadata = shown.core_metadata
        return cls(
            listed=True,
            upload_time=None if shown.upload_time is None else instant_of(shown.upload_time),
            size=shown.size,
            requires_python=shown.requires_python,
            yanked=shown.yanked_reason if shown.yanked else None,
            metadata=None if metadata is None else msgspec.json.encode(dict(metadata)).decode(),
            provenance=shown.provenance,
        )

    def followed_by(self, later: FileState) -> FileState:
        """Return the state after a look that states ``later``: a time or a size that was stated once stays."""
        return later._replace(
            upload_time=later.upload_time if self.upload_time is None else self.upload_time,
            size=later.size if self.size is None else self.size,
        )


class KnownFile(Struct, frozen=True, gc=False):
    """A file in a state. site, path: see the tables. state_from: since when it was seen in this state."""

    id: int
    generation: int
    filename: str
    version: str | None
    key: bytes
    hashes: str | None
    site: str
    path: str
    first_seen: Instant
    available: Instant | None
    state_from: Instant
    state: FileState

    @property
    def url(self) -> str:
        """Where the upstream has it."""
        return url_at(self.site, self.path, self.filename)

    @property
    def all_hashes(self) -> Hashes:
        """What the upstream states, sha256 first."""
        others: Hashes = () if self.hashes is None else tuple(msgspec.json.decode(self.hashes).items())
        return (("sha256", self.key.hex()), *others) if _is_sha256(self.key) else others

    def on_page(self) -> IndexFile:
        """Return the file as a page has it."""
        state = self.state
        return IndexFile(
            filename=self.filename,
            url=self.url,
            hashes=self.all_hashes,
            requires_python=state.requires_python,
            yanked=state.yanked is not None,
            yanked_reason=state.yanked or "",
            size=state.size,
            upload_time=None if state.upload_time is None else moment_of(state.upload_time),
            core_metadata=_metadata(state),
            provenance=state.provenance,
        )

    def historic(self, registry: str, project: NormalizedName, *, private: bool, exists: bool) -> HistoricFile:
        """Return the file as others see it. exists: whether the upstream has the project."""
        metadata = _metadata(self.state)
        return HistoricFile(
            key=key_text(self.key),
            registry=registry,
            project=project,
            filename=self.filename,
            url=self.url,
            digests=digests_of(self.all_hashes),
            size=self.state.size,
            metadata=None if metadata is None else digests_of(metadata),
            private=private,
            listed=exists and self.state.listed,
        )


def _metadata(state: FileState) -> Hashes | None:
    return None if state.metadata is None else tuple(msgspec.json.decode(state.metadata).items())


# What a file is known by.


def _is_sha256(key: bytes) -> bool:
    return len(key) == _HEX_SHA256 // 2


def key_of(registry: str, project: str, shown: IndexFile) -> bytes:
    """Return the key of a file: its sha256, or what stands for its place, name and other digests."""
    for algorithm, value in shown.hashes:
        if algorithm.lower() == "sha256" and len(value) == _HEX_SHA256:
            try:
                return bytes.fromhex(value)
            except ValueError:
                continue
    place = msgspec.json.encode((registry, project, shown.filename, sorted(shown.hashes)))
    return _NO_SHA256 + bytes.fromhex("0" + sha256(place).hexdigest()[1:])


def key_text(key: bytes) -> str:
    """Return a key as it stands in addresses."""
    return key.hex() if _is_sha256(key) else _NO_SHA256_TEXT + key.hex()[3:]


def key_bytes(text: str) -> bytes | None:
    """Return the key that stands in an address so; None for what is none."""
    if len(text) != _HEX_SHA256 or not text.isascii() or text != text.lower():
        return None
    try:
        if text.startswith(_NO_SHA256_TEXT):
            return _NO_SHA256 + bytes.fromhex("0" + text[1:])
        return bytes.fromhex(text)
    except ValueError:
        return None


def other_hashes(shown: IndexFile, key: bytes) -> str | None:
    """Return what a page states beside the sha256, as the table has it."""
    sha = key.hex() if _is_sha256(key) else ""
    others = {name: value for name, value in shown.hashes if value.lower() != sha}
    return msgspec.json.encode(others).decode() if others else None


def split_url(url: str, filename: str) -> tuple[str, str]:
    """Return site and path of a file's address, as the tables have them: no secret in it is kept."""
    url = redact(url)
    start = url.find("/", url.find("://") + 3) + 1 or len(url)
    site_url, path = url[:start], url[start:]
    if path.endswith("/" + filename) or path == filename:
        return site_url, path[: -len(filename)]
    # An address that has no file name at its end must not be given one.
    return site_url, path if path and not path.endswith("/") else path + "#"


def url_at(site_url: str, path: str, filename: str) -> str:
    """Return the address that was split so."""
    return site_url + path + filename if not path or path.endswith("/") else site_url + path.removesuffix("#")


# Reading.

_STATE = tuple(file_state.c[name] for name in FileState._fields)
_FILE = (
    file.c.id,
    file.c.generation_id,
    file.c.filename,
    file.c.version,
    file.c.key,
    file.c.hashes,
    site.c.url,
    file.c.path,
    file.c.first_seen,
    file.c.available,
)
_SELECTED = (
    select(*_FILE, file_state.c.seen_from, *_STATE)
    .join(file_state, file_state.c.file_id == file.c.id)
    .join(site, site.c.id == file.c.site_id)
)


# Made once: making a statement takes as long as executing it.
_IN_ORDER = _SELECTED.order_by(file.c.id, file_state.c.seen_from)
_OF_GENERATIONS = _IN_ORDER.where(file.c.generation_id.in_(bindparam("generations", expanding=True)))
_OF_THEN = _OF_GENERATIONS.where(file.c.available < bindparam("cutoff"))
# For digests of pages, which have the name of a file in the place of its address.
_BY_GENERATION = (
    select(
        *(literal_column("''").label(one.name) if one in {site.c.url, file.c.path} else one for one in _FILE),
        file_state.c.seen_from,
        *_STATE,
    )
    .join(file_state, file_state.c.file_id == file.c.id)
    .where(
        file.c.generation_id.in_(bindparam("generations", expanding=True)), file.c.available < bindparam("cutoff")
    )
    # As the index has them: nothing is sorted, and one project is in memory at a time.
    .order_by(file.c.generation_id, file.c.id, file_state.c.seen_from)
)
_OF_KEYS = _IN_ORDER.where(file.c.key.in_(bindparam("keys", expanding=True)))


def files_of(connection: Connection, generations: Collection[int], cutoff: Instant | None) -> Iterator[KnownFile]:
    """Yield the files that were there before ``cutoff``, in the state last seen before it, else the first seen.

    Those that were not listed then are among them. cutoff: None for all files, in the newest state.
    """
    chosen: dict[str, Any] = {"generations": list(generations)}
    if cutoff is None:
        yield from _folded(connection.execute(_OF_GENERATIONS, chosen), None)
    else:
        yield from _folded(connection.execute(_OF_THEN, {**chosen, "cutoff": cutoff}), cutoff)


def files_by_generation(
    connection: Connection, generations: Collection[int], cutoff: Instant
) -> Iterator[tuple[int, Iterator[KnownFile]]]:
    """Yield the same files as `files_of`, those of one generation after the other, as far as it has any.

    Their names are in the place of their addresses: that is what digests of pages are made of.
    """
    rows = connection.execute(_BY_GENERATION, {"generations": list(generations), "cutoff": cutoff})
    yield from groupby(_folded(rows, cutoff), key=attrgetter("generation"))


def files_named(connection: Connection, keys: Collection[bytes]) -> Iterator[KnownFile]:
    """Yield all files with these keys, in the newest state."""
    yield from _folded(connection.execute(_OF_KEYS, {"keys": list(keys)}), None)


def keys_without_sha256(connection: Connection) -> list[str]:
    """Return the keys of all files that are stated without one."""
    first = (file.c.key >= _NO_SHA256) & (file.c.key < b"\1")
    chosen = select(file.c.key).where(first).distinct()
    return [key_text(key) for key in connection.execute(chosen).scalars() if not _is_sha256(key)]


def files_numbered(connection: Connection, numbers: Collection[int]) -> Iterator[KnownFile]:
    """Yield the files with these numbers, in the newest state."""
    yield from _folded(connection.execute(_IN_ORDER.where(file.c.id.in_(numbers))), None)


def _folded(rows: Result[Any], cutoff: Instant | None) -> Iterator[KnownFile]:
    width = len(_FILE)
    chosen: Row[Any] | None = None
    for row in chain.from_iterable(rows.partitions(_AT_ONCE)):  # one by one, each would be fetched by itself
        if chosen is not None and chosen[0] != row[0]:
            yield _known(chosen, width)
            chosen = None
        # The first state that was seen stands for the time before; each later one counts from when it was seen.
        if chosen is None or cutoff is None or row[width] < cutoff:
            chosen = row
    if chosen is not None:
        yield _known(chosen, width)


def _known(row: Row[Any], width: int) -> KnownFile:
    facts: tuple[Any, ...] = (*row[: width + 1], FileState(*row[width + 1 :]))
    return KnownFile(*facts)
