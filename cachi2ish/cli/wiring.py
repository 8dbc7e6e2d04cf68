"""Builds what the services work with, and takes it down again.

With ``wiring_network``, which puts indexes and the network together, the only place that names the concrete
classes of the rooms.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from cachi2ish import __version__
from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.cache.interface import Housekeeping
from cachi2ish.cache.memory.catalogue import SqliteCatalogue
from cachi2ish.cache.memory.signing import Signer, signer_with
from cachi2ish.cli.display.reporting import ConsoleReporter, log_messages_to
from cachi2ish.cli.process import home_directory, limit_malloc_arenas
from cachi2ish.cli.program import PROGRAM
from cachi2ish.cli.wiring_network import cache_alone, connector
from cachi2ish.core.lazy import Once
from cachi2ish.core.modes import SbomKind
from cachi2ish.core.outputs import OTHER_TOOLS_ENVIRONMENT, PIP_ENVIRONMENT
from cachi2ish.core.urls import Address, bare
from cachi2ish.errors import StorageError
from cachi2ish.files.scratch import scratch_directory
from cachi2ish.files.user_files import DiskFiles, is_file
from cachi2ish.git.repositories import GitRepositories
from cachi2ish.index.stack import default_index_url
from cachi2ish.lockfiles.readers import LOCK_NAMES, NamedReaders, rewriter_of
from cachi2ish.output.directories import OutputDirectories
from cachi2ish.projects.interface import ProjectReader
from cachi2ish.projects.project_reader import SourceTreeReader
from cachi2ish.sbom.interface import SbomMerger, SbomWriter
from cachi2ish.sdists.interface import SdistReader
from cachi2ish.services.fetch.ports import Archives, IndexAddresses, Leniency, Ports, Results, Run, Sources
from cachi2ish.settings.flags import Flags
from cachi2ish.settings.settings import Settings, cache_directory, cache_key, load_settings

if TYPE_CHECKING:
    from cachi2ish.build.interface import BuildFactsReader, Planner
    from cachi2ish.files.interface import SourceFiles
    from cachi2ish.lockfiles.interface import Lock, LockText, RewriterOf
    from cachi2ish.output.interface import Outputs
    from cachi2ish.proof.interface import BuildHooks, Prover
    from cachi2ish.sandbox.interface import HookRunner, Images
    from cachi2ish.sdists.text_reader import SeenTexts

#: Value of found_by; SBOM consumers match on it.
_HERMETO = "hermeto"

#: The database in the cache directory.
_CATALOGUE = "catalogue.sqlite"


def outputs() -> Outputs:
    """Return access to output directories."""
    return OutputDirectories()


def files() -> SourceFiles:
    """Return access to the user's files."""
    return DiskFiles()


def housekeeping(flags: Flags) -> Housekeeping:
    """Return access to the cache that the settings name, which need not be there; raises `InputError`."""
    from cachi2ish.cache.housekeeping import DiskHousekeeping

    directory = cache_directory(flags, os.environ, home_directory())
    return DiskHousekeeping(directory, directory / _CATALOGUE, _signer(cache_key(flags)))


def lock_names() -> tuple[str, ...]:
    """Return how lock files are called that are no requirements files, as patterns (`fnmatch`)."""
    return LOCK_NAMES


def rewriters() -> RewriterOf:
    """Return what finds the rewriter of a file."""
    return rewriter_of


def merger() -> SbomMerger:
    """Return what merges bills of materials."""
    from cachi2ish.sbom.merge.merger import Merger

    return Merger(__version__)


def prover() -> Prover:
    """Return what holds outputs against targets."""
    from cachi2ish.build.backends import RuledBackends
    from cachi2ish.build.facts_reader import FactsReader
    from cachi2ish.proof.prover import OutputProver
    from cachi2ish.sdists.core_metadata import InstallersMetadata
    from cachi2ish.sdists.text_reader import ArchiveTexts

    texts = ArchiveTexts()
    return OutputProver(texts, InstallersMetadata(), FactsReader(texts), RuledBackends())


def proof_hooks(on_call: Callable[[str], None]) -> BuildHooks:
    """Return what calls hooks of an output's sdists in the sandbox; ``on_call`` is given a sentence on each."""
    from cachi2ish.proof.output_hooks import OutputHooks

    return OutputHooks(hook_runner(), on_call)


