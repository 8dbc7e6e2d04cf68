"""Opens the history of a mirror for the commands that need no server and no upstream."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cachi2ish.advice import Place
from cachi2ish.cache.housekeeping import DiskHousekeeping
from cachi2ish.cache.memory.catalogue import SqliteCatalogue
from cachi2ish.cache.memory.signing import signer_with
from cachi2ish.cli.process import home_directory
from cachi2ish.errors import InputError, StorageError
from cachi2ish.files.locks import try_lock
from cachi2ish.files.os_errors import storage_errors
from cachi2ish.index.stack import default_index_url
from cachi2ish.mirror.held.freeing import Freeing
from cachi2ish.mirror.held.interface import SharedFiles
from cachi2ish.mirror.held.old_notes import take_over
from cachi2ish.mirror.held.shared.shared_pruning import SharedPruning
from cachi2ish.mirror.history.engines.interface import HistoryPlace
from cachi2ish.mirror.history.interface import History, Seal
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.records import FILES, HISTORY, METADATA_DIGESTS, Instant, Registry
from cachi2ish.settings.buckets import database_at, is_address
from cachi2ish.settings.flags import Flags
from cachi2ish.settings.mirror_settings import mirror_database, mirror_directory
from cachi2ish.settings.settings import cache_key

#: Below the files of a mirror.
CATALOGUE = "catalogue.sqlite"

#: The registry that every mirror has.
_MAIN = "pypi"

#: Of the names of directories where a history is being made, and the seconds after which its maker has the lock.
_BEGUN, _LOCKED_AFTER = ".begun-", 60.0
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def mirror_history(flags: Flags, *, make: bool = False, read_only: bool = False) -> Iterator[History]:
    """Yield the history of the mirror that the settings name.

    The rules of its registries are those of the last ``serve``. make: begin one where there is none; it is there
    only if the block ends well. read_only: to be read and nothing else, also by somebody who may not write it.
    Raises `InputError` where there is none, and `StorageError` where it cannot be used.
    """
    database = mirror_database(flags)
    if database is not None:
        with _opened(database, directory_if_known(flags), read_only=read_only, make=make) as history:
            yield history
        return
    directory = mirror_directory(flags, os.environ, home_directory())
    path = directory / HISTORY
    if make and not path.is_file():
        with _begun(directory, Place.MIRROR) as partial:
            with _opened(partial, directory) as history:
                yield history
            _put(partial, path, Place.MIRROR)
        return
    if not make:
        require_history(directory)
    with _opened(path, directory, read_only=read_only, make=make) as history:
        yield history


@contextmanager
def empty_place(text: str) -> Iterator[HistoryPlace]:
    """Yield where a history may be copied to: a database, or a file that is in the directory ``text`` afterwards.

    The file is there only if the block ends well. Raises `InputError` where the directory has a history.
    """
    if is_address(text):
        yield database_at(text)
        return
    path = Path(text) / HISTORY
    if path.exists():
        raise InputError(
            f"{path} is there already",
            hint="name a directory without a history, or leave TARGET out: files alone are copied then",
        )
    with _begun(path.parent, None) as partial:
        yield partial
        _put(partial, path, None)


@contextmanager
def _begun(directory: Path, place: Place | None) -> Iterator[Path]:
    """Yield where a new history may be written; it is gone afterwards, and a directory with nothing in it too.

    What processes that were killed have left there is removed.
    """
    there = directory.is_dir()
    with storage_errors(f"the directory of the mirror {directory} cannot be written", place, making=True):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=directory, prefix=_BEGUN))
        held = os.open(folder, _DIRECTORY)
    try:
        try_lock(held)  # for as long as this process is at it
        _sweep(directory)
        yield folder / HISTORY
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)
        if not there:
            with suppress(OSError):
                directory.rmdir()


def _sweep(directory: Path) -> None:
    """Remove histories that were begun and whose process is gone: nobody holds their lock."""
    for left in directory.glob(f"{_BEGUN}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime < _LOCKED_AFTER:
                continue
            held = os.open(left, _DIRECTORY)
            try:
                if try_lock(held):
                    shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(held)


def _put(partial: Path, path: Path, place: Place | None) -> None:
    """Give a new history its name, but not over one that another process has begun meanwhile."""
    with storage_errors(f"the history {path} cannot be written", place, making=True):
        try:
            _link(partial, path)
        except FileExistsError:
            raise StorageError(
                f"another process has begun a history in {path.parent} meanwhile", hint="run the command again"
            ) from None


def _link(partial: Path, path: Path) -> None:
    try:
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        partial.replace(path)


@contextmanager
def _opened(
    place: HistoryPlace, directory: Path | None, *, read_only: bool = False, make: bool = True
) -> Iterator[History]:
    with SqlHistory(place, read_only=read_only, make=make) as history:
        if not read_only and not any(one.name == _MAIN for one in history.registries()):
            history.configure(Registry(name=_MAIN, url=default_index_url()))
        if not read_only and directory is not None and (directory / FILES / CATALOGUE).exists():
            with SqliteCatalogue(directory / FILES / CATALOGUE) as recollection:
                take_over(directory / METADATA_DIGESTS, history, recollection)
        yield history


def directory_if_known(flags: Flags) -> Path | None:
    """Return where the mirror keeps what is on this machine, None where no home is known."""
    try:
        return mirror_directory(flags, os.environ, home_directory())
    except InputError:
        return None


@contextmanager
def freeing(
    flags: Flags,
    history: History,
    now: Callable[[], Instant],
    *,
    everything: bool,
    pretend: bool,
    place: SharedFiles | None = None,
) -> Iterator[Freeing]:
    """Yield what removes files of the mirror that the settings name; see `Freeing`. Raises `StorageError`.

    place: where all machines have them, None for the disk.
    """
    directory = mirror_directory(flags, os.environ, home_directory()) / FILES
    shared = None if place is None else SharedPruning(place, pretend=pretend)
    pruning = shared or DiskHousekeeping(directory, directory / CATALOGUE).pruning(pretend=pretend)
    yield Freeing(pruning, history, now, everything=everything)


def require_history(directory: Path) -> None:
    """Raise `InputError` where no mirror has begun in ``directory``."""
    path = directory / HISTORY
    if not path.is_file() or not path.stat().st_size:
        raise InputError(
            f"there is no history in {path}" if path.is_file() else f"there is no mirror in {directory}",
            hint="name its directory with --directory; mirror serve, track and import make one",
        )


def seal(flags: Flags) -> Seal | None:
    """Return what signs a history, None where the settings name no key."""
    key: Path | None = cache_key(flags)
    return None if key is None else signer_with(key)
