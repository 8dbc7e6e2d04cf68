"""An output directory while it is assembled."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from io import FileIO
from pathlib import Path, PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from cachi2ish.advice import Place
from cachi2ish.core.artifacts import Blob, file_number
from cachi2ish.core.distributions import plain_name
from cachi2ish.core.outputs import DEPS, BuildConfig
from cachi2ish.errors import DistributionError, StorageError
from cachi2ish.files.os_errors import storage_errors
from cachi2ish.files.rooted import RootedPath
from cachi2ish.output.build_config import BUILD_CONFIG, render_build_config
from cachi2ish.output.file_copies import copy_file, set_mode_and_time, stamp
from cachi2ish.output.swap import replace_contents, take_place
from cachi2ish.output.workplace import KEPT, Workplace, keep_others, refuse_strangers

#: Bytes of a text that comes in pieces.
_WRITTEN_AT_ONCE = 1 << 16


def _opened(source: Path) -> FileIO:
    # A pipe in its place would be waited for, and a device has no end.
    return FileIO(os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC))


#: Whatever the umask: what is fetched by one user is often installed by another, in a container.
_FILE_MODE = 0o644
_DIRECTORY_MODE = 0o755

_TOP_OF_DEPS = PurePosixPath(DEPS).parts[0]


class _Names(Struct, frozen=True):
    """Files of a folder: those that were made ahead and are empty yet, and those that are written."""

    empty: tuple[str, ...] = ()
    written: tuple[str, ...] = ()


_EMPTY = _Names()


class StagedOutput:
    """Implements `cachi2ish.output.interface.Staging`, with its promises about threads."""

    def __init__(self, workplace: Workplace) -> None:
        self._workplace = workplace
        self._root = RootedPath.of(workplace.path, error=StorageError)
        self._placed: dict[str, str] = {}
        # Files of each folder. Nearly all folders have the same names: equal sets are one object.
        self._folders = {"": _EMPTY}
        self._names: dict[_Names, _Names] = {}
        self._guard = threading.Lock()
        self._published = False

    @property
    def published(self) -> bool:
        """Whether this is the output now."""
        return self._published

    def place(self, blob: Blob, filename: str) -> None:
        """Put a copy of ``blob`` into ``deps/pip``; the same file twice is the same as once.

        Raises `DistributionError` for a name that is taken by other content or cannot be used,
        `StorageError` where the copy cannot be made.
        """
        if not plain_name(filename):
            raise DistributionError(f"{filename!r} cannot be used as a file name")
        with self._guard:
            other = self._placed.get(filename)
            if other == blob.sha256:
                return
            if other:
                raise _taken(filename, f"sha256:{other} and sha256:{blob.sha256}")
            self._placed[filename] = blob.sha256
        path = f"{self._folder_at(DEPS)}/{filename}"
        with self._failures(f"{filename} cannot be placed in {self._workplace.target}", about=filename):
            try:
                with _opened(blob.path) as source:
                    checked = _is_what_was_checked(blob, os.fstat(source.fileno()))
                    size = copy_file(source, path, _FILE_MODE)
            except FileExistsError:  # on a file system that does not tell upper from lower case
                raise _taken(filename, "another file has the same name in other case") from None
            proved = size == blob.size and (checked or _sha256(path) == blob.sha256)
        if not proved:
            changed = f"has {size} bytes, not {blob.size}" if size != blob.size else "is another file"
            raise StorageError(f"the copy of {filename} {changed}: the cache changed meanwhile", hint="run again")

    def write(self, path: str, content: str) -> None:
        r"""Write a text file, in the place of what was there. path: POSIX, relative. Raises `StorageError`.

        Half of a surrogate pair, which no UTF-8 can hold, is written as ``\udcff``: the escape of JSON.
        """
        self.write_pieces(path, (content,))

    def write_pieces(self, path: str, content: Iterable[str]) -> None:
        """Write a text file as `write` does, piece by piece."""
        self._root.join(path)  # which raises for one that leads out of the output
        folder, _, name = path.rpartition("/")
        self._folder_at(folder)
        self._write_file(folder, name, _in_larger_pieces(content))

    def write_folder(self, path: str, contents: Mapping[str, str]) -> None:
        """Write text files into one folder, each in the place of what was there. Raises `StorageError`."""
        self._folder_at(path)
        for name, content in contents.items():
            if not plain_name(name):
                raise StorageError(f"{name!r} cannot be used as a file name")
            self._write_file(path, name, _in_larger_pieces((content,)))

    def precreate(self, folders: Iterable[str], names: Sequence[str]) -> None:
        """Make files of these names in each folder, ahead of `write_folder`, as `Staging.precreate` says."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        for path in folders:
            place = self._folder_at(path)
            with self._failures(f"{path} cannot be written in {self._workplace.target}", about=path):
                for name in names:
                    os.close(os.open(f"{place}/{name}", flags, 0o600))
                    before = self._folders[path]
                    self._note(path, _Names((*before.empty, name), before.written))

    def _remove_unwritten(self) -> None:
        """Remove what nobody has written of that which was made ahead, and the folders that hold nothing then."""
        unwritten = {folder: names for folder, names in self._folders.items() if names.empty}
        for folder, names in unwritten.items():
            for name in names.empty:
                os.unlink(f"{self._place_of(folder)}/{name}")  # noqa: PTH108  (a text, as all places here)
            self._note(folder, _Names((), names.written))
        above = {str(one) for folder in unwritten for one in (folder, *PurePosixPath(folder).parents)}
        for path in sorted(above - {"."}, reverse=True):  # what is in a folder before it
            with suppress(OSError):  # there is something else in it
                os.rmdir(self._place_of(path))  # noqa: PTH106  (a text, as all places here)
                del self._folders[path]

    def _write_file(self, folder: str, name: str, content: Iterable[bytes]) -> None:
        path = f"{folder}/{name}".lstrip("/")
        with self._failures(f"{path} cannot be written in {self._workplace.target}", about=path):
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            # No object of Python's: it would look at each of the many files.
            file = os.open(f"{self._place_of(folder)}/{name}", flags, 0o600)
            try:
                for piece in content:
                    left = memoryview(piece)
                    while left:
                        left = left[os.write(file, left) :]
                set_mode_and_time(file, _FILE_MODE)
            finally:
                os.close(file)
        before = self._folders[folder]
        empty = tuple(one for one in before.empty if one != name)
        written = before.written if name in before.written else (*before.written, name)
        self._note(folder, _Names(empty, written))

    def _note(self, folder: str, names: _Names) -> None:
        self._folders[folder] = self._names.setdefault(names, names)

    def write_build_config(self, config: BuildConfig) -> None:
        """Write ``.build-config.json``, by which the output is recognised. Raises `StorageError`.

        To be the last: it names the files below ``deps``, so that what others put there is told apart later.
        """
        pieces = _joined(render_build_config(replace(config, files=tuple(self._below_deps()))))
        self._write_file("", BUILD_CONFIG, pieces)

    def _below_deps(self) -> Iterator[str]:
        yield from (f"{DEPS}/{filename}" for filename in self._placed)
        for folder, names in self._folders.items():
            if folder.partition("/")[0] == _TOP_OF_DEPS:
                yield from (f"{folder}/{name}" for name in names.written)

    def publish(self) -> None:
        """Take the place of the earlier output, whole. Once. Raises `StorageError` and `InputError`."""
        if self._published:
            msg = "an output is published once"
            raise ValueError(msg)
        work = self._workplace
        with self._failures(f"the output {work.target} cannot be replaced"):
            refuse_strangers(work.target)  # somebody may have put something there meanwhile
            work.path.chmod(_DIRECTORY_MODE)
            self._remove_unwritten()
            self._folder_at(DEPS)  # the environment of the build names it, be there anything in it or not
            for folder in self._folders:  # files were stamped when they were written
                stamp(self._place_of(folder))
            if work.inside:
                replace_contents(work.path, work.target, last=BUILD_CONFIG, keep=KEPT)
            else:
                keep_others(work.target, work.path)
                take_place(work.path, work.target, last=BUILD_CONFIG, keep=KEPT)
                keep_others(work.path, work.target)  # what came while the two changed places
        self._published = True

    def _folder_at(self, path: str) -> str:
        """Make a folder below the root, and those above it; return where it is. Raises `StorageError`."""
        if path in self._folders:
            return self._place_of(path)
        above, _, name = path.rpartition("/")
        if not plain_name(name):
            raise StorageError(f"{path!r} cannot be used as a path")
        # What is in a folder that was made here was made here: no link leads out of it, and none is looked for.
        place = f"{self._folder_at(above)}/{name}"
        with self._failures(f"the output {self._workplace.target} cannot be written"):
            try:
                os.mkdir(place)  # noqa: PTH102  (there is one for each project)
            except FileExistsError:
                if not os.path.isdir(place):  # noqa: PTH112  (else another thread makes it)
                    raise
            os.chmod(place, _DIRECTORY_MODE)  # noqa: PTH101
        self._folders[path] = _EMPTY
        return place

    def _place_of(self, path: str) -> str:
        return f"{self._root.root}/{path}".rstrip("/")

    def _failures(self, problem: str, *, about: str = "") -> AbstractContextManager[None]:
        return storage_errors(problem, Place.OUTPUT, about=about)


def _in_larger_pieces(content: Iterable[str]) -> Iterator[bytes]:
    """Yield a text as UTF-8, in pieces that are worth writing."""
    return _joined(piece.encode("utf-8", "backslashreplace") for piece in content)


def _joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    waiting = bytearray()
    for encoded in pieces:
        if len(waiting) + len(encoded) < _WRITTEN_AT_ONCE:
            waiting += encoded
        else:
            yield bytes(waiting)
            yield encoded
            waiting.clear()
    yield bytes(waiting)


def _is_what_was_checked(blob: Blob, source: os.stat_result) -> bool:
    """Return whether ``source`` is the file that was checked, and nobody but us or root can change it."""
    if blob.file_id is None:
        return True
    own = source.st_uid in {0, os.geteuid()} and not source.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return own and file_number(source.st_dev, source.st_ino) == blob.file_id


def _sha256(path: str) -> str:
    with open(path, "rb") as file:  # noqa: PTH123  (a text)
        return hashlib.file_digest(file, "sha256").hexdigest()


def _taken(filename: str, contents: str) -> DistributionError:
    return DistributionError(
        f"two different files want to be {DEPS}/{filename}: {contents}",
        hint="two requirements name files of the same name: pin one of them to another version or address",
    )
