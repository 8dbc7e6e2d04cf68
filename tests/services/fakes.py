"""The smallest things that services can work with: no network, no disk but a folder, no command line."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import NormalizedName

from cachi2ish.core.artifacts import Artifact, Blob
from cachi2ish.core.as_of import PackageDates
from cachi2ish.core.inventory import Inventory, VcsOrigin
from cachi2ish.core.modes import Mode
from cachi2ish.core.outputs import BuildConfig
from cachi2ish.core.pages import Page
from cachi2ish.core.requirements import Git, IndexOptions, Purpose
from cachi2ish.core.urls import Address
from cachi2ish.errors import (
    Cachi2ishError,
    DistributionError,
    GitError,
    InputError,
    NetworkError,
    ProjectNotFoundError,
    StorageError,
)
from cachi2ish.http.interface import Advance, OnSize, ignore_size
from cachi2ish.lockfiles.interface import DEFAULT, Lock, Selection
from cachi2ish.projects.interface import DeclaredMetadata
from cachi2ish.sbom.interface import CommitTime, no_time
from cachi2ish.sdists.interface import Identity
from cachi2ish.services.fetch.ports import IndexAddresses, Leniency, Run
from cachi2ish.services.progress import Arrival, Doing, Progress
from tests.support.clocks import Clock

#: The index that is asked when nobody names one.
PUBLIC = "https://i.test/simple"


def blob_of(content: bytes) -> Blob:
    """A blob that is nowhere: services pass it on and do not open it."""
    sha256 = hashlib.sha256(content).hexdigest()
    return Blob(sha256=sha256, size=len(content), folder=Path("/nowhere"))


@dataclass
class FakeDownloader:
    """Has ``files`` by address: content, or an error to raise. cached: addresses that need no network.

    declared: the sizes that servers state, by address, one after the other.
    """

    files: Mapping[str, bytes | Cachi2ishError]
    cached: frozenset[str] = frozenset()
    fetched: list[str] = field(default_factory=list)
    declared: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def fetch(self, artifact: Artifact, advance: Advance, on_size: OnSize = ignore_size) -> Blob:
        self.fetched.append(artifact.url.with_credentials)
        found = self.files.get(
            artifact.url.with_credentials, NetworkError(f"{artifact.url} is gone", origin=artifact.origin)
        )
        if isinstance(found, Cachi2ishError):
            raise found
        for size in self.declared.get(artifact.url.with_credentials, ()):
            on_size(size)
        if artifact.url.with_credentials not in self.cached:
            advance(len(found))
        return blob_of(found)


@dataclass
class FakeRepositories:
    """Archives by commit. kept: commits whose archive needs no network. checkout: where the source comes from."""

    archives: Mapping[str, bytes] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    checkout: VcsOrigin | GitError | None = None
    made: list[str] = field(default_factory=list)

    def origin(self, source: Path) -> VcsOrigin | None:
        if isinstance(self.checkout, GitError):
            raise self.checkout
        return self.checkout

    def committed_at(self, source: Path) -> datetime | None:
        return None

    def find(self, requirement: Git) -> Blob | None:
        return blob_of(self.archives[requirement.commit]) if requirement.commit in self.kept else None

    def archive(self, requirement: Git) -> Blob:
        self.made.append(requirement.commit)
        return blob_of(self.archives[requirement.commit])


@dataclass
class FakeLocks:
    """Locks by file, or an error to raise. read: files and what for, None for one of another format than pip's."""

    locks: dict[str, Lock | Cachi2ishError] = field(default_factory=dict)
    read: list[tuple[str, Purpose | None]] = field(default_factory=list)
    without_lock: InputError | None = None
    selections: list[Selection] = field(default_factory=list)

    def read_requirements(self, source: Path, file: str, purpose: Purpose, environ: Mapping[str, str]) -> Lock:
        return self._answer(file, purpose)

    def read_lock(
        self, source: Path, file: str, environ: Mapping[str, str], selection: Selection = DEFAULT
    ) -> Lock:
        self.selections.append(selection)
        return self._answer(file, None)

    def unlocked(self, source: Path, folder: str) -> InputError | None:
        return self.without_lock

    def _answer(self, file: str, purpose: Purpose | None) -> Lock:
        self.read.append((file, purpose))
        found = self.locks.get(file, Lock(file, ()))
        if isinstance(found, Cachi2ishError):
            raise found
        return found


