"""Putting what is fetched into the output."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from cachi2ish.core.artifacts import Blob
from cachi2ish.errors import Cachi2ishError

if TYPE_CHECKING:
    from cachi2ish.output.interface import Staging


class Placing:
    """Copies each file as soon as it has arrived, while others are still on their way.

    That is harmless: nobody sees the output before it is published, and it never is when anything fails.
    """

    def __init__(self, staging: Staging) -> None:
        self._staging = staging
        self._lock = Lock()
        self._begun: set[str] = set()
        self._failed: list[tuple[str, Cachi2ishError]] = []

    def place(self, filename: str, blob: Blob) -> None:
        """Copy a file; of one name the first. A failure is kept for `finish`. Safe to call from many threads."""
        with self._lock:
            if filename in self._begun:
                return
            self._begun.add(filename)
        try:
            self._staging.place(blob, filename)
        except Cachi2ishError as error:
            with self._lock:
                self._failed.append((filename, error))

    def finish(self) -> None:
        """Raise what has failed: the first by name, since a full disk is one failure and not one for each file."""
        if self._failed:
            raise min(self._failed, key=lambda pair: pair[0])[1]
