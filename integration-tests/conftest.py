"""Fixtures of the integration tests: they ask the real index, and use the real pip, uv, git and kernel."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness import EXAMPLE, Shell, clean_environment, cut_off_command


@pytest.fixture(scope="session")
def shell() -> Shell:
    """Programs with a clean environment, and a network that can be taken away from them.

    Where this machine allows no network namespace the tests are skipped; in CI that is a failure.
    """
    cut_off = cut_off_command()
    if cut_off is None:
        reason = "no network namespace can be made: it takes Linux, unshare (util-linux) and the right to use it"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return Shell(clean_environment(), cut_off)


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for the whole run, empty at its beginning."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def example_output(shell: Shell, cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example of the documentation, prefetched."""
    output = tmp_path_factory.mktemp("example") / "out"
    shell.fetch(EXAMPLE, output, cache_dir, "pip")
    return output
