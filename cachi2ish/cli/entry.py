"""Where the process begins: Ctrl-C before the program is loaded ends it as it ends any other: without a word."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager


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
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # else whoever started us wants it ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # pydantic would look through all distributions of the environment for plugins, which nobody here wants to run.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    yield
    signal.signal(signal.SIGINT, before)
