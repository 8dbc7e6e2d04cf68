"""What ``fetch-deps`` needs: protocols of the rooms by stage, and the settings and state of one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from msgspec import Struct, field

from cachi2ish.cache.interface import Recollection
from cachi2ish.core.as_of import Dating, PackageDates
from cachi2ish.core.inventory import Relaxation, RelaxationKind
from cachi2ish.core.modes import Mode
from cachi2ish.core.outputs import OTHER_TOOLS_ENVIRONMENT, PIP_ENVIRONMENT, EnvironmentVariable
from cachi2ish.core.requirements import Indexes, IndexOptions
from cachi2ish.core.structs import repr_without
from cachi2ish.core.urls import Address
from cachi2ish.errors import Cachi2ishError, leaves
from cachi2ish.http.interface import Downloader
from cachi2ish.index.interface import Index, MetadataFiles
from cachi2ish.lockfiles.interface import Exporter, LockFiles, RewriterOf
from cachi2ish.projects.interface import ProjectReader
from cachi2ish.sbom.interface import SbomWriter
from cachi2ish.sdists.interface import SdistReader
from cachi2ish.services.fetch.scheduler import SpareWork
from cachi2ish.services.progress import Reporter

if TYPE_CHECKING:
    from cachi2ish.build.interface import BuildFactsReader, Planner
    from cachi2ish.files.interface import SourceFiles
    from cachi2ish.git.interface import Repositories
    from cachi2ish.output.interface import Outputs


def no_spare_work(_threads: int, _bytes: int) -> None:
    """Return that there is none: `SpareWork` where nobody shares what he does."""


class Network(Struct, frozen=True):
    """What becomes possible once all lock files are read, since they say which hosts to trust.

    index: makes one index of a list of addresses, as of a date. Indexes of the same addresses share their pages,
    whatever the date.
    local: whether all this is in the cache, so that nobody has to wait for any of it.
    metadata: returns what reads that of wheels which are not fetched.
    spare_work: returns what threads can do for files that others are fetching, None for nothing.
    """

    index: Callable[[tuple[Address, ...], Dating], Index]
    downloader: Downloader
    local: bool = False
    metadata: Callable[[], MetadataFiles] | None = None
    spare_work: SpareWork = no_spare_work


#: Opens the network for the index options of all lock files. The path is of the source, whose files they may name.
Connect = Callable[[Sequence[IndexOptions], Path], Network]


class Sources(Struct, frozen=True):
    """What the stage "read" looks into: lock files, project files, and where the checkout comes from."""

    locks: LockFiles
    projects: ProjectReader
    repositories: Repositories


class Archives(Struct, frozen=True):
    """What tells which distribution a file is, and how it is built.

    sdists, facts: return what looks into one, which many runs do not need. planner: what finds build requirements.
    """

    sdists: Callable[[], SdistReader]
    recollection: Recollection
    facts: Callable[[], BuildFactsReader]
    planner: Callable[[], Planner]


class Results(Struct, frozen=True):
    """What the stage "record" writes."""

    outputs: Outputs
    sbom: SbomWriter
    rewriter_of: RewriterOf
    exporter: Exporter
    files: SourceFiles


class Ports(Struct, frozen=True):
    """What ``fetch-deps`` needs of the world, by stage: each stage is given its own.

    write_back: begins to write to the disk what the cache remembers by now; it returns at once and fails no run.
    """

    sources: Sources
    connect: Connect
    archives: Archives
    results: Results
    write_back: Callable[[], None]


class IndexAddresses(Struct, frozen=True, kw_only=True):
    """Which indexes are asked.

    default: what a lock file that names no index uses. public: returns the address of the index that is asked when
    nobody names one. actual: returns the address to ask instead of one that is named: another one where a proxy
    stands in for the public index.
    """

    default: IndexOptions
    public: Callable[[], Address]
    actual: Callable[[Address], Address]

    def of(self, indexes: Indexes) -> tuple[Address, ...]:
        """Return the addresses that are asked: those of the lock file, instead of the settings' or after them."""
        first = () if indexes.alone else (self.default.index_url or self.public(), *self.default.extra_index_urls)
        return tuple(dict.fromkeys(map(self.actual, (*first, *indexes.addresses))))


class Run(Struct, frozen=True, kw_only=True):
    """The settings of one run, its instant, and who is told.

    dates: of a package that declares none. now: the one instant from which durations count back, aware.
    environ: for ``${VAR}`` in requirements files. concurrency: files under way at once.
    keeps: whether what arrives outlives the run, in a cache.
    leniency: decides what becomes of problems that permissive mode lets pass.
    environment: what the output tells the build to set.
    require_fresh: whether a lock file that does not fit its project any more is an error.
    moved_hosts: the index that has the files which locks name at a host.
    export: where the lock of the input is written as a requirements file; None for nowhere.
    allow_empty: whether an output without files may take the place of one that has some.
    """

    indexes: IndexAddresses
    dates: PackageDates
    now: datetime
    environ: Mapping[str, str]
    concurrency: int
    keeps: bool
    tool_version: str
    reporter: Reporter
    leniency: Leniency
    environment: tuple[EnvironmentVariable, ...] = (*PIP_ENVIRONMENT, *OTHER_TOOLS_ENVIRONMENT)
    require_fresh: bool = False
    moved_hosts: Mapping[str, Address] = field(default_factory=dict)
    export: Path | None = None
    allow_empty: bool = False

    __repr__ = repr_without("environ")


class Leniency:
    """What one run has let pass. Safe to use from many threads."""

    def __init__(self, mode: Mode, reporter: Reporter) -> None:
        self._mode = mode
        self._reporter = reporter
        self._lock = Lock()
        self._relaxations: set[Relaxation] = set()

    def let_pass(self, error: Cachi2ishError, kind: RelaxationKind, subject: str) -> None:
        """Raise ``error`` in strict mode; in permissive mode warn of it, and remember it for the bill.

        subject: what the problem is about, such as a file name. ``error`` holds no credential.
        """
        if self._mode is Mode.STRICT:
            raise error
        for one in leaves(error):
            relaxation = Relaxation(kind=kind, subject=subject, detail=one.problem)
            with self._lock:
                new = relaxation not in self._relaxations
                self._relaxations.add(relaxation)
            if new:
                self._reporter.warning(f"permissive mode goes on ({kind}): {one}")

    @property
    def relaxations(self) -> tuple[Relaxation, ...]:
        """All of them, sorted."""
        with self._lock:
            return tuple(sorted(self._relaxations))
