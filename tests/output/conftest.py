"""Places for the tests of this room."""

from __future__ import annotations

from pathlib import Path

import pytest

from cachi2ish.core.outputs import BuildConfig
from cachi2ish.output.build_config import render_build_config
from cachi2ish.output.directories import OutputDirectories
from cachi2ish.output.interface import Outputs


def config_text(config: BuildConfig) -> str:
    """The content of ``.build-config.json``."""
    return b"".join(render_build_config(config)).decode()


@pytest.fixture
def outputs() -> Outputs:
    return OutputDirectories()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A directory with nothing in it but what the test makes."""
    (tmp_path / "work").mkdir()
    return tmp_path / "work"
