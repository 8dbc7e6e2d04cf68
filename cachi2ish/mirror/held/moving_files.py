"""Copies files from one place to another, and verifies them: on disks and in the shared store."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cachi2ish.errors import DigestMismatchError, StorageError
from cachi2ish.mirror.batches import in_batches
from cachi2ish.mirror.held.interface import SharedFiles, StoredFile

#: Files at once, and how many are given out together.
_WORKERS, _AT_ONCE = 4, 64


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
    """What has become of one file. place: where it is. state: True for copied or sound, None for there before."""

    place: str
    size: int
    sound: bool
    new: bool = True


def copy_files(sources: Sequence[SharedFiles], target: SharedFiles, on_file: Callable[[Moved], None]) -> Moved:
    """Copy all files that the target does not have; each is hashed, put there, read back and hashed again.

    sources: of a file that several have, the first one gives it. It may be ended at any time, and goes on where it
    was: what is at the target is whole. A file that is damaged at its source is not copied.
    on_file: is told of what has been done after each file.
    """

    def copy(one: tuple[SharedFiles, StoredFile]) -> _One:
        source, file = one
        return _copied(source, file, target)

    return _counted(_distinct(sources), copy, on_file)


def verify_files(place: SharedFiles, on_file: Callable[[Moved], None], *, repair: bool) -> Moved:
    """Read all files, and tell which are not what their names promise. repair: remove these."""

    def verify(one: tuple[SharedFiles, StoredFile]) -> _One:
        _, file = one
        sound = _digest_at(place, file.sha256) in {file.sha256, None}  # None: it was removed meanwhile
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


def _copied(source: SharedFiles, file: StoredFile, target: SharedFiles) -> _One:
    place = f"{file.sha256} in {source.name}"
    if target.size_of(file.sha256) == file.size:
        return _One(place, file.size, sound=True, new=False)
    with _spooled(source, file.sha256) as path:
        if path is None:
            return _One(place, file.size, sound=False)
        size = path.stat().st_size
        target.put(file.sha256, path, size, replace=True)
    if _digest_at(target, file.sha256) != file.sha256:
        target.remove(file.sha256)
        raise StorageError(
            f"{target.name} gives back other bytes of {file.sha256} than were put there",
            hint="look for what is wrong there, and run the command again",
        )
    return _One(place, size, sound=True)


@contextmanager
def _spooled(source: SharedFiles, sha256: str) -> Iterator[Path | None]:
    """Yield a copy of a file that is what its name promises, gone afterwards; None where it is damaged or gone."""
    reading = source.read(sha256)
    with tempfile.NamedTemporaryFile(prefix="mirror-copy-") as copy:
        digest = hashlib.sha256()
        for portion in reading.portions if reading is not None else ():
            digest.update(portion)
            copy.write(portion)
        copy.flush()
        yield Path(copy.name) if digest.hexdigest() == sha256 else None


def _digest_at(place: SharedFiles, sha256: str) -> str | None:
    reading = place.read(sha256)
    if reading is None:
        return None
    digest = hashlib.sha256()
    for portion in reading.portions:
        digest.update(portion)
    return digest.hexdigest()


def damage(done: Moved, hint: str) -> Iterator[DigestMismatchError]:
    """Yield an error for each file that is not what its name promises."""
    for place in done.damaged:
        yield DigestMismatchError(f"{place} is not what its name promises", hint=hint)
