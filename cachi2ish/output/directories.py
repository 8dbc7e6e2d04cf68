"""Output directories: assembled beside the one that is there, and swapped in at the end.

Nothing is synced to disk: an output that a power cut has torn is made again from the cache by another run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cachi2ish.advice import Place
from cachi2ish.core.outputs import DEPS, BuildConfig
from cachi2ish.errors import StorageError
from cachi2ish.files.os_errors import storage_errors
from cachi2ish.files.rooted import RootedPath
from cachi2ish.output.build_config import is_as_written, read_build_config
from cachi2ish.output.file_copies import stamp
from cachi2ish.output.staging import StagedOutput
from cachi2ish.output.workplace import open_workplace, refuse_strangers

_PROBLEM = "the output {} cannot be written"


class OutputDirectories:
    """Implements `cachi2ish.output.interface.Outputs`."""

    def check(self, directory: Path) -> None:
        """Raise `InputError` where something else is at ``directory``, `StorageError` where it is no path."""
        self._target(directory)

    def has_files(self, directory: Path) -> bool:
        """Return whether an output at ``directory`` has files to install. Raises `StorageError`."""
        return any(names for _, _, names in os.walk(RootedPath.of(directory, error=StorageError).root / DEPS))

    @contextmanager
    def stage(self, directory: Path) -> Iterator[StagedOutput]:
        """Begin an output at ``directory``: missing, empty, an earlier output, or a link to one of these.

        Leaving the context without `StagedOutput.publish` leaves everything as it was, whatever the reason.
        Two processes may do this at once: the one that publishes last has the place, whole.

        Raises `InputError` where something else is there, `StorageError` where it cannot be written.
        """
        target = self._target(directory)
        with storage_errors(_PROBLEM.format(directory), Place.OUTPUT, making=True):
            workplace = open_workplace(target)
        staging = StagedOutput(workplace)
        try:
            yield staging
        finally:
            workplace.close()
            if staging.published:
                with suppress(OSError):  # a mount point of somebody else's, whose entries were replaced
                    stamp(workplace.target)

    def _target(self, directory: Path) -> Path:
        target = RootedPath.of(directory, error=StorageError).root
        with storage_errors(_PROBLEM.format(directory), Place.OUTPUT):
            refuse_strangers(target)
        return target

    def read_build_config(self, directory: Path) -> BuildConfig:
        """Return what an earlier ``fetch-deps`` recorded; raises `InputError` where there is nothing to read."""
        return read_build_config(directory)

    def is_as_written(self, directory: Path) -> bool:
        """Return whether the record is still as it was written; raises as `read_build_config`."""
        return is_as_written(directory)
