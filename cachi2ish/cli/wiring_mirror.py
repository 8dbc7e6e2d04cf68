"""Builds a mirror, and takes it down again: the third place that names the concrete classes of the rooms."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

from cachi2ish.advice import Place
from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.cache.housekeeping import DiskHousekeeping
from cachi2ish.cache.memory.catalogue import SqliteCatalogue
from cachi2ish.cli.display.reporting import ConsoleReporter, log_messages_to
from cachi2ish.cli.process import home_directory, limit_malloc_arenas
from cachi2ish.cli.wiring_files import shared_files
from cachi2ish.cli.wiring_history import CATALOGUE, require_history
from cachi2ish.core.urls import Address, bare
from cachi2ish.errors import InputError, UnavailableError, UsageError
from cachi2ish.files.locks import share_lock
from cachi2ish.files.os_errors import storage_errors
from cachi2ish.http.download import FileDownloader
from cachi2ish.http.session import HttpSession
from cachi2ish.http.verification import key_of
from cachi2ish.index.stack import default_index_url
from cachi2ish.lockfiles.readers import NamedReaders
from cachi2ish.mirror.accepted import Tokens
from cachi2ish.mirror.application import Rules, running
from cachi2ish.mirror.batches import in_batches
from cachi2ish.mirror.held.interface import SharedStoreAwayError, SharedStoreFullError
from cachi2ish.mirror.held.old_notes import take_over
from cachi2ish.mirror.history.engines.interface import HistoryPlace
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.records import (
    FILES,
    HISTORY,
    METADATA_DIGESTS,
    Registry,
    UntimedFiles,
    now_in_microseconds,
)
from cachi2ish.mirror.rooms import Rooms, SharedPlace
from cachi2ish.mirror.server.places import MAIN, no_such_registry
from cachi2ish.mirror.server.serving import address_of, is_loopback, listen, serve
from cachi2ish.mirror.syncing import Synced, sync
from cachi2ish.mirror.upstream import list_address
from cachi2ish.projects.project_reader import SourceTreeReader
from cachi2ish.sdists.archive_reader import ArchiveReader
from cachi2ish.settings.flags import Flags
from cachi2ish.settings.mirror_settings import MirrorSettings, load_mirror_settings
from cachi2ish.simple_api.negotiation import ACCEPT
from cachi2ish.simple_api.project_lists import NoProjectListError, read_names

#: In the directory of a mirror: made to see whether it can be written, and locked by servers together.
_PROBE = ".writable"

#: Where files are that are in no bucket, as others read it.
_DISKS = "the directories of servers"

#: Projects that are written down in one transaction.
_TRACKED_AT_ONCE = 5000


def serve_mirror(flags: Flags, reporter: ConsoleReporter) -> None:
    """Serve until somebody ends it. Raises `InputError` and `StorageError` where it cannot begin."""
    limit_malloc_arenas()
    settings = load_mirror_settings(flags, os.environ, home_directory(), datetime.now(UTC))
    listener = listen(settings.host, settings.port)
    with listener:
        if settings.tokens is None and not settings.open and not is_loopback(listener):
            raise UsageError(
                f"{settings.host} is reached by other machines, and anybody could ask",
                hint="name a file of tokens with --token-file; or where a proxy or a firewall decides who may"
                " ask, say so with --open",
            )
        rules = Rules(
            exempt=settings.exempt,
            observed_only=settings.observed_only,
            tokens=None if settings.tokens is None else Tokens(settings.tokens),
            memory=settings.memory,
            follow=settings.follow,
        )
        with (
            mirroring(settings, reporter, lenient=True) as rooms,
            _serving(rooms.directory) as directory_is_shared,
        ):

            def on_start() -> None:
                reporter.info(f"serving {address_of(listener)} from {rooms.directory}")
                if directory_is_shared:
                    reporter.info("another server serves from there too: they share the history and the files")

            serve(running(rooms, rules), listener, on_start)
    reporter.info("ended")


def sync_mirror(flags: Flags, reporter: ConsoleReporter) -> Synced:
    """Look at all that is due, see `cachi2ish.mirror.syncing.sync`. Raises `InputError` where no mirror is."""
    settings = load_mirror_settings(flags, os.environ, home_directory(), datetime.now(UTC))
    if settings.database is None:
        require_history(settings.directory)
    with mirroring(settings, reporter, make=False, amend=True) as rooms:
        return sync(rooms)


def track_all(flags: Flags, index: str, reporter: ConsoleReporter) -> int:
    """Follow all projects that a registry lists; return how many are new.

    What was read is followed, also where the list breaks off. The rules of a registry that the mirror knows stay.
    Raises `InputError` for a registry without a name, and one that the mirror has at another address,
    `NetworkError` where it does not answer, and `UnavailableError` where it has no list.
    """
    settings = load_mirror_settings(flags, os.environ, home_directory(), datetime.now(UTC))
    with ExitStack() as stack:
        stack.enter_context(log_messages_to(reporter))
        history = stack.enter_context(SqlHistory(_place(settings)))
        address = list_address(_tracked(index, settings, history))
        http = stack.enter_context(HttpSession(settings.http))
        with http.pieces(address, ACCEPT) as (status, content_type, pieces):
            if status != HTTPStatus.OK:
                raise UnavailableError(
                    f"{address} does not list projects (HTTP {status})",
                    hint="give names, or a file with --requirement",
                )
            count = 0
            try:
                for names in in_batches(read_names(pieces, content_type), _TRACKED_AT_ONCE):
                    count += history.track(index, names, now_in_microseconds())
            except NoProjectListError as error:
                raise UnavailableError(
                    f"{address} does not list projects: {error}", hint="give names, or a file with --requirement"
                ) from None
            return count


def _tracked(index: str, settings: MirrorSettings, history: SqlHistory) -> Address:
    """Return the address of a registry, which is entered with its rules only where the mirror does not know it."""
    known = {one.name: one for one in history.registries()}
    named = {MAIN: Address(default_index_url()), **settings.registries}
    if index not in known:
        if index not in named:
            hint = "name it with --registry NAME=URL, or in the configuration file"
            raise no_such_registry(index, {*known, *named}, hint)
        history.configure(_registry(index, named[index], settings))
        return named[index]
    address = settings.registries.get(index, Address(known[index].url))  # what is known has no credentials
    if bare(_registry(index, address, settings).url) != bare(known[index].url):
        raise InputError(
            f"{index} is {known[index].url} in this mirror, and not {address}",
            hint="leave --registry out; mirror serve and mirror sync give it another address",
        )
    return address


@contextmanager
def mirroring(
    settings: MirrorSettings,
    reporter: ConsoleReporter,
    *,
    make: bool = True,
    amend: bool = False,
    lenient: bool = False,
) -> Iterator[Rooms]:
    """Yield what a mirror is made of; connections and databases end with the block.

    make: begin one in a database that has none; without it, that is an `InputError`.
    amend: what the settings do not say of a registry stays as the mirror knows it, and registries that they do not
    name are there too; otherwise it is the default.
    The rules are not written down then: a server may run that has others. lenient: a shared store of files that is
    away is a warning, and may come back later.
    Raises `StorageError` where its directory cannot be used.
    """
    directory = _made(settings.directory)
    with ExitStack() as stack:
        stack.enter_context(log_messages_to(reporter))
        history = stack.enter_context(SqlHistory(_place(settings), make=make))
        _record_files_place(settings, history, reporter)
        known = {one.name: one for one in history.registries()} if amend else {}
        addresses = {MAIN: Address(default_index_url())}
        addresses |= {name: Address(one.url) for name, one in known.items()} | dict(settings.registries)
        kept = {name for name in known if name not in settings.registries}  # their logins are not
        registries = {
            name: _registry(name, address, settings, known.get(name)) for name, address in addresses.items()
        }
        for registry in () if amend else registries.values():
            history.configure(registry)
        blobs = DiskBlobs(directory / FILES, lasting=False)
        recollection = stack.enter_context(SqliteCatalogue(directory / FILES / CATALOGUE))
        take_over(directory / METADATA_DIGESTS, history, recollection)
        http = stack.enter_context(HttpSession(settings.http))
        yield Rooms(
            directory=directory,
            history=history,
            registries=registries,
            addresses=addresses,
            http=http,
            blobs=blobs,
            downloader=lambda store: FileDownloader(http, store, recollection),
            wheels=ArchiveReader(SourceTreeReader()),
            locks=NamedReaders(),
            hidden_from={name for name in kept if addresses[name] != Address(default_index_url())},
            shared=_shared(settings, directory, reporter, lenient=lenient),
        )


@contextmanager
def _serving(directory: Path) -> Iterator[bool]:
    """Yield whether another process serves from the directory; False where its file system has no locks.

    That does no harm: they agree by the database and by locks. Who did not mean it may want to know.
    """
    held = os.open(directory / _PROBE, os.O_RDWR | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            directory_is_shared = False
        except OSError as error:
            directory_is_shared = isinstance(error, BlockingIOError)
        share_lock(held)
        yield directory_is_shared
    finally:
        os.close(held)


def _record_files_place(settings: MirrorSettings, history: SqlHistory, reporter: ConsoleReporter) -> None:
    """Write down where the machines of a mirror have their files, and warn where others have them elsewhere.

    A machine without ``--files`` changes nothing of what others have written, and is told so at each start.
    """
    if settings.database is None:
        return
    own = _DISKS if settings.files is None else str(settings.files)
    before = history.record_files_place(own, replace=settings.files is not None)
    if before is None or before == own:
        return
    if settings.files is None:
        reporter.warning(
            f"files of this mirror are in {before}, and this machine has its own disk alone: it finds none of"
            f" those, and no other finds its own; give it --files {before}"
        )
    else:
        reporter.warning(
            f"files of this mirror were in {before}, and are in {own} from now on: mirror copy --target-files"
            " takes along what is there, and every server has to be given the new place"
        )


def _shared(
    settings: MirrorSettings, directory: Path, reporter: ConsoleReporter, *, lenient: bool
) -> SharedPlace | None:
    """Return where all machines have their files, if anywhere; raises where nothing can be put there."""
    if settings.files is None:
        return None
    files = shared_files(settings.files, os.environ)
    try:
        files.check()
    except SharedStoreAwayError as error:
        if not lenient:
            raise
        if isinstance(error, SharedStoreFullError):
            reporter.warning(f"{error.problem}: what is new stays on the disk until it can")
        else:
            reporter.warning(f"{error.problem}: files come from upstreams and the disk until it can")
    housekeeping = DiskHousekeeping(directory / FILES, directory / FILES / CATALOGUE)
    return SharedPlace(
        files=files,
        limit=settings.local_size,
        pruning=lambda: housekeeping.pruning(pretend=False),
        unfinished=key_of,
    )


def _registry(name: str, address: Address, settings: MirrorSettings, known: Registry | None = None) -> Registry:
    """Return a registry with the rules of the settings. known: what holds where they say nothing."""
    rules = known or Registry(name=name, url="")
    return replace(
        rules,
        url=address.split_userinfo()[0].redacted,
        untimed=UntimedFiles.FIRST_SEEN if name in settings.first_seen else rules.untimed,
        private=name in settings.private or rules.private,
    )


def _place(settings: MirrorSettings) -> HistoryPlace:
    return settings.database or _made(settings.directory) / HISTORY


def _made(directory: Path) -> Path:
    problem = f"the directory of the mirror {directory} cannot be written"
    with storage_errors(problem, Place.MIRROR, making=True):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = os.open(directory / _PROBE, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.close(probe)
    return directory
