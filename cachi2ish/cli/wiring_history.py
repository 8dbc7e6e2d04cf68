"""Opens the history of a mirror for the commands that need no server and no upstream."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cachi2ish.cache.memory.signing import signer_with
from cachi2ish.cli.process import home_directory
from cachi2ish.errors import InputError
from cachi2ish.index.default import default_index_url
from cachi2ish.mirror.history.interface import History, Seal
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.records import Registry
from cachi2ish.settings.flags import Flags
from cachi2ish.settings.mirror_settings import mirror_directory
from cachi2ish.settings.settings import cache_key

#: Below the directory of a mirror.
HISTORY = "history.sqlite"

#: The registry that every mirror has.
_MAIN = "pypi"


@contextmanager
def mirror_history(flags: Flags, *, make: bool = False) -> Iterator[History]:
    """Yield the history of the mirror that the settings name.

    The rules of its registries are those of the last ``serve``. make: begin one where there is none.
    Raises `InputError` where there is none, and `StorageError` where it cannot be used.
    """
    directory = mirror_directory(flags, os.environ, home_directory())
    if not make:
        expect_history(directory)
    with SqlHistory(directory / HISTORY) as history:
        if not any(one.name == _MAIN for one in history.registries()):
            history.configure(Registry(name=_MAIN, url=default_index_url()))
        yield history


def expect_history(directory: Path) -> None:
    """Raise `InputError` where no mirror has begun in ``directory``."""
    if not (directory / HISTORY).is_file():
        raise InputError(
            f"there is no mirror in {directory}",
            hint="name its directory with --directory; mirror serve, track and import make one",
        )


def seal(flags: Flags) -> Seal | None:
    """Return what signs a history, None where the settings name no key."""
    key: Path | None = cache_key(flags)
    return None if key is None else signer_with(key)
