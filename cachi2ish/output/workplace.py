"""Where an output is assembled, and what it may replace: nothing but an earlier output."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from msgspec import Struct

from cachi2ish.advice import Hint
from cachi2ish.core.distributions import is_wheel, sdist_extension
from cachi2ish.core.outputs import DEPS
from cachi2ish.errors import InputError
from cachi2ish.files.locks import is_at
from cachi2ish.files.os_errors import FORBIDDEN
from cachi2ish.files.scratch import RANDOM, claim, short_name
from cachi2ish.output.build_config import BUILD_CONFIG, read_build_config
from cachi2ish.output.swap import is_mount_point, restore

#: A staging directory inside the output, where one beside it is not possible.
INSIDE = ".staging-"

#: What may be in an output and is none of its content: staging directories, of this process and of others, and
#: what a file system keeps at its top, where an output is a mount point.
UNTOUCHED = re.compile(rf"{re.escape(INSIDE)}{RANDOM}|lost\+found")


class Workplace(Struct, frozen=True):
    """A staging directory.

    target: the output, links resolved. inside: whether ``path`` is in ``target`` and not beside it.
    lock: an open descriptor of ``path``; while it is locked, nobody takes the directory for a leftover.
    made: the directories above ``target`` that were missing.
    """

    path: Path
    target: Path
    inside: bool
    lock: int
    made: tuple[Path, ...]

    def close(self) -> None:
        """Remove what is at ``path`` now: an output that came to nothing, or the one that was replaced."""
        shutil.rmtree(self.path, ignore_errors=True)  # what resists is removed as a leftover by a later run
        os.close(self.lock)
        for directory in reversed(self.made):
            with suppress(OSError):  # not empty: the output is in it
                directory.rmdir()


def open_workplace(target: Path) -> Workplace:
    """Make a staging directory for ``target``; remove those of processes that are gone. Raises `OSError`.

    It is beside the output, so that it can take its place by a rename, unless that cannot or should not be
    done: for a mount point, for the current directory (a shell that stands in it would stand in a removed one),
    and where the directory above may not be written.
    """
    made = _make_directories(target.parent)
    try:
        if not _stays(target):
            try:
                restore(target)
                path, lock = claim(target.parent, f".{short_name(target.name)}.staging-")
            except OSError as error:
                if error.errno not in FORBIDDEN or not target.is_dir():
                    raise
            else:
                return Workplace(path, target, inside=False, lock=lock, made=made)
        path, lock = claim(target, INSIDE)
        return Workplace(path, target, inside=True, lock=lock, made=made)
    except BaseException:
        for directory in reversed(made):
            with suppress(OSError):
                directory.rmdir()
        raise


def _stays(target: Path) -> bool:
    if not target.is_dir():
        return False
    with suppress(FileNotFoundError):  # the current directory may have been removed
        if Path.cwd().samefile(target):
            return True
    return is_mount_point(target)


def _make_directories(directory: Path) -> tuple[Path, ...]:
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    missing.reverse()
    directory.mkdir(parents=True, exist_ok=True)
    return tuple(missing)


#: What people and the commands write into an output directory, beside ``deps``: environment files, results.
_SUFFIXES = (".json", ".env", ".sh")

#: What stays where an output is replaced entry by entry.
KEPT = re.compile(rf"{UNTOUCHED.pattern}|.*(?:{'|'.join(map(re.escape, _SUFFIXES))})", re.DOTALL)

_LISTED = 4


def refuse_strangers(target: Path) -> None:
    """Raise `InputError` where ``target`` (links resolved) is no directory, or holds what is not an output's.

    It may be missing, empty, or an earlier output: with ``.build-config.json``, ``deps`` with nothing but what a
    prefetch wrote, and no other entries than files that end in .json, .env or .sh, which are kept. So nobody's own
    work is ever removed. Raises `OSError`.
    """
    try:
        found = _entries(target)
    except FileNotFoundError:
        return
    except NotADirectoryError as error:
        if not target.exists():  # a part of the path above it is a file
            raise
        raise InputError(f"the output {target} is a file", hint=Hint.NAME_DIRECTORY) from error
    earlier = any(entry.name == BUILD_CONFIG for entry in found)
    strangers = [entry.name for entry in found if not (earlier and _ours(entry))] or _strangers_below(target)
    if strangers:
        kind = "an earlier output and other things" if earlier else "no output of fetch-deps"
        raise InputError(
            f"the output {target} holds {kind}: {_listed(sorted(strangers))}",
            hint=Hint.NAME_EMPTY_DIRECTORY,
        )


def _strangers_below(target: Path) -> list[str]:
    while True:
        descriptor = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
        try:
            found = list(_others_below(target))
            # Another process may have replaced it between the record and the files.
            if is_at(descriptor, target):
                return found
        finally:
            os.close(descriptor)


def _others_below(target: Path) -> Iterator[str]:
    """Yield what stands in ``deps`` and is not of the prefetch that wrote the output."""
    recorded = _recorded(target)
    known = {DEPS, *(recorded or ())}
    folders: set[str] = set()
    for path in known:
        folder = path.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    folders.add(DEPS)
    waiting = [PurePosixPath(DEPS).parts[0]]
    while waiting:
        folder = waiting.pop()
        with suppress(FileNotFoundError, NotADirectoryError):  # another process may be replacing it
            for entry in _entries(target / folder):
                path = f"{folder}/{entry.name}"
                if path in folders and entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                elif not entry.is_file(follow_symlinks=False) or not _is_own(path, recorded):
                    yield path


def _is_own(path: str, recorded: frozenset[str] | None) -> bool:
    if recorded is not None:
        return path in recorded
    # Without a record, as in an output of Hermeto's, by the form of the name.
    folder, _, name = path.rpartition("/")
    return folder == DEPS and (is_wheel(name) or sdist_extension(name) is not None)


def _recorded(target: Path) -> frozenset[str] | None:
    try:
        files = read_build_config(target).files
    except InputError:
        return None
    return None if files is None else frozenset(files)


def keep_others(old: Path, new: Path) -> None:
    """Let what others wrote into the output ``old``, beside ``deps``, be in ``new`` too, where the name is free.

    As another name of the same file, which loses nothing whenever this process is killed. Raises `OSError`.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        for entry in _entries(old):
            place = new / entry.name
            if not entry.name.endswith(_SUFFIXES) or os.path.lexists(place):
                continue
            try:
                os.link(entry.path, place, follow_symlinks=False)
            except OSError:  # a file system without links, or a file that is not ours to link
                shutil.copy2(entry.path, place, follow_symlinks=False)


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    while True:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with os.scandir(directory) as entries:
                found = [entry for entry in entries if not UNTOUCHED.fullmatch(entry.name)]
            # Another process may have replaced it while it was read, and be removing what was read.
            if is_at(descriptor, directory):
                return found
        finally:
            os.close(descriptor)


def _ours(entry: os.DirEntry[str]) -> bool:
    if entry.name == "deps":
        return entry.is_dir(follow_symlinks=False)
    return entry.name.endswith(_SUFFIXES) and not entry.is_dir(follow_symlinks=False)


def _listed(names: list[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(map(repr, names[:_LISTED])) + (f" and {more} more" if more > 0 else "")
