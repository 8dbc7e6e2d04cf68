"""What an index states about a project.

The field names follow the Simple repository API as far as it names them: PEP 503 (HTML), PEP 592 (yanked),
PEP 629 (API version), PEP 658 and 714 (metadata), PEP 691 (JSON), PEP 700 (upload time, size, versions),
PEP 740 (provenance) and PEP 792 (project status).
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import overload

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName

from cachi2ish.core.choose.reasons import Reason
from cachi2ish.core.digests import Digest, InvalidDigestError
from cachi2ish.core.distributions import by_version, possible_names, which_are
from cachi2ish.core.structs import compared_without

#: By far the most frequent digest, in its usual spelling: nothing to normalise.
_SHA256 = re.compile("[0-9a-f]{64}")

#: The status of a project whose files nobody should install (PEP 792).
QUARANTINED = "quarantined"

#: Versions that are looked for one by one; beyond that all names are grouped once.
_FEW_VERSIONS = 3

#: Pairs of an algorithm and a value, as an index states them: neither needs to be one that can be checked.
Hashes = tuple[tuple[str, str], ...]


class IndexFile(Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """One file of a project page. A page may list ten thousand: what few of them need is made on demand.

    filename: as the index states it, unchecked (PEP 691 ``filename``; in HTML the anchor's text).
    url: absolute, without fragment (PEP 691 ``url``, resolved against the page).
    hashes: PEP 691 ``hashes``, and what the URL's fragment states (PEP 503).
    requires_python: a specifier set as text (PEP 345, PEP 503), or None.
    yanked: PEP 592; yanked_reason may be empty.
    size: bytes (PEP 700), or None. upload_time: aware, UTC (PEP 700 ``upload-time``), or None.
    core_metadata: the hashes of the metadata that the index serves beside the file (PEP 658, PEP 714), which may
    be none; None where it serves no metadata.
    provenance: the URL of the file's attestations (PEP 740), or None.
    unreadable_time: what stands in the place of an upload time and is no instant (RFC 3339), shortened; or empty.
    """

    filename: str
    url: str
    hashes: Hashes = ()
    requires_python: str | None = None
    yanked: bool = False
    yanked_reason: str = ""
    size: int | None = None
    upload_time: datetime | None = None
    core_metadata: Hashes | None = None
    provenance: str | None = None
    unreadable_time: str = ""

    @property
    def digests(self) -> frozenset[Digest]:
        """The hashes that can be checked."""
        return digests_of(self.hashes)

    def __repr__(self) -> str:
        # Without the address, which may hold a secret.
        return f"IndexFile({self.filename!r}, {' '.join(sorted(map(str, self.digests)))})"


class ListedFiles(Sequence[IndexFile]):
    """The files of a page of which few are looked at: each is made when it is asked for.

    filenames: of all of them. packed: the page as its index sent it: JSON, gzip. It holds no credential, and can
    be read again without knowing where it came from.
    """

    def __init__(self, filenames: Sequence[str], packed: bytes) -> None:
        self.filenames = filenames
        self.packed = packed

    @abstractmethod
    def file(self, position: int) -> IndexFile:
        """Return the file at ``position``."""

    def __len__(self) -> int:
        return len(self.filenames)

    @overload
    def __getitem__(self, position: int, /) -> IndexFile: ...
    @overload
    def __getitem__(self, position: slice, /) -> tuple[IndexFile, ...]: ...
    def __getitem__(self, position: int | slice, /) -> IndexFile | tuple[IndexFile, ...]:
        return tuple(self)[position] if isinstance(position, slice) else self.file(position)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))


class Excluded(Struct, frozen=True):
    """A file that a page lists today and that does not count."""

    file: IndexFile
    reason: Reason


class Page(Struct, frozen=True, kw_only=True, eq=False, dict=True):
    """A project page.

    index: the address of the index that served it, redacted.
    files: in the order of the page; a tuple, or `ListedFiles`.
    status, status_reason: PEP 792 (``active``, ``archived``, ``quarantined``, ``deprecated``).
    versions: all versions of the project (PEP 700), as the index spells them; None where it states none.
    last_serial: the number of the project's last change on its index (PEP 691 ``_last-serial``), or None.
    cutoff: where the page is one of the past: only files uploaded before this instant are in ``files``.
    excluded: the others then, in the order of the page.
    fetched_at: the page is not older than this instant (aware): the start of the run that fetched it.
    None where that is not known. Where it is of several indexes, that of the oldest answer.
    lock: the lock file that names the files, where no index was used; ``index`` is then where they were found
    when it was written, "" where it does not say.
    from_cache: whether no request was made: the index may have more by now.
    behind: addresses of the indexes that were not used, since this one has the project.
    absent: those that were used and do not have it.
    parts: what each index said where several count together, see `together`; else empty.
    """

    project: NormalizedName
    index: str
    files: Sequence[IndexFile]
    status: str = "active"
    status_reason: str = ""
    versions: tuple[str, ...] | None = None
    last_serial: int | None = None
    cutoff: datetime | None = None
    excluded: tuple[Excluded, ...] = ()
    fetched_at: datetime | None = None
    lock: str = ""
    from_cache: bool = False
    behind: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    parts: tuple[Page, ...] = ()

    __eq__, __hash__ = compared_without("fetched_at", "from_cache")

    def each(self, change: Callable[[Page], Page]) -> Page:
        """Return the page with what ``change`` makes of what each index said."""
        return together(tuple(map(change, self.parts)), self.absent) if self.parts else change(self)

    @property
    def place(self) -> str:
        """Where the files are listed, as the end of a sentence: ``on https://…``, ``in pylock.toml``."""
        return f"in {self.lock}" if self.lock else f"on {self.index}"

    def files_of(self, version: str, *, arbitrary: bool = False) -> tuple[IndexFile, ...]:
        """Return the files whose names state this version, in the order of the page.

        Versions are compared by `cachi2ish.core.distributions.same_version`. A file that only ends like a wheel
        is among them too if its name begins with the project and the version.
        """
        return tuple([self.files[position] for position in self.positions_of(version, arbitrary=arbitrary)])

    def positions_of(self, version: str, *, arbitrary: bool = False) -> Sequence[int]:
        """Return where `files_of` stand in ``files``."""
        found = self._known_positions.get((version, arbitrary))
        if found is None:
            found = self._known_positions[version, arbitrary] = self._found(version, arbitrary=arbitrary)
        return found

    def _found(self, version: str, *, arbitrary: bool) -> list[int]:
        if len(self._known_positions) >= _FEW_VERSIONS:
            meant = which_are(version, self.positions, arbitrary=arbitrary)
            return sorted(chain.from_iterable(map(self.positions.__getitem__, meant)))
        # Most runs ask for one version: to find those of all files takes five times as long.
        names = self._names
        possible = possible_names(names, version)
        versions = by_version([names[position] for position in possible], self.project)
        meant = which_are(version, versions, arbitrary=arbitrary)
        return [possible[place] for place in sorted(chain.from_iterable(map(versions.__getitem__, meant)))]

    @cached_property
    def _known_positions(self) -> dict[tuple[str, bool], list[int]]:
        # Whoever keeps a page and whoever chooses from it ask for the same version.
        return {}

    @cached_property
    def positions(self) -> Mapping[str, list[int]]:
        """From versions, as the names of files state them, to where these stand in ``files``."""
        return by_version(self._names, self.project)

    @property
    def _names(self) -> Sequence[str]:
        files = self.files
        return files.filenames if isinstance(files, ListedFiles) else [one.filename for one in files]


def together(pages: Sequence[Page], absent: Sequence[str] = ()) -> Page:
    """Return what several indexes say of a project as one page: digests tell which of the files is meant.

    pages: not empty, in the order of the indexes; the status of the first is that of all, and one behind it that
    suspects the project adds nothing. absent: indexes that do not have the project.
    """
    first, *others = pages
    parts = (first, *(one for one in others if one.status != QUARANTINED))
    if len(parts) == 1 or first.status == QUARANTINED:
        return replace(first, absent=tuple(absent))
    times = [one.fetched_at for one in parts if one.fetched_at is not None]
    return Page(
        project=first.project,
        index=" or ".join(one.index for one in parts),
        files=tuple(chain.from_iterable(one.files for one in parts)),
        status=first.status,
        status_reason=first.status_reason,
        cutoff=first.cutoff,
        excluded=tuple(chain.from_iterable(one.excluded for one in parts)),
        fetched_at=min(times, default=None),
        from_cache=any(one.from_cache for one in parts),
        absent=tuple(absent),
        parts=parts,
    )


def digests_of(hashes: Iterable[tuple[str, str]]) -> frozenset[Digest]:
    """Return the digests made of (algorithm, value); what cannot be checked is left out."""
    found = []
    for algorithm, value in hashes:
        if algorithm == "sha256" and _SHA256.fullmatch(value):
            found.append(Digest(algorithm, value))
            continue
        try:
            found.append(Digest.of(algorithm, value))
        except InvalidDigestError:
            continue
    return frozenset(found)
