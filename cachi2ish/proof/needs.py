"""What an install needs, takes and lacks: the data of a resolution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from packaging.requirements import Requirement as Needed
from packaging.utils import NormalizedName, canonicalize_name

from cachi2ish.errors import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """What a file says that pip decides by.

    requires: ``Requires-Dist`` as written. requires_python: as written, or "". doubt: why ``requires`` may not be
    what a build of it will say, as a clause; "" where it is certain.
    """

    requires: tuple[str, ...] = ()
    requires_python: str = ""
    doubt: str = ""


#: Returns what a file says.
FactsOf = Callable[[str], FileFacts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A requirement, and who has it.

    needed: without its marker. text: as written. by: a file, or a lock file. certain: whether the target needs it
    in any case. files: where only these may be taken, else None. direct: the one file at an address. root: it is
    a line of the lock.
    """

    needed: Needed
    text: str
    by: str
    origin: Origin | None = None
    certain: bool = True
    files: frozenset[str] | None = None
    direct: str | None = None
    root: bool = False

    @property
    def project(self) -> NormalizedName:
        """The normalised name of what is needed."""
        return canonicalize_name(self.needed.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What pip takes of a project. tried: sdists that it has to look into before it passes over them."""

    filename: str
    project: NormalizedName
    version: str
    wheel: bool
    needs: tuple[Need, ...]
    tried: tuple[str, ...] = ()

    @property
    def built(self) -> tuple[str, ...]:
        """The sdists that pip builds for it, as far as it takes to know what they require."""
        return self.tried if self.wheel else (*self.tried, self.filename)

    @property
    def extras(self) -> frozenset[NormalizedName]:
        """All extras that are asked for."""
        return frozenset(canonicalize_name(extra) for need in self.needs for extra in need.needed.extras)


class Kind(Enum):
    """Why pip can take nothing of a project."""

    MISSING = "no file fulfils the requirement"
    TAGS = "what fulfils it is a wheel for other machines"
    FORMAT = "what fulfils it is of a kind that the lock forbids"
    PYTHON = "what fulfils it is for another Python"
    PATCH = "the patch version of Python decides"
    UNPINNED = "in hash mode, no line pins it"
    DIGEST = "in hash mode, no line has the digest of the file that pip takes"
    CONFLICT = "no file fulfils all that is asked"
    ADDRESS = "it is at an address, and pip has no network"
    ENDLESS = "what is chosen changes what is asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A project of which pip can take nothing.

    at: the requirement that fails. file: the one that it is about, "" for none. facts: Requires-Python, the
    versions that are there, or the other requirements. certain: pip has no way out. instead: where it may have
    one, the project and version that it may go back to, or "".
    """

    kind: Kind
    at: Need
    file: str = ""
    facts: tuple[str, ...] = ()
    certain: bool
    instead: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What is chosen, by project, and what fails."""

    chosen: Mapping[NormalizedName, Chosen]
    failures: tuple[Failure, ...]
