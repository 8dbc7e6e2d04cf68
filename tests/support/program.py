"""The command line as a program of its own: for what a process can lack, close, lose or be sent."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.command_line import clean_environment

PROGRAM = (sys.executable, "-m", "cachi2ish")
_ROOT = Path(__file__).resolve().parents[2]


def environment(home: Path, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a user who has configured nothing, with this tree's package."""
    return clean_environment(home, PYTHONPATH=str(_ROOT), **(environ or {}))


def start(
    *arguments: str | Path, environ: Mapping[str, str], stdout: int = subprocess.PIPE
) -> subprocess.Popen[str]:
    """Start ``cachi2ish ARGUMENTS`` in a process group of its own."""
    return subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        env=dict(environ),
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def shell(
    script: str,
    *arguments: str | Path,
    environ: Mapping[str, str],
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a shell script in which ``"$@"`` is ``cachi2ish ARGUMENTS``."""
    return subprocess.run(
        ["/bin/bash", "-c", script, "bash", *PROGRAM, *map(str, arguments)],
        env=dict(environ),
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


#: Prints the peak memory of its only child to standard output.
_SCALES = """
import os, resource, subprocess, sys
code = subprocess.run(sys.argv[1:], check=False, stdout=sys.stderr).returncode
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(peak * (1 if sys.platform == "darwin" else 1024))
sys.exit(code)
"""


def weigh(
    command: Sequence[str | Path], environ: Mapping[str, str]
) -> tuple[subprocess.CompletedProcess[str], int]:
    """Run a program to its end; return how that was, and the most bytes of memory that it had.

    A small process starts it: the kernel lets a peak begin at that of the process that makes the new one, and what
    runs the tests may be larger than what is weighed. What the program writes is all in ``stderr``.
    """
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _SCALES, *map(str, command)],
        env=dict(environ),
        capture_output=True,
        text=True,
        check=False,
    )
    return done, int(done.stdout)


@contextmanager
def serving_at(process: subprocess.Popen[str], says: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Yield the address that a server names in its first line, and the server; it is ended behind the block.

    says: a regular expression for the line, of which the first group is the address.
    """
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.match(says, line)
        assert found, line + process.stderr.read()
        yield found[1], process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
