"""Opens the files of a mirror: those on its disk, and those that all machines share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.cache.housekeeping import DiskHousekeeping
from cachi2ish.cli.process import home_directory
from cachi2ish.cli.wiring_history import CATALOGUE, directory_if_known, mirror_history, require_history
from cachi2ish.errors import InputError, StorageError
from cachi2ish.mirror.held.interface import SharedFiles, SharedStoreError, SharingState
from cachi2ish.mirror.held.shared.disk_files import DiskFiles
from cachi2ish.mirror.records import FILES, UNSENT, now_in_microseconds
from cachi2ish.settings.buckets import Bucket, is_address
from cachi2ish.settings.flags import Flags
from cachi2ish.settings.mirror_settings import mirror_database, mirror_directory, mirror_files


def shared_files(place: Bucket, environ: Mapping[str, str]) -> SharedFiles:
    """Return the files in a bucket. Raises `InputError` where the library or a variable is missing."""
    try:
        # Only where it is used: the library is not installed everywhere.
        from cachi2ish.mirror.held.shared.s3_files import S3Files
    except ImportError as error:
        raise InputError(
            f"files in S3 need obstore, which cannot be loaded: {error}",
            hint="install cachi2ish[s3], or from a clone: make install WITH=mirror",
        ) from None
    return S3Files(place, environ)


def own_files(flags: Flags) -> list[SharedFiles]:
    """Return where a mirror has its files: S3 first, where they are shared, and its disk, where it has any there.

    Raises `InputError` where there is no mirror.
    """
    place = mirror_files(flags)
    if place is not None:
        directory = directory_if_known(flags)
        there = directory is not None and (directory / FILES).is_dir()
        return [shared_files(place, os.environ), *([disk_files(directory)] if directory and there else [])]
    directory = mirror_directory(flags, os.environ, home_directory())
    if mirror_database(flags) is None:
        require_history(directory)
    return [disk_files(directory)]


def require_files(flags: Flags, places: Sequence[SharedFiles], warn: Callable[[str], None]) -> None:
    """Warn where the place that should have all files has none; it may be a wrong one.

    places: of `own_files`. Raises `StorageError` where the history knows of files that are held.
    """
    place = places[0]
    if next(iter(place.all()), None) is not None:
        return
    try:
        with mirror_history(flags, read_only=True) as history:
            held = history.status(now_in_microseconds()).held
    except InputError:  # no history is named, and files need none
        held = 0
    if held:
        raise StorageError(
            f"there is no file in {place.name}, and the history says that vanished files are held: {held:,}",
            hint="name the place that has them, with --files or --directory, or bring it back from a backup",
        )
    warn(f"there is no file in {place.name}")


@contextmanager
def scratch_for_copies(flags: Flags, target: str) -> Iterator[Path]:
    """Yield where files out of S3 lie on their way: at their target, or, where that is in S3, with the mirror.

    What is made there is gone afterwards.
    """
    own = mirror_directory(flags, os.environ, home_directory()) if is_address(target) else Path(target)
    scratch = own / "copying"
    missing = [one for one in (scratch, *scratch.parents) if not one.exists()]
    try:
        yield scratch
    finally:
        with suppress(OSError):  # the first that has something in it is to stay, with all above
            for one in missing:
                one.rmdir()


def files_at(text: str) -> SharedFiles:
    """Return the files at a place in S3, or in the directory of a mirror. Raises where none can be put there."""
    if is_address(text):
        files = shared_files(Bucket.parse(text), os.environ)
        files.check()
        return files
    return disk_files(Path(text))


def disk_files(directory: Path) -> SharedFiles:
    """Return the files in the directory of a mirror, which need not be there."""
    folder = directory / FILES
    housekeeping = DiskHousekeeping(folder, folder / CATALOGUE)
    return DiskFiles(
        folder, lambda: DiskBlobs(folder, lasting=False), lambda: housekeeping.pruning(pretend=True).entries
    )


def sharing_state(flags: Flags) -> SharingState | None:
    """Return how this machine stands to the shared store, None where the settings name none."""
    place = mirror_files(flags)
    if place is None:
        return None
    problem = None
    try:
        shared_files(place, os.environ).size_of("0" * 64)
    except SharedStoreError as error:
        problem = error.problem.partition(": ")[2]
    try:
        unsent = sum(1 for _ in (mirror_directory(flags, os.environ, home_directory()) / UNSENT).iterdir())
    except OSError:
        unsent = 0
    return SharingState(str(place), problem, unsent)
