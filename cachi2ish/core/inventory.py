"""What was fetched and for whom: the facts behind the bill of materials, before any SBOM format."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from cachi2ish.core.as_of import RecordedDates
from cachi2ish.core.digests import Digest
from cachi2ish.core.structs import compared_without


class VcsOrigin(Struct, frozen=True, kw_only=True):
    """Where a source tree comes from. url: redacted, without ``git+``; commit: 40 hexadecimal digits."""

    url: str
    commit: str


class MainPackage(Struct, frozen=True, kw_only=True, eq=False):
    """A package of the user's own source. path: relative to the source directory, "." for its root.

    version: None where the project does not state one. vcs: None where the source is no git checkout.
    guessed: the name is that of the folder, since nothing in the source or about it states one.
    """

    name: str
    version: str | None
    path: str = "."
    vcs: VcsOrigin | None = None
    guessed: bool = False

    __eq__, __hash__ = compared_without("guessed")


class InventoryFile(Struct, frozen=True, kw_only=True, order=True, gc=False):
    """A file in ``deps/pip``.

    url: redacted, where it came from. digests: all that was proved of it, its sha256 among them.
    verified: False where neither lock file nor index promised a strong digest.
    upload_time: aware, as the index states it; None where it does not, and for files of no index.
    """

    filename: str
    url: str
    size: int
    digests: tuple[Digest, ...]
    wheel: bool
    verified: bool = True
    upload_time: datetime | None = None


class FromIndex(Struct, frozen=True, kw_only=True, gc=False):
    """A package of an index.

    index: redacted address, "" where the lock file names the files and not their index. default: whether it is the
    one that a bare package URL speaks of.
    """

    index: str
    default: bool


class FromUrl(Struct, frozen=True, kw_only=True, gc=False):
    """url: redacted; digest: what the lock file asked for."""

    url: str
    digest: Digest


class FromGit(Struct, frozen=True, kw_only=True, gc=False):
    """A commit of a repository, and the folder in it that is the project."""

    vcs: VcsOrigin
    subdirectory: str | None = None


Source = FromIndex | FromUrl | FromGit


class Dependency(Struct, frozen=True, kw_only=True, cache_hash=True, gc=False):
    """One dependency, merged over all lock files that ask for it.

    name: normalised. version: the files' own, None where a URL or git archive states none.
    build: needed for building and by no runtime requirement. markers: sorted, as recorded.
    missing_hash_in: the requirements files that name no digest for it, sorted.
    required_by: the ``path`` of each main package that needs it, sorted; directly, where a lock file tells.
    lock_files: those other than requirements files that ask for it; groups: such a file, a space, and a group or
    an extra (``extra:s3``) of it that needs it. Both sorted.
    """

    name: str
    version: str | None
    source: Source
    files: tuple[InventoryFile, ...]
    build: bool = False
    markers: tuple[str, ...] = ()
    missing_hash_in: tuple[str, ...] = ()
    required_by: tuple[str, ...] = (".",)
    lock_files: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class RelaxationKind(StrEnum):
    """Each problem that permissive mode lets pass (``docs/reference/modes.md``)."""

    SDIST_METADATA = "sdist-without-metadata"
    PROJECT_METADATA = "project-metadata-unreadable"
    GIT_ORIGIN = "git-origin-unreadable"


class Relaxation(Struct, frozen=True, kw_only=True, order=True):
    """A problem that permissive mode has let pass. subject: what it is about. detail: one sentence."""

    kind: RelaxationKind
    subject: str
    detail: str


class Inventory(Struct, frozen=True, kw_only=True):
    """The whole. root: names the bill of materials; packages: what the input listed, by path.

    edges: from a dependency to one that it needs, as far as lock files tell; sorted.
    index_dates: of the packages that have one. index_digests: of the frozen days that all pages are in, as
    `DayDigests.recorded` has them. relaxations: what permissive mode has let pass, sorted.
    """

    root: MainPackage
    packages: tuple[MainPackage, ...]
    dependencies: tuple[Dependency, ...]
    tool_version: str
    index_dates: tuple[RecordedDates, ...] = ()
    index_digests: tuple[str, ...] = ()
    relaxations: tuple[Relaxation, ...] = ()
    edges: tuple[tuple[Dependency, Dependency], ...] = ()
