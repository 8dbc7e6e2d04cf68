"""The history of package indexes as the rest of the mirror sees it: what was seen goes in, dated pages come out.

A page as of a `Cutoff` has what was there before it, by the rule of ``--index-date``: `Cutoff.admits`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from packaging.utils import NormalizedName

from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.pages import Page
from cachi2ish.mirror.history.engines.interface import HistoryPlace
from cachi2ish.mirror.pasts import DayCoverage, ProjectPast
from cachi2ish.mirror.records import (
    Changes,
    DatedPage,
    Due,
    FileChange,
    FrozenDay,
    Gone,
    HistoricFile,
    Holding,
    Instant,
    Look,
    Proof,
    Refusal,
    Registry,
    Status,
    Unchanged,
)


class Seal(Protocol):
    """Signs, and tells its own signatures from others (`cachi2ish.cache.memory.signing`)."""

    def sign(self, *facts: str) -> bytes:
        """Return the signature of ``facts``."""
        ...

    def has_signed(self, signature: object, *facts: str) -> bool:
        """Return whether ``signature`` is the one of ``facts``."""
        ...


class Pasts(Protocol):
    """What people ask. All methods raise `InputError` for a registry that has not been configured."""

    def project(
        self, registry: str, name: NormalizedName, *, versions: Collection[str] = (), at_once: bool = False
    ) -> ProjectPast:
        """Return what is known of a project, which may be nothing. versions: whose files are wanted one by one.

        A version is found however it is spelled. What files have is read once, and again after a look that has
        seen something else. at_once: leave out what takes longer than some milliseconds: see
        `ProjectPast.complete`.
        """
        ...

    def has_version(self, registry: str, name: NormalizedName, version: str) -> bool:
        """Return whether a project ever had a version that is spelled so."""
        ...

    def projects(
        self, registry: str, wanted: Mapping[NormalizedName, Collection[str]]
    ) -> dict[NormalizedName, ProjectPast]:
        """Return the same of many projects, by name, in a few statements. wanted: the versions of each."""
        ...

    def coverage(self, registry: str, cutoff: Cutoff | None, now: Instant) -> DayCoverage:
        """Return how much is known of all projects as of ``cutoff``; None for now."""
        ...

    def alike(self, registry: str, name: str, most: int) -> tuple[NormalizedName, ...]:
        """Return names of projects that were there and are like ``name``, the likeliest first."""
        ...


class Sightings(Protocol):
    """The log of one mirror as those need it who look at upstreams, and serve. In a database.

    Many threads and processes may share it.

    A look is one transaction: it is in the history whole, or not at all, whatever happens to the process::

        changes = history.observe("pypi", name, page, Look(seen_at=now, serial=page.last_serial))
        match history.page("pypi", name, Cutoff.parse("2024-10-01", now)):
            case DatedPage() as dated: ...
            case Refusal() as refusal: ...

    All methods raise `StorageError` where the database cannot be used, and `InputError` for a registry that has
    not been configured.
    """

    @property
    def database(self) -> str:
        """Which kind of database it is in, as its makers spell it."""
        ...

    @property
    def pasts(self) -> Pasts:
        """What is known, for people."""
        ...

    def configure(self, registry: Registry) -> None:
        """Enter a registry, or the rules that hold for it from now on. What is closed stays as it is."""
        ...

    def registries(self) -> tuple[Registry, ...]:
        """Return all, by name."""
        ...

    def observe(
        self, registry: str, project: NormalizedName, answer: Page | Gone | Unchanged, look: Look
    ) -> Changes:
        """Write down what the upstream said; the project is followed from then on."""
        ...

    def page(
        self, registry: str, project: NormalizedName, cutoff: Cutoff | None, *, observed_only: bool = False
    ) -> DatedPage | Refusal:
        """Return the page as of ``cutoff``; None for the newest that was seen. ``observed_only`` fails closed."""
        ...

    def projects(self, registry: str, cutoff: Cutoff | None) -> tuple[NormalizedName, ...]:
        """Return the followed projects that have a page as of ``cutoff``, by name."""
        ...

    def prove(self, registry: str, cutoff: Cutoff, project: NormalizedName, digest: str) -> Proof | None:
        """Return the proof that a page is in the frozen day with this digest; None where it is not.

        A day that is frozen again, once more projects are followed, has another digest; the first stays provable.
        """
        ...

    def frozen_days(self, registry: str, cutoff: Cutoff) -> tuple[FrozenDay, ...]:
        """Return what was frozen as of ``cutoff``, the newest first."""
        ...

    def file(self, key: str) -> tuple[HistoricFile, ...]:
        """Return all files with this key: the same bytes may be on several registries, and in several projects."""
        ...

    def track(self, registry: str, projects: Collection[NormalizedName], now: Instant) -> int:
        """Follow these; they are due at once. Return how many are new."""
        ...

    def due(self, registry: str, now: Instant, limit: int) -> tuple[Due, ...]:
        """Return projects that are to be looked at, those first that have waited longest."""
        ...

    def postpone(self, registry: str, project: NormalizedName, until: Instant) -> None:
        """Let a project be due again then, since the upstream fails or asks for it (``Retry-After``)."""
        ...

    def files_to_rescue(self, limit: int) -> tuple[HistoricFile, ...]:
        """Return files that have vanished, and of whose bytes nobody has said what became of them."""
        ...

    def rescued(self, file: HistoricFile, *, held: bool, now: Instant) -> None:
        """Write down that the mirror has the bytes of a vanished file, or that they cannot be had any more."""
        ...

    def content_of(self, key: str) -> str | None:
        """Return the sha256 of a file of which none is stated, by its key; None where nobody was served it yet."""
        ...

    def keep_content(self, key: str, sha256: str) -> str:
        """Write down what a file is of which no sha256 is stated; return what holds: the first that said so."""
        ...

    def metadata_of(self, wheels: Collection[str]) -> dict[str, str]:
        """Return the sha256 of the metadata in wheels, by their own, as far as it is known."""
        ...

    def wheels_of(self, metadata: Collection[str]) -> dict[str, list[str]]:
        """Return the wheels that have this metadata, by its sha256 and by their own, as far as they are known.

        It reads what is known of all wheels.
        """
        ...

    def keep_metadata(self, found: Mapping[str, str]) -> None:
        """Write down the sha256 of the metadata in wheels, by their own; what is known stays."""
        ...

    def try_claim_file(self, key: str) -> bool:
        """Return whether this process is the one of all machines that downloads a file, until `leave_file`.

        It is lost with the connection to the database, and with the process. Of processes on one machine, it
        tells nothing where the history is a file.
        """
        ...

    def leave_file(self, key: str) -> bool:
        """Let go of a claim; return False where it was lost meanwhile."""
        ...

    def status(self, now: Instant, registries: Collection[str] | None = None) -> Status:
        """Return how much is known. registries: those that count, None for all; ``size`` is of all in any case."""
        ...

    def claim_following(self) -> bool:
        """Return whether this process is the one that follows projects: the first that asks, until it ends.

        To be asked again before each round: a lock on a server is lost with the connection to it.
        """
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


class History(Sightings, Protocol):
    """All that there is to do with a log."""

    def freeze(self, registry: str, cutoff: Cutoff, now: Instant) -> FrozenDay:
        """Return the digest over all pages as of ``cutoff``, and write it down where all of them are closed."""
        ...

    def diff(
        self, registry: str, project: NormalizedName, before: Cutoff, after: Cutoff
    ) -> tuple[FileChange, ...]:
        """Return how two dates differ, by file name. Raises `InputError` for a project that nobody has seen."""
        ...

    def verify(self) -> tuple[str, ...]:
        """Return all that contradicts itself, as sentences: the database, the log, and days that were frozen."""
        ...

    def forget(self, registry: str, projects: Collection[NormalizedName]) -> frozenset[str]:
        """Follow these projects no more; what is known of them stays. Return those that were followed."""
        ...

    def holdings(self, keys: Collection[str], since: Instant) -> dict[str, Holding]:
        """Return what is known of the files with these keys; nothing for a key of which nothing is known.

        since: a look before then does not show that a registry has a file.
        """
        ...

    def keys_without_sha256(self) -> list[str]:
        """Return the keys of all files of which no sha256 is stated."""
        ...

    def at_rest(self) -> AbstractContextManager[None]:
        """Let no look be written down within the block, by whatever process."""
        ...

    def export(self, registry: str, write: Callable[[bytes], object], seal: Seal | None) -> str:
        """Write the history of a registry; the same history gives the same bytes. Return their digest."""
        ...

    def import_(self, registry: str, lines: Iterable[bytes], *, digest: str | None, seal: Seal | None) -> int:
        """Take the history of projects of which nothing is known yet, all or none; return how many.

        digest: what all bytes must have. seal: whose signature they must have. One of them there must be.
        Raises `DigestMismatchError` where they do not.
        """
        ...

    def copy_to(self, place: HistoryPlace, before: Callable[[], None] = lambda: None) -> int:
        """Copy everything into the empty database at ``place``, and compare; return how many rows that are.

        before: is called once it is sure that the database answers and is empty; what it raises ends the copy.
        All of it is there afterwards, or nothing. Raises `InputError` where something is known there already.
        """
        ...
