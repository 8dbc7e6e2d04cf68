"""What a lock file asks for: a pinned project, an archive at a URL, or a git commit.

Each requirement knows the file and the line it stands on, so that an error about it can name them.
"""

from __future__ import annotations

from enum import Enum
from typing import cast

from msgspec import Struct
from msgspec.structs import force_setattr
from packaging.utils import NormalizedName, canonicalize_name

from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import IndexFile
from cachi2ish.core.urls import Address
from cachi2ish.errors import Origin


class Purpose(Enum):
    """What a requirement is needed for: to run the project, or to build one of its dependencies."""

    RUNTIME = "runtime"
    BUILD = "build"


class Formats(Enum):
    """Which kinds of distribution may be taken."""

    BOTH = "sdists and wheels"
    SDISTS = "sdists"
    WHEELS = "wheels"


#: What ``--no-binary`` and ``--only-binary`` call "every project".
ALL_PROJECTS = ":all:"


class FormatControl(Struct, frozen=True):
    """``--no-binary`` and ``--only-binary``: normalised project names, or `ALL_PROJECTS`."""

    no_binary: frozenset[str] = frozenset()
    only_binary: frozenset[str] = frozenset()

    def permits(self, project: str) -> Formats:
        """Return what the two options leave for a project; a name is stronger than ``:all:``, as in pip."""
        if project in self.only_binary:
            return Formats.WHEELS
        if project in self.no_binary:
            return Formats.SDISTS
        if ALL_PROJECTS in self.only_binary:
            return Formats.WHEELS
        if ALL_PROJECTS in self.no_binary:
            return Formats.SDISTS
        return Formats.BOTH


class Indexes(Struct, frozen=True):
    """The indexes that a lock file names for a requirement.

    addresses: in their order. alone: they take the place of those that the settings
    name, and do not come after them.
    """

    addresses: tuple[Address, ...] = ()
    alone: bool = False


_NO_INDEXES = Indexes()


class _Common(Struct, frozen=True, kw_only=True, gc=False):
    """What every requirement states.

    name: as typed, for messages. project: made of it, the name under which an index lists the project (PEP 503).
    extras: sorted. marker: the environment marker (PEP 508) as text, or None.
    """

    name: str
    extras: tuple[str, ...] = ()
    marker: str | None = None
    origin: Origin
    purpose: Purpose = Purpose.RUNTIME
    project: NormalizedName = cast("NormalizedName", "")

    def __post_init__(self) -> None:
        # A run asks each requirement some fifty times. Mostly it is the name, and then one text.
        normalized = canonicalize_name(self.name)
        force_setattr(self, "project", self.name if normalized == self.name else normalized)


class Pinned(_Common, frozen=True, kw_only=True, cache_hash=True, gc=False):
    """One exact version of a project on an index: ``name==1.2`` or ``name===1.2-odd``.

    digests: what the lock file allows (any one of them suffices, as in pip); empty where it states none.
    arbitrary: ``===``, compared as text (PEP 440, arbitrary equality).
    formats: the kinds of distribution that the lock file permits.
    files: what the lock file names itself, with address and digests (PEP 751); then no index is needed, and
    ``indexes`` only says where they were found. Empty where an index tells.
    """

    version: str
    arbitrary: bool = False
    digests: frozenset[Digest] = frozenset()
    indexes: Indexes = _NO_INDEXES
    formats: Formats = Formats.BOTH
    # Compared and hashed as all is, once for each pin: 0.01 ms for twenty files.
    files: tuple[IndexFile, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}{'===' if self.arbitrary else '=='}{self.version}"


class Url(_Common, frozen=True, kw_only=True, cache_hash=True, gc=False):
    """An archive or wheel at an address, with the one digest that it must have.

    url: as it is to be requested: variables expanded, fragment removed.
    versions: what the version in it must fulfil, a specifier set (PEP 440); "" for anything.
    """

    url: Address
    digest: Digest
    subdirectory: str | None = None
    versions: str = ""

    def __str__(self) -> str:
        return f"{self.name} @ URL"


class Git(_Common, frozen=True, kw_only=True, cache_hash=True, gc=False):
    """A commit of a git repository.

    url: of the repository, without the ``git+`` prefix, commit and fragment.
    commit: the full hexadecimal object name, 40 digits (SHA-1 repositories).
    versions: see `Url`.
    """

    url: Address
    commit: str
    subdirectory: str | None = None
    versions: str = ""

    def __str__(self) -> str:
        return f"{self.name} @ git {self.commit[:12]}"


Requirement = Pinned | Url | Git


class IndexOptions(Struct, frozen=True):
    """Which indexes the user's settings name, and what connections need to know.

    index_url: None where nothing is said. extra_index_urls: in order.
    trusted_hosts: ``host`` or ``host:port``, for which TLS certificates are not checked (pip's word).
    """

    index_url: Address | None = None
    extra_index_urls: tuple[Address, ...] = ()
    trusted_hosts: tuple[str, ...] = ()


class BuildSearch(Struct, frozen=True):
    """How build requirements are found.

    constraint_files: relative to the folder of the package. as_of_upload: sdists, or projects, that get a stage of
    their own.
    """

    constraint_files: tuple[str, ...] = ()
    as_of_upload: frozenset[str] = frozenset()
