"""The names under which this program runs: its own, and those of the program that it can stand in for.

``ln -s cachi2ish hermeto`` is all that a drop-in needs: it is one program, which looks at the name it was called
by. No distribution installs the other names, since the real program may be in the same environment.
"""

from __future__ import annotations

from pathlib import PurePath

import typer

#: Its own name.
PROGRAM = "cachi2ish"

#: What Hermeto is called, and what it was called before.
DROP_IN_NAMES = frozenset({"hermeto", "cachi2"})


def program_name(path: str) -> str:
    """Return the name to go by, from the path that the process was started with (``sys.argv[0]``)."""
    name = PurePath(path).name
    return name if name in DROP_IN_NAMES else PROGRAM


def program_of(context: typer.Context) -> str:
    """Return the name that a running command goes by."""
    name = context.find_root().info_name
    return name if name in DROP_IN_NAMES else PROGRAM


def is_drop_in(context: typer.Context) -> bool:
    """Return whether the program stands in for Hermeto."""
    return program_of(context) in DROP_IN_NAMES
