"""The only place that names concrete classes: it builds what the services work with, and takes it down again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from cachi2ish import __version__
from cachi2ish.cli.reporting import ConsoleReporter
from cachi2ish.cli.settings import Flags, Settings, load_settings
from cachi2ish.core.dated import Dating
from cachi2ish.core.requirements import IndexOptions
from cachi2ish.errors import StorageError
from cachi2ish.git.repositories import GitRepositories
from cachi2ish.index.dated import DatedIndex
from cachi2ish.index.default import default_index_url
from cachi2ish.index.first_match import FirstMatch
from cachi2ish.index.interface import Index
from cachi2ish.index.once import OncePerRun
from cachi2ish.index.remembered import Remembered
from cachi2ish.index.simple import SimpleIndex
from cachi2ish.index.upload_times import MetadataDocuments, TimedIndex
from cachi2ish.lockfiles.interface import Rewriter
from cachi2ish.lockfiles.pip_requirements import PipRequirementsReader
from cachi2ish.lockfiles.rewriting import RequirementsRewriter
from cachi2ish.net.downloader import FileDownloader
from cachi2ish.net.interface import Http
from cachi2ish.net.session import HttpSession
from cachi2ish.projects.reader import SourceTreeReader
from cachi2ish.sbom.cyclonedx import CycloneDxWriter
from cachi2ish.sdists.reader import ArchiveReader
from cachi2ish.services.ports import Connect, Network, Ports
from cachi2ish.store.blobs import DiskBlobs
from cachi2ish.store.catalogue import SqliteCatalogue
from cachi2ish.store.interface import BlobStore, Outputs, SourceFiles
from cachi2ish.store.output import OutputDirectories
from cachi2ish.store.source_files import DiskFiles


def outputs() -> Outputs:
    """Return access to output directories."""
    return OutputDirectories()


def files() -> SourceFiles:
    """Return access to the user's files."""
    return DiskFiles()


def rewriter() -> Rewriter:
    """Return what rewrites requirements files."""
    return RequirementsRewriter()


@contextmanager
def ports(flags: Flags, reporter: ConsoleReporter) -> Iterator[Ports]:
    """Yield the ports of ``fetch-deps``; connections, the catalogue and a temporary cache end with the block."""
    # The only look at the clock: all durations of a run count back from one instant.
    settings = load_settings(flags, os.environ, _home(), datetime.now(UTC))
    for note in settings.notes:
        reporter.warning(note)
    with ExitStack() as stack:
        cache_dir = settings.cache_dir or _temporary(stack)
        blobs = DiskBlobs(cache_dir)
        catalogue = stack.enter_context(SqliteCatalogue(cache_dir / "catalogue.sqlite"))
        projects = SourceTreeReader()
        yield Ports(
            locks=PipRequirementsReader(),
            rewriter=rewriter(),
            projects=projects,
            repositories=GitRepositories(blobs, catalogue, settings.environ),
            sdists=ArchiveReader(projects),
            recollection=catalogue,
            outputs=outputs(),
            sbom=CycloneDxWriter(),
            connect=_connector(settings, blobs, catalogue, stack, reporter.retry),
            default_indexes=settings.indexes,
            default_index_url=cache(default_index_url),
            default_dates=settings.dates,
            now=settings.now,
            environ=settings.environ,
            concurrency=settings.concurrency,
            tool_version=__version__,
        )


def _home() -> Path | None:
    try:
        home = Path.home()
    except RuntimeError:  # no HOME, and a user without an entry in the password database
        return None
    return home if home.is_absolute() else None


def _temporary(stack: ExitStack) -> Path:
    try:
        # A transfer that was abandoned may still be writing while it is removed.
        folder = stack.enter_context(TemporaryDirectory(prefix="cachi2ish-", ignore_cleanup_errors=True))
    except OSError as error:
        raise StorageError(
            f"no temporary directory can be made: {error.strerror}",
            hint="set TMPDIR to a directory that you may write to",
        ) from error
    return Path(folder)


def _connector(
    settings: Settings,
    blobs: BlobStore,
    catalogue: SqliteCatalogue,
    stack: ExitStack,
    told: Callable[[str], None],
) -> Connect:
    def connect(stated: Sequence[IndexOptions]) -> Network:
        everything = (settings.indexes, *stated)
        trusted = tuple(host for options in everything for host in options.trusted_hosts)
        credentials = tuple(
            url for options in everything for url in (options.index_url, *options.extra_index_urls) if url
        )
        http = stack.enter_context(
            HttpSession(replace(settings.http, trusted_hosts=trusted, credentials=credentials), told=told)
        )
        return Network(index=_indexes(http, catalogue), downloader=FileDownloader(http, blobs))

    return connect


def _indexes(http: Http, catalogue: SqliteCatalogue) -> Callable[[tuple[str, ...], Dating], Index]:
    # One object for each address: two lists of indexes that share one share its pages too.
    @cache
    def single(address: str) -> Index:
        return OncePerRun(SimpleIndex(address, http, catalogue))

    @cache
    def several(addresses: tuple[str, ...]) -> Index:
        return OncePerRun(Remembered(FirstMatch([single(address) for address in addresses]), catalogue))

    @cache
    def timed(addresses: tuple[str, ...]) -> Index:
        documents = {single(address).key: MetadataDocuments(address, http) for address in addresses}
        return OncePerRun(TimedIndex(several(addresses), documents, catalogue))

    def index(addresses: tuple[str, ...], dating: Dating) -> Index:
        if dating.cutoff is None:
            return several(addresses)
        return DatedIndex(timed(addresses), dating.cutoff, dating.missing)

    return index
