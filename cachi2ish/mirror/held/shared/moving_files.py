"""Copies files from one place to another, and verifies them: on disks and in the shared store."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cachi2ish.advice import Place
from cachi2ish.errors import DigestMismatchError, StorageError
from cachi2ish.files.os_errors import storage_errors
from cachi2ish.mirror.batches import in_batches
from cachi2ish.mirror.held.interface import SharedFiles, StoredFile
from cachi2ish.mirror.held.shared.disk_files import DiskFiles

#: Files at once, and how many are given out together.
_WORKERS, _AT_ONCE = 4, 64

#: Of the names of files on their way, and the seconds after which such a file belongs to nobody any more.
_PREFIX, _LEFT_AFTER = "copy-", 86_400.0


@dataclass(slots=True)
class Moved:
    """What has become of files. files, size: that were copied, or are what their names promise; and their bytes.

    there: how many were at the target before. damaged: what is not what its name promises, as places.
    """

    files: int = 0
    size: int = 0
    there: int = 0
    damaged: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _One:
    """What has become of one file.

    place: where it is. sound: whether it is what its name promises. new: whether it was not at the target before.
    """

    place: str
    size: int
    sound: bool
    new: bool = True


def copy_files(
    sources: Sequence[SharedFiles], target: SharedFiles, scratch: Path, on_file: Callable[[Moved], None]
) -> Moved:
    """Copy all files that the target does not have; each is hashed, put there, read back and hashed again.

    What has the name and the size at the target is there, and is not read. A file that is damaged at its source is
    not copied. It may be ended at any time, and goes on where it was.
    sources: of a file that several have, the first one gives it. scratch: a directory for files on their way, made
    where it is needed. on_file: is told of what has been done after each file. Raises `StorageError`.
    """

    def copy(one: tuple[SharedFiles, StoredFile]) -> _One:
        source, file = one
        return _copied(source, file, target, scratch)

    _sweep(scratch)
    return _counted(_distinct(sources), copy, on_file)


def verify_files(place: SharedFiles, on_file: Callable[[Moved], None], *, repair: bool) -> Moved:
    """Read all files, and tell which are not what their names promise, twice. repair: remove these."""

    def verify(one: tuple[SharedFiles, StoredFile]) -> _One:
        _, file = one
        sound = _is_sound(place, file.sha256) is not False  # None: it was removed meanwhile
        if not sound and repair:
            place.remove(file.sha256)
        return _One(f"{file.sha256} in {place.name}", file.size, sound)

    return _counted(((place, file) for file in place.all()), verify, on_file)


def _counted(
    files: Iterable[tuple[SharedFiles, StoredFile]],
    do: Callable[[tuple[SharedFiles, StoredFile]], _One],
    on_file: Callable[[Moved], None],
) -> Moved:
    done = Moved()
    with ThreadPoolExecutor(_WORKERS, "files") as executor:
        for some in in_batches(files, _AT_ONCE):
            for one in executor.map(do, some):
                if not one.sound:
                    done.damaged.append(one.place)
                elif one.new:
                    done.files += 1
                    done.size += one.size
                else:
                    done.there += 1
                on_file(done)
    return done


def _distinct(sources: Sequence[SharedFiles]) -> Iterator[tuple[SharedFiles, StoredFile]]:
    for position, source in enumerate(sources):
        for file in source.all():
            if not any(before.size_of(file.sha256) == file.size for before in sources[:position]):
                yield source, file


def _copied(source: SharedFiles, file: StoredFile, target: SharedFiles, scratch: Path) -> _One:
    place = f"{file.sha256} in {source.name}"
    if target.size_of(file.sha256) == file.size:
        return _One(place, file.size, sound=True, new=False)
    with (
        storage_errors(f"{place} cannot be copied", Place.MIRROR, about=file.sha256),
        _checked(source, file.sha256, scratch) as path,
    ):
        if path is None:
            return _One(place, file.size, sound=False)
        size = path.stat().st_size
        target.put(file.sha256, path, size, replace=True)
    if not _is_sound(target, file.sha256):
        target.remove(file.sha256)
        raise StorageError(
            f"{target.name} gives back other bytes of {file.sha256} than were put there",
            hint="look for what is wrong there, and run the command again",
        )
    return _One(place, size, sound=True)


@contextmanager
def _checked(source: SharedFiles, sha256: str, scratch: Path) -> Iterator[Path | None]:
    """Yield where a file is that is what its name promises, None where it is damaged or gone.

    What is on no disk here lies in ``scratch`` until the end of the block.
    """
    if isinstance(source, DiskFiles):
        yield source.path_of(sha256) if _is_sound(source, sha256) else None
        return
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(prefix=_PREFIX, dir=scratch) as copy:
        for _ in range(2):
            copy.seek(0)
            copy.truncate()
            digest = hashlib.sha256()
            for portion in _portions(source, sha256):
                digest.update(portion)
                copy.write(portion)
            if digest.hexdigest() == sha256:
                copy.flush()
                yield Path(copy.name)
                return
        yield None


def _sweep(scratch: Path) -> None:
    """Remove what copies have left that were killed a day ago or longer."""
    for left in scratch.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _LEFT_AFTER:
                left.unlink()


def _is_sound(place: SharedFiles, sha256: str) -> bool | None:
    """Return whether a file is what its name promises, None where it is gone.

    One that is not is read once more: it may have been another one's, or the line's fault.
    """
    for _ in range(2):
        reading = place.read(sha256)
        if reading is None:
            return None
        digest = hashlib.sha256()
        for portion in reading.portions:
            digest.update(portion)
        if digest.hexdigest() == sha256:
            return True
    return False


def _portions(source: SharedFiles, sha256: str) -> Iterator[bytes]:
    reading = source.read(sha256)
    if reading is not None:
        yield from reading.portions


def damage(done: Moved, hint: str) -> Iterator[DigestMismatchError]:
    """Yield an error for each file that is not what its name promises."""
    for place in done.damaged:
        yield DigestMismatchError(f"{place} is not what its name promises", hint=hint)
