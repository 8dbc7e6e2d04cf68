"""Which of the files that a user names can be read without waiting for somebody who may never come."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cachi2ish.core.streams import names_a_stream
from cachi2ish.errors import InputError


def refuse_pipes(path: Path, what: str) -> None:
    """Raise `InputError` for a named pipe and the like: reading it would wait until somebody writes to it.

    what: the file as a sentence begins with it. Streams of the process itself may be read, and what is not there,
    or not for us to see, is left to whoever opens it.
    """
    try:
        mode = path.stat().st_mode
        real = Path(os.path.realpath(path))
    except (OSError, ValueError):
        return
    # By the real name: /dev/stdin may be a named pipe, which would be opened anew, when its writer may have gone.
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or names_a_stream(real):
        return
    raise InputError(f"{what} is not a regular file", hint="name a regular file, or a stream such as /dev/stdin")
