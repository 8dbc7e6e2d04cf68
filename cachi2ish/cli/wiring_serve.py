"""Builds the server of an output; the mirror's history, which takes long to import, is no part of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from cachi2ish.cli.display.console import Console, Level
from cachi2ish.cli.process import limit_malloc_arenas
from cachi2ish.mirror.fixed_set import read_output
from cachi2ish.mirror.server.output_doors import serving_fixed
from cachi2ish.mirror.server.serving import address_of, listen, serve, serve_around
from cachi2ish.services.index_environment import index_environment
from cachi2ish.services.lock_build_deps.constraints import admits, read_constraints

#: Where an output is served: to this machine.
_LOOPBACK = "127.0.0.1"

#: The exit status for a command that is not there, and for one that cannot be run, as env(1) has them.
_NOT_FOUND, _NOT_RUN = 127, 126


def serve_output(
    directory: Path,
    command: Sequence[str],
    port: int,
    constraints: Sequence[Path],
    console: Console,
) -> int:
    """Serve an output around ``command``, or where there is none until somebody ends it; return the exit status.

    constraints: files that say which versions are served. Raises `InputError` where it cannot begin.
    """
    limit_malloc_arenas()
    allowed = read_constraints(constraints)
    content = read_output(directory, partial(admits, allowed))
    with listen(_LOOPBACK, port) as listener:
        index = f"{address_of(listener)}simple/"
        place = f"{index} from {directory}"
        application = serving_fixed(content)
        if not command:
            serve(application, listener, lambda: console.report(Level.INFO, f"serving {place}"))
            console.report(Level.INFO, "ended")
            return 0
        console.report(Level.DEBUG, f"serving {place}")
        try:
            return serve_around(application, listener, command, index_environment(os.environ, index, _LOOPBACK))
        except OSError as error:
            console.report(Level.ERROR, f"{command[0]} cannot be run: {error.strerror}")
            return _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_RUN
