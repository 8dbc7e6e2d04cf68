"""What the services need of the world: every port is a protocol of a room, wired by the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from cachi2ish.cache.interface import Recollection
from cachi2ish.core.as_of import Dating, PackageDates
from cachi2ish.core.inventory import Mode, Relaxation, RelaxationKind
from cachi2ish.core.requirements import IndexOptions
from cachi2ish.errors import Cachi2ishError, leaves
from cachi2ish.git.interface import Repositories
from cachi2ish.http.interface import Downloader
from cachi2ish.index.interface import Index
from cachi2ish.lockfiles.interface import LockFiles, Rewriter
from cachi2ish.output.interface import Outputs
from cachi2ish.projects.interface import ProjectReader
from cachi2ish.sbom.interface import SbomWriter
from cachi2ish.sdists.interface import SdistReader
from cachi2ish.services.reporter import Reporter


@dataclass(frozen=True, slots=True)
class Network:
    """What becomes possible once all lock files are read, since they say which hosts to trust.

    index: makes the index for a list of addresses, the first of which that has a project wins, as of a date.
    Indexes of the same addresses share their pages, whatever the date.
    local: whether all this is in the cache, so that nobody has to wait for any of it.
    """

    index: Callable[[tuple[str, ...], Dating], Index]
    downloader: Downloader
    local: bool = False


#: Opens the network for the index options of all lock files.
Connect = Callable[[Sequence[IndexOptions]], Network]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The ports of ``fetch-deps``.

    default_indexes: what a lock file that names no index uses; the settings' addresses or PyPI's.
    default_index_url: of the index that is asked when nobody names one. actual_index: the address to ask instead
    of one that is named: another one where a proxy stands in for the public index.
    default_dates: of a package that states none. now: the one instant from which durations count back, aware.
    environ: for ``${VAR}`` in requirements files. concurrency: files under way at once.
    keeps: whether what arrives outlives the run, in a cache.
    leniency: decides what becomes of problems that permissive mode lets pass.
    """

    locks: LockFiles
    rewriter: Rewriter
    projects: ProjectReader
    repositories: Repositories
    sdists: SdistReader
    recollection: Recollection
    outputs: Outputs
    sbom: SbomWriter
    connect: Connect
    default_indexes: IndexOptions
    default_index_url: Callable[[], str]
    actual_index: Callable[[str], str]
    default_dates: PackageDates
    now: datetime
    environ: Mapping[str, str] = field(repr=False)
    concurrency: int
    keeps: bool
    leniency: Leniency
    tool_version: str


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
