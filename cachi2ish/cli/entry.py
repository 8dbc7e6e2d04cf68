"""Where the process begins: Ctrl-C before the program is loaded ends it as it ends any other: without a word.

The search for cycles is made rarer here, since to load the program makes most of the objects of a short run.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

#: Objects that are made before the next search for cycles among the youngest. What a command makes lives until its
#: end, for the most part. Processor time, of a first run and of one that finds all in the cache: with 20,000, 0.95
#: and 0.97 of that with Python's default; with 100,000, 0.97 and 0.9 of that with 20,000 (and at most 1 MB more).
_COLLECT_EVERY = 100_000


def main() -> None:
    """Run ``cachi2ish``, or what it was called as."""
    with _loading():
        from cachi2ish.cli.main import main as run
    run()


def fetch_deps() -> None:
    """Run ``fetch-deps`` as a program of its own."""
    with _loading():
        from cachi2ish.cli.main import fetch_deps_main as run
    run()


def generate_env() -> None:
    """Run ``generate-env`` as a program of its own."""
    with _loading():
        from cachi2ish.cli.main import generate_env_main as run
    run()


def inject_files() -> None:
    """Run ``inject-files`` as a program of its own."""
    with _loading():
        from cachi2ish.cli.main import inject_files_main as run
    run()


@contextmanager
def _loading() -> Iterator[None]:
    gc.set_threshold(_COLLECT_EVERY)
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # else whoever started us wants it ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # pydantic would look through all distributions of the environment for plugins, which nobody here wants to run.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    yield
    signal.signal(signal.SIGINT, before)
