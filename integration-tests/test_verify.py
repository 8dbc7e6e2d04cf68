"""``verify`` and pip agree on real projects: what is proved is installed without a network; the rest is not."""

from __future__ import annotations

import sys
from pathlib import Path

from verify_truth import compared, locked_projects

#: Ten small ones, whose locks are kept. ``verify_truth.py`` compares all forty, by hand.
PROJECTS = 10


def test_verify_says_what_pip_does(tmp_path: Path) -> None:
    projects = locked_projects()
    assert len(projects) == PROJECTS
    results = compared([sys.executable], projects, tmp_path, locked=True)
    assert len(results) == 2 * PROJECTS
    assert {result.word for result in results} <= {"right", "unknown", "beyond the proof"}
    assert sum(result.verdict == "unknown" for result in results) <= 1
    assert sum(result.verdict == "proved" for result in results) >= PROJECTS
    assert any(result.verdict == "disproved" for result in results)
