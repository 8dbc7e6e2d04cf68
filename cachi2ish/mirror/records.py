"""What the history and its readers tell one another: frozen data.

Instants are whole microseconds after 1970, UTC (`Instant`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from packaging.utils import NormalizedName

from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import Page
from cachi2ish.simple_api.refusal_reasons import RefusalReason

#: Microseconds after 1970-01-01T00:00:00Z.
Instant = int

SECOND: Instant = 1_000_000
HOUR: Instant = 3600 * SECOND
DAY: Instant = 24 * HOUR

#: What stands in the directory of a mirror: the history, where no other database has it, the files, the digests of
#: metadata in wheels as earlier versions had them, and the claims on files that are being downloaded.
HISTORY, FILES, METADATA_DIGESTS, DOWNLOADS = "history.sqlite", "files", "metadata-digests.txt", "downloads"

#: A note for each file that is still to be put into the store that all machines share.
UNSENT = "unsent"


def now_in_microseconds() -> Instant:
    """Return the time."""
    return time.time_ns() // 1000


class UntimedFiles(StrEnum):
    """What becomes of a file for which a registry states no upload time."""

    EXCLUDE = "exclude"
    FIRST_SEEN = "first-seen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """An index that is followed, and the rules for it. They come from the settings, at each start.

    name: in paths (``/r/<name>/…``) and on the command line. url: of its project pages, without credentials.
    untimed: a file without upload time is left out, or dated by when it was first seen.
    private: what is known of it is for those alone whom the upstream lets in.
    settling: how long after an instant a look at the upstream is certain to show all that was uploaded before.
    interval: how long after a look a project is due again.
    """

    name: str
    url: str
    untimed: UntimedFiles = UntimedFiles.EXCLUDE
    private: bool = False
    settling: Instant = 6 * HOUR
    interval: Instant = DAY


@dataclass(frozen=True, slots=True)
class Gone:
    """The upstream has no such project (HTTP 404, 410)."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The upstream says that the page is still the one that was seen last (HTTP 304)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What proves that a project was looked at.

    seen_at: when the upstream was asked: its answer is not older. serial: of the project (``_last-serial``), etag:
    as the upstream wrote it, digest: sha256 of the bytes of the answer; None where there is none.
    """

    seen_at: Instant
    serial: int | None = None
    etag: str | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricFile:
    """A file that was once listed: a name and its digests. Another digest makes it another file.

    key: what the file is called in addresses of the mirror: its sha256 (64 digits), or where the upstream states
    none, ``u`` and 63 digits that stand for its place and name: nothing but ``digests``, if any, proves its bytes.
    url: where the upstream has it, absolute. size: bytes, or None. metadata: digests of the metadata beside it
    (PEP 658), which may be none; None where the upstream has none. listed: whether the newest page lists it.
    """

    key: str
    registry: str
    project: NormalizedName
    filename: str
    url: str
    digests: frozenset[Digest]
    size: int | None
    metadata: frozenset[Digest] | None
    private: bool
    listed: bool

    def __repr__(self) -> str:
        # Without the address, which may hold a secret.
        return f"HistoricFile({self.registry}, {self.filename!r}, {self.key})"


def recollected(key: str) -> str:
    """Return what the sha256 of a file without one is remembered under, by its key (`HistoricFile.key`)."""
    return f"mirror\n{key}"


@dataclass(frozen=True, slots=True)
class Holding:
    """Files with one key. names: what they are called. listed: whether a registry had one at a recent look."""

    names: frozenset[str]
    listed: bool


class AlarmKind(StrEnum):
    """What an upstream never does unless something is wrong, or somebody wrongs it."""

    OTHER_BYTES = "other-bytes"  # a name with another digest than before
    OLD_PAGE = "old-page"  # a serial below one that was seen
    OTHER_TIME = "other-time"  # an upload time that differs from the one that was stated, or that is gone
    LATE_FILE = "late-file"  # uploaded, as it claims, before a look that did not show it
    REGISTERED_AGAIN = "registered-again"  # a project that was gone, or all of whose files were exchanged at once


@dataclass(frozen=True, slots=True, order=True)
class Alarm:
    """Something that a person should look at. text: a sentence without its final stop."""

    at: Instant
    registry: str
    project: NormalizedName
    kind: AlarmKind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a look has added to the history.

    ignored: the answer is older than what is known, by its serial or by when it was seen (or says that nothing has
    changed, where nothing is known); nothing but an alarm was added. vanished: files that the page does not list
    any more: their bytes are worth fetching now.
    """

    ignored: bool = False
    added: int = 0
    changed: int = 0
    vanished: tuple[HistoricFile, ...] = ()
    alarms: tuple[Alarm, ...] = ()


class Coverage(StrEnum):
    """Whether anybody looked at a project before the instant, or its state then is computed from a later look."""

    OBSERVED = "observed"
    COMPUTED = "computed"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedPage:
    """A project page as of an instant.

    page: its files have the addresses of the upstream; everything else is to be served as it stands here. Files
    are in the order in which they came. keys: of the files, in their order (`HistoricFile.key`).
    coverage: see there. unseen: how many of the files were first seen after the instant; their state is the first
    that was seen. by_first_sight: how many are dated by when they were first seen, as they have no upload time.
    closed: the page never changes again.
    digest: sha256 of the page (`cachi2ish.simple_api.page_digest`), which is its strong ETag.
    looked_at: when the upstream was last looked at. quarantined: whether the project is in quarantine by now.
    """

    page: Page
    keys: tuple[str, ...]
    coverage: Coverage
    unseen: int
    by_first_sight: int
    closed: bool
    digest: str
    looked_at: Instant
    quarantined: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """No page, and why. text: for the HTTP phrase and the client's output: a sentence without its final stop.

    looked_at: when the upstream was last looked at, None for never. It may change, however old the date is.
    """

    reason: RefusalReason
    text: str
    looked_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A project that is to be looked at. etag, serial: of the last look, for a conditional request."""

    registry: str
    project: NormalizedName
    etag: str | None
    serial: int | None
    looked_at: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenDay:
    """All pages of a registry as of an instant, as one digest: the root of a Merkle tree (RFC 9162, 2.1).

    Its leaves are the projects that have a page, by name: ``name NUL page digest``. digest: ``sha256:…``.
    provisional: how many of the pages are not closed: nothing was written down then, and another run may differ.
    open: some of these projects, by name.
    """

    registry: str
    cutoff: Cutoff
    digest: str
    projects: int
    provisional: int = 0
    open: tuple[NormalizedName, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """That a page is one of a frozen day. digest: of the page. path: from the leaf to the root (RFC 9162)."""

    digest: str
    position: int
    projects: int
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A file that two dates tell apart. change: ``added``, ``removed``, or what is different (``yanked``, …)."""

    filename: str
    change: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How much is known.

    projects: that were ever there, by registry; followed: that are looked at, there or not. overdue: since when a
    project is due. to_rescue, lost, held: vanished files, by what became of their bytes. size: of the database.
    alarms: the newest first, of all that there are (all_alarms).
    """

    projects: Mapping[str, int]
    followed: Mapping[str, int]
    files: int
    looks: int
    due: int
    overdue: Instant | None
    to_rescue: int
    lost: int
    held: int
    size: int
    alarms: tuple[Alarm, ...]
    all_alarms: int
