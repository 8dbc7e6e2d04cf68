"""Places for the tests of this room."""

from __future__ import annotations

from pathlib import Path

import pytest

from cachi2ish.output.directories import OutputDirectories
from cachi2ish.output.interface import Outputs


@pytest.fixture
def outputs() -> Outputs:
    return OutputDirectories()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A directory with nothing in it but what the test makes."""
    (tmp_path / "work").mkdir()
    return tmp_path / "work"