@contextmanager
def fetching(
    flags: Flags, reporter: ConsoleReporter, export: Path | None = None, *, allow_empty: bool = False
) -> Iterator[tuple[Ports, Run]]:
    """Yield what ``fetch-deps`` needs; connections, the catalogue and a temporary cache end with the block."""
    limit_malloc_arenas()
    # A run looks at the clock once: all its durations count back from one instant.
    settings = load_settings(flags, os.environ, home_directory(), datetime.now(UTC))
    for note in settings.notes:
        reporter.warning(note)
    for remark in settings.remarks:
        reporter.info(remark)
    with ExitStack() as stack:
        stack.enter_context(log_messages_to(reporter))
        blobs, catalogue = _cache(settings, stack)
        projects, seen = SourceTreeReader(), Once(_seen_texts)
        repositories = GitRepositories(
            blobs,
            catalogue,
            settings.environ,
            timeout=settings.git_timeout,
            fetching=reporter.progress.git_fetch,
            offline=settings.offline,
        )
        if settings.offline:
            reporter.info(f"offline: no request is made, everything comes from the cache in {settings.cache_dir}")
        yield (
            Ports(
                Sources(NamedReaders(), projects, repositories),
                cache_alone(settings, blobs, catalogue, reporter)
                if settings.offline
                else connector(settings, blobs, catalogue, stack, reporter),
                Archives(
                    Once(lambda: _archive_reader(projects, seen(), stack)),
                    catalogue,
                    Once(lambda: build_facts(seen())),
                    planner,
                ),
                Results(outputs(), _sbom_writer(settings), rewriter_of, _exporter, files()),
                catalogue.write_back,
            ),
            Run(
                indexes=IndexAddresses(
                    default=settings.indexes,
                    public=cache(lambda: settings.index_proxy or Address(default_index_url())),
                    actual=partial(_actual_index, settings.index_proxy),
                ),
                dates=settings.dates,
                now=settings.now,
                environ=settings.environ,
                concurrency=settings.concurrency,
                require_fresh=settings.require_fresh,
                moved_hosts=settings.moved_hosts,
                export=export,
                allow_empty=allow_empty,
                keeps=settings.cache_dir is not None and not settings.dry_run,
                tool_version=__version__,
                reporter=reporter,
                leniency=Leniency(settings.mode, reporter),
                environment=PIP_ENVIRONMENT if settings.drop_in else (*PIP_ENVIRONMENT, *OTHER_TOOLS_ENVIRONMENT),
            ),
        )


def _exporter(lock: Lock, file: str) -> LockText:
    from cachi2ish.lockfiles.pip.requirements_writer import as_requirements

    return as_requirements(lock, file)


def _archive_reader(projects: ProjectReader, seen: SeenTexts, stack: ExitStack) -> SdistReader:
    from cachi2ish.sdists.archive_reader import ArchiveReader
    from cachi2ish.sdists.reading_processes import ReadingProcesses

    return ArchiveReader(projects, seen=seen, quick=stack.enter_context(ReadingProcesses()))


def _seen_texts() -> SeenTexts:
    from cachi2ish.build.facts import TOP
    from cachi2ish.sdists.text_reader import SeenTexts

    def is_wanted(build_requires: Sequence[str]) -> bool:
        from cachi2ish.services.fetch.offline_builds import is_looked_into

        return is_looked_into(build_requires)

    return SeenTexts(TOP, is_wanted)


def build_facts(seen: SeenTexts | None = None) -> BuildFactsReader:
    """Return what reads how sdists are built. seen: texts that were met before."""
    from cachi2ish.build.facts_reader import FactsReader
    from cachi2ish.sdists.text_reader import ArchiveTexts

    return FactsReader(ArchiveTexts(seen=seen))


def planner() -> Planner:
    """Return what finds the requirements of builds."""
    from cachi2ish.build.planner import BuildPlanner

    return BuildPlanner()


def hook_runner() -> HookRunner:
    """Return what calls hooks of back-ends in the sandbox."""
    from cachi2ish.sandbox.hook_runner import SandboxedHooks

    return SandboxedHooks()


def images() -> Images:
    """Return access to the images of containers on this machine."""
    from cachi2ish.sandbox.images import PodmanImages

    return PodmanImages()


def _actual_index(proxy: Address | None, address: Address) -> Address:
    # As in Hermeto: the proxy stands in for the public index alone, since it need not have what others have.
    if proxy is None or address == proxy:
        return address
    return proxy if address.bare == bare(default_index_url()) else address


def _sbom_writer(settings: Settings) -> SbomWriter:
    found_by = _HERMETO if settings.drop_in else PROGRAM
    proxy = None if settings.index_proxy is None else settings.index_proxy.redacted
    # Their models take some time to import, and each command needs one of them or none.
    if settings.sbom_kind is SbomKind.SPDX:
        from cachi2ish.sbom.spdx.spdx_writer import SpdxWriter

        return SpdxWriter(found_by, proxy, settings.source_date)
    from cachi2ish.sbom.cyclonedx.cyclonedx_bom import CycloneDxWriter

    return CycloneDxWriter(found_by, proxy)


def _cache(settings: Settings, stack: ExitStack) -> tuple[DiskBlobs, SqliteCatalogue]:
    """Open the cache. A dry run needs no files, and reads the catalogue without a trace."""
    kept, signer = settings.cache_dir, _signer(settings.cache_key)
    if kept is not None and not settings.dry_run:
        return DiskBlobs(kept), stack.enter_context(SqliteCatalogue(kept / _CATALOGUE, signer=signer))
    place = _temporary(stack)
    if kept is not None and is_file(kept / _CATALOGUE):
        catalogue = SqliteCatalogue(kept / _CATALOGUE, read_only=True, signer=signer)
        return DiskBlobs(place), stack.enter_context(catalogue)
    return DiskBlobs(place), stack.enter_context(SqliteCatalogue(place / _CATALOGUE))


def _signer(key: Path | None) -> Signer | None:
    return None if key is None else signer_with(key)


def _temporary(stack: ExitStack) -> Path:
    try:
        # A transfer that was abandoned may still be writing while it is removed.
        return stack.enter_context(scratch_directory("cachi2ish-"))
    except OSError as error:
        raise StorageError(
            f"no temporary directory can be made: {error.strerror}",
            hint="set TMPDIR to a directory that you may write to",
        ) from error
