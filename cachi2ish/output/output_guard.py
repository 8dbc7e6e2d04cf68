"""What may be replaced: nothing but an earlier output."""

from __future__ import annotations

import os
from pathlib import Path

from cachi2ish.errors import InputError
from cachi2ish.files.locks import is_at
from cachi2ish.files.os_errors import OUTPUT_OPTION
from cachi2ish.output.build_config import BUILD_CONFIG
from cachi2ish.output.workplace import UNTOUCHED

#: What the commands write into an output directory, beside ``deps``: bills of materials, environment files.
_SUFFIXES = (".json", ".env", ".sh")

_LISTED = 4


def refuse_strangers(target: Path) -> None:
    """Raise `InputError` where ``target`` (links resolved) is no directory, or holds what is not an output's.

    It may be missing, empty, or an earlier output: with ``.build-config.json``, ``deps``, and no other
    entries than files that end in .json, .env or .sh. So nobody's own work is ever removed. Raises `OSError`.
    """
    try:
        found = _entries(target)
    except FileNotFoundError:
        return
    except NotADirectoryError as error:
        if not target.exists():  # a part of the path above it is a file
            raise
        raise InputError(
            f"the output {target} is a file", hint=f"name a directory with {OUTPUT_OPTION}, new or empty"
        ) from error
    earlier = any(entry.name == BUILD_CONFIG for entry in found)
    strangers = sorted(entry.name for entry in found if not (earlier and _ours(entry)))
    if strangers:
        kind = "an earlier output and other things" if earlier else "no output of fetch-deps"
        raise InputError(
            f"the output {target} holds {kind}: {_listed(strangers)}",
            hint=f"name a new or empty directory with {OUTPUT_OPTION}, or move these out of the way",
        )


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
