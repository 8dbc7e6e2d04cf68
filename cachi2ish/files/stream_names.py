"""The names by which a process reaches its streams, and devices that are written as streams are."""

from __future__ import annotations

import re
from pathlib import Path

#: ``/dev/shm`` is not among them: what is kept there are files. The last are those that ``/dev/fd`` leads to, such
#: as ``/proc/12/fd/pipe:[34]`` (proc_pid_fd(5)).
_STREAM = re.compile(
    r"/dev/(?:std(?:in|out|err)|tty\w*|console|null|full|(?:fd|pts)/\d+)|/proc/[^/]+/(?:task/\d+/)?fd/.+", re.ASCII
)


def names_a_stream(path: Path) -> bool:
    """Return whether ``path`` is the name of a stream; the file system is not asked, and no link is followed."""
    return _STREAM.fullmatch(str(path)) is not None
