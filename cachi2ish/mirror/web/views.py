"""What the pages for people have: each class is the JSON twin of a page, and what its template is filled with.

Instants are texts (RFC 3339, UTC). ``date`` is as it stands in addresses: a day, an instant, or ``live``.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from cachi2ish.mirror.records import Coverage


class CopyLine(Struct, frozen=True):
    """Text to copy for one tool. where: a file that it belongs into, or empty for a command."""

    tool: str
    where: str
    text: str


class FrozenDigest(Struct, frozen=True):
    """A day as one digest, and over how many projects."""

    digest: str
    projects: int


class RegistryRow(Struct, frozen=True):
    """A registry that is served. projects, followed: how many; null for a private one."""

    name: str
    private: bool
    projects: int | None = None
    followed: int | None = None


class CoverageView(Struct, frozen=True, kw_only=True):
    """How much is known of a day, in projects.

    there: had a file by then; observed: of them, had been looked at by then; computed: of them, were first looked
    at later; closed: of them, have a page that never changes again.
    """

    there: int
    observed: int
    computed: int
    closed: int
    frozen: tuple[FrozenDigest, ...] = ()


class Health(Struct, frozen=True, kw_only=True):
    """Whether sync keeps up.

    alive: always true in an answer. due: projects that wait for a look; overdue: since when. alarms: of registries
    that are not private.
    """

    alive: bool
    due: int
    overdue: str | None
    alarms: int


class HomeView(Struct, frozen=True, kw_only=True):
    """The first page: how to use a date, and how much is known of it.

    coverage: null for an instant within a day, and for a private registry.
    """

    version: str
    registry: str
    date: str
    instant: str | None
    index: str
    registries: tuple[RegistryRow, ...]
    lines: tuple[CopyLine, ...]
    coverage: CoverageView | None
    health: Health


class Standing(StrEnum):
    """What a date has of a version or a file, and what became of it since."""

    THERE = "there"
    YANKED = "yanked"  # it was yanked then already
    YANKED_SINCE = "yanked-since"
    GONE = "gone"  # it was not listed any more then
    GONE_SINCE = "gone-since"
    LATER = "later"
    UNDATED = "undated"  # the registry states no upload time


class VersionRow(Struct, frozen=True, kw_only=True):
    """A version. uploaded: its first file. files: how many were there then; more: how many came later.

    since: when a look first saw what the standing says. reason: of a yank.
    """

    version: str
    standing: Standing
    uploaded: str | None
    files: int
    more: int = 0
    since: str | None = None
    reason: str = ""
    prerelease: bool = False
    newest: bool = False


class ProjectEvent(Struct, frozen=True):
    """Something that was seen to happen to the project as a whole."""

    at: str
    text: str


class ProjectCounts(Struct, frozen=True, kw_only=True):
    """How many versions stand how, and how many files were there."""

    files: int
    there: int
    yanked: int
    yanked_since: int
    gone: int
    gone_since: int
    later: int
    undated: int


class ProjectView(Struct, frozen=True, kw_only=True):
    """A project as of a date, and what became of it since.

    status: ``active``, or why no installer gets its files: ``not-yet``, ``deleted``, ``quarantined``, ``untimed``;
    other words are the index's own (PEP 792). coverage: whether somebody had looked by then. closed: it never
    changes again. looked_at: the newest look. stale: the registry does not answer now. versions: one page of them,
    the newest first, and then what came later.
    """

    registry: str
    project: str
    date: str
    instant: str | None
    status: str
    status_reason: str
    coverage: Coverage
    closed: bool
    stale: bool
    looked_at: str | None
    first_looked_at: str | None
    newest: str | None
    counts: ProjectCounts
    events: tuple[ProjectEvent, ...]
    lines: tuple[CopyLine, ...]
    versions: tuple[VersionRow, ...]
    page: int
    pages: int


class FileRow(Struct, frozen=True, kw_only=True):
    """A file. known: ``observed`` where it had been seen by then, ``computed`` where its upload time says it.

    since: when a look first saw what the standing says. path: from the root of the mirror.
    """

    filename: str
    standing: Standing
    uploaded: str | None
    first_seen: str
    known: Coverage
    size: int | None
    requires_python: str | None
    sha256: str | None
    path: str
    since: str | None = None
    reason: str = ""


class VersionView(Struct, frozen=True, kw_only=True):
    """The files of a version as of a date, and what became of them since."""

    registry: str
    project: str
    version: str
    date: str
    instant: str | None
    coverage: Coverage
    closed: bool
    stale: bool
    looked_at: str | None
    files: tuple[FileRow, ...]
    page: int
    pages: int


class ChangeRow(Struct, frozen=True):
    """A file that two dates tell apart.

    change: ``added``, ``removed``, or what is different; see ``mirror diff``.
    """

    filename: str
    change: str
    before: str = ""
    after: str = ""


class DiffView(Struct, frozen=True, kw_only=True):
    """How a project differs between two dates. changes: one page of them; of the project as a whole first.

    backwards: whether the second date is before the first.
    """

    registry: str
    project: str
    before: str
    after: str
    coverage: Coverage
    closed: bool
    stale: bool
    looked_at: str | None
    newest_before: str | None
    newest_after: str | None
    added: int
    removed: int
    changed: int
    changes: tuple[ChangeRow, ...]
    page: int
    pages: int
    backwards: bool = False


class AlarmRow(Struct, frozen=True):
    """Something that a person should look at."""

    at: str
    registry: str
    project: str
    kind: str
    text: str


class StateView(Struct, frozen=True, kw_only=True):
    """Sync and store. following: whether this process looks at what is due. due: projects; overdue: since when.

    counted_at: when the figures were right. to_rescue, lost: vanished files that are still to be fetched, and that
    cannot be had any more.
    database: its kind. files_place: ``disk``, or where in S3 files are kept; of those the disk has some, too.
    history_bytes, free_bytes: of the database, and free on the disk of this machine. alarms: the newest, of public
    registries.
    """

    version: str
    started_at: str
    counted_at: str
    registries: tuple[RegistryRow, ...]
    following: bool
    due: int
    overdue: str | None
    files: int
    looks: int
    to_rescue: int
    lost: int
    downloads: int
    database: str
    files_place: str
    history_bytes: int
    free_bytes: int
    alarms: tuple[AlarmRow, ...]


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why there is no such page (RFC 9457). suggestions: names of projects that may be meant."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    reason: str = ""
    suggestions: tuple[str, ...] = ()