@dataclass
class FakeProjects:
    """Names by path, each of them in version 1.0. unreadable: paths whose files are broken.

    built_with: by path.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    unreadable: frozenset[str] = frozenset()
    built_with: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def read(self, source: Path, path: str, vcs: VcsOrigin | None) -> DeclaredMetadata:
        if path in self.unreadable:
            raise InputError(f"{path}/pyproject.toml is broken")
        return DeclaredMetadata(self.names.get(path), "1.0" if path in self.names else None)

    def build_requires(self, pyproject: bytes | None) -> tuple[str, ...]:
        return ("setuptools",) if pyproject is None else (pyproject.decode(),)

    def read_build_requires(self, source: Path, path: str) -> tuple[str, ...]:
        return self.built_with.get(path, ())

    def read_origin(self, path: str, vcs: VcsOrigin | None) -> DeclaredMetadata:
        return DeclaredMetadata("of-the-origin", None)


@dataclass
class FakeIndex:
    """Pages by project, or an error to raise. requests: the projects that were looked up."""

    pages: Mapping[str, Page | Cachi2ishError] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    key: str = PUBLIC

    def page(self, project: NormalizedName, *_query: object, **_named: object) -> Page:
        self.requests.append(project)
        found = self.pages.get(project) or ProjectNotFoundError(project, PUBLIC)
        if isinstance(found, Cachi2ishError):
            raise found
        return found


@dataclass
class FakeSdists:
    """Archives by name: what they say, or an error to raise. opened: name and subdirectory, in order."""

    identities: Mapping[str, Identity | DistributionError | None]
    opened: list[tuple[str, str | None]] = field(default_factory=list)

    def identify(self, path: Path, filename: str, subdirectory: str | None = None) -> Identity | None:
        self.opened.append((filename, subdirectory))
        found = self.identities[filename]
        if isinstance(found, DistributionError):
            raise found
        return found


@dataclass
class FakeRecollection:
    """Remembers in a mapping."""

    facts: dict[str, str] = field(default_factory=dict)

    def get(self, key: str) -> str | None:
        return self.facts.get(key)

    def put(self, key: str, value: str) -> None:
        self.facts[key] = value


class FakeSbom:
    """Writes the name and version of each dependency, for what, and its files."""

    def pieces(self, inventory: Inventory, committed_at: CommitTime = no_time) -> Iterator[str]:
        return (
            f"{one.name} {one.version} {'build' if one.build else 'runtime'}"
            f" {' '.join(file.filename for file in one.files)}\n"
            for one in inventory.dependencies
        )


@dataclass
class FakeStaging:
    """An output that is a dictionary. broken: a path that cannot be written, nor made ahead.

    precreated: names of files that were made ahead, by folder; on_precreate is called before.
    """

    files: dict[str, str | Blob] = field(default_factory=dict)
    config: BuildConfig | None = None
    published: bool = False
    broken: str = ""
    precreated: dict[str, Sequence[str]] = field(default_factory=dict)
    on_precreate: Callable[[], object] = lambda: None

    def place(self, blob: Blob, filename: str) -> None:
        self._write(f"deps/pip/{filename}", blob)

    def write(self, path: str, content: str) -> None:
        self._write(path, content)

    def write_pieces(self, path: str, content: Iterable[str]) -> None:
        self._write(path, "".join(content))

    def precreate(self, folders: Iterable[str], names: Sequence[str]) -> None:
        self.on_precreate()
        for folder in folders:
            if folder == self.broken:
                raise StorageError(f"{folder} cannot be written")
            self.precreated[folder] = names

    def write_folder(self, path: str, contents: Mapping[str, str]) -> None:
        for name, content in contents.items():
            self._write(f"{path}/{name}", content)

    def write_build_config(self, config: BuildConfig) -> None:
        assert not self.published
        self.config = config

    def publish(self) -> None:
        self.published = True

    def _write(self, path: str, content: str | Blob) -> None:
        assert not self.published
        if path == self.broken:
            raise StorageError(f"{path} cannot be written")
        self.files[path] = content


@dataclass
class FakeOutputs:
    """One output. refused: raised when anybody asks for it."""

    staging: FakeStaging = field(default_factory=FakeStaging)
    refused: Cachi2ishError | None = None

    def check(self, directory: Path) -> None:
        if self.refused is not None:
            raise self.refused

    def has_files(self, directory: Path) -> bool:
        return False

    @contextmanager
    def stage(self, directory: Path) -> Iterator[FakeStaging]:
        yield self.staging

    def read_build_config(self, directory: Path) -> BuildConfig:
        raise NotImplementedError

    def is_as_written(self, directory: Path) -> bool:
        raise NotImplementedError


class NotedProgress(Progress):
    """Counts, and writes down what it was given."""

    def __init__(self) -> None:
        super().__init__(Clock())
        self.expected: list[int | None] = []
        self.sizes: list[tuple[int | None, int]] = []
        self.received = 0

    def add_file(self, size: int | None) -> None:
        super().add_file(size)
        self.expected.append(size)

    def resize(self, before: int | None, size: int) -> None:
        super().resize(before, size)
        self.sizes.append((before, size))

    def advance(self, size: int) -> None:
        super().advance(size)
        self.received += size


@dataclass
class Notes:
    """A reporter that writes everything down."""

    messages: list[tuple[str, str]] = field(default_factory=list)
    stages: list[Doing] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    progress: NotedProgress = field(default_factory=NotedProgress)
    shows_details: bool = True

    def debug(self, message: str) -> None:
        self.messages.append(("debug", message))

    def info(self, message: str) -> None:
        self.messages.append(("info", message))

    def warning(self, message: str) -> None:
        self.messages.append(("warning", message))

    def stage(self, doing: Doing) -> None:
        self.stages.append(doing)

    def arrived(self, arrival: Arrival) -> None:
        self.arrivals.append(arrival)


def a_run(notes: Notes | None = None, dates: PackageDates | None = None, *, permissive: bool = False) -> Run:
    """The settings of a run on a day in 2024 without a date of its own."""
    notes = notes or Notes()
    return Run(
        indexes=IndexAddresses(
            default=IndexOptions(), public=lambda: Address(PUBLIC), actual=lambda address: address
        ),
        dates=dates or PackageDates(),
        now=datetime(2024, 10, 1, tzinfo=UTC),
        environ={},
        concurrency=4,
        keeps=True,
        tool_version="7",
        reporter=notes,
        leniency=Leniency(Mode.PERMISSIVE if permissive else Mode.STRICT, notes),
    )
