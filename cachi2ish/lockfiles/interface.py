"""Lock files as the other rooms see them: a file becomes a `Lock`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from cachi2ish.core.requirements import Lock, Purpose


class LockReader(Protocol):
    """Reads one format."""

    def read(self, source: Path, file: str, purpose: Purpose, environ: Mapping[str, str]) -> Lock:
        """Return the requirements of ``source / file`` and of all that it includes.

        source: the root of the user's tree, resolved. file: relative to it, POSIX separators.
        environ: for ``${VAR}``.
        Raises one `LockFileError` or an `ErrorGroup` of all that is wrong in the whole closure.
        """
        ...
