"""The smallest things that services can work with: no network, no disk but a folder, no command line."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cachi2ish.core.artifacts import Artifact, Blob
from cachi2ish.core.as_of import PackageDates
from cachi2ish.core.inventory import Mode
from cachi2ish.core.requirements import Git, IndexOptions
from cachi2ish.errors import Cachi2ishError, NetworkError
from cachi2ish.http.interface import Advance
from cachi2ish.services.fetch.ports import IndexAddresses, Leniency, Run
from cachi2ish.services.reporter import Arrival, Doing

#: The index that is asked when nobody names one.
PUBLIC = "https://i.test/simple"


def blob_of(content: bytes) -> Blob:
    """A blob that is nowhere: services pass it on and do not open it."""
    sha256 = hashlib.sha256(content).hexdigest()
    return Blob(sha256=sha256, size=len(content), path=Path("/nowhere") / sha256)


@dataclass
class FakeDownloader:
    """Has ``files`` by address: content, or an error to raise. cached: addresses that need no network."""

    files: Mapping[str, bytes | Cachi2ishError]
    cached: frozenset[str] = frozenset()
    fetched: list[str] = field(default_factory=list)

    def fetch(self, artifact: Artifact, advance: Advance) -> Blob:
        self.fetched.append(artifact.url)
        found = self.files.get(artifact.url, NetworkError(f"{artifact.url} is gone", origin=artifact.origin))
        if isinstance(found, Cachi2ishError):
            raise found
        if artifact.url not in self.cached:
            advance(len(found))
        return blob_of(found)


@dataclass
class FakeRepositories:
    """Archives by commit. kept: commits whose archive needs no network."""

    archives: Mapping[str, bytes] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    made: list[str] = field(default_factory=list)

    def origin(self, source: Path) -> None:
        return None

    def find(self, requirement: Git) -> Blob | None:
        return blob_of(self.archives[requirement.commit]) if requirement.commit in self.kept else None

    def archive(self, requirement: Git) -> Blob:
        self.made.append(requirement.commit)
        return blob_of(self.archives[requirement.commit])


@dataclass
class Notes:
    """A reporter that writes everything down."""

    messages: list[tuple[str, str]] = field(default_factory=list)
    stages: list[Doing] = field(default_factory=list)
    expected: list[int | None] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    received: int = 0

    def debug(self, message: str) -> None:
        self.messages.append(("debug", message))

    def info(self, message: str) -> None:
        self.messages.append(("info", message))

    def warning(self, message: str) -> None:
        self.messages.append(("warning", message))

    def stage(self, doing: Doing) -> None:
        self.stages.append(doing)

    def expect(self, size: int | None) -> None:
        self.expected.append(size)

    def advance(self, size: int) -> None:
        self.received += size

    def arrived(self, arrival: Arrival) -> None:
        self.arrivals.append(arrival)


def a_run(notes: Notes | None = None, dates: PackageDates | None = None, *, permissive: bool = False) -> Run:
    """The settings of a run on a day in 2024 without a date of its own."""
    notes = notes or Notes()
    return Run(
        indexes=IndexAddresses(default=IndexOptions(), public=lambda: PUBLIC, actual=str),
        dates=dates or PackageDates(),
        now=datetime(2024, 10, 1, tzinfo=UTC),
        environ={},
        concurrency=4,
        keeps=True,
        tool_version="7",
        reporter=notes,
        leniency=Leniency(Mode.PERMISSIVE if permissive else Mode.STRICT, notes),
    )
