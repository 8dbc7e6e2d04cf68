"""``verify`` and pip agree on real projects: what is proved is installed without a network; the rest is not."""

from __future__ import annotations

import sys
from pathlib import Path

from verify_truth import DATA, compared

#: Of the list; each takes some seconds. ``verify_truth.py`` compares all of them, by hand.
FIRST = 2


def test_verify_says_what_pip_does(tmp_path: Path) -> None:
    results = compared([sys.executable], (DATA / "projects.txt").read_text().split()[:FIRST], tmp_path)
    assert {result.word for result in results} <= {"right", "unknown", "beyond the proof"}
    assert sum(result.verdict == "proved" for result in results) >= FIRST - 1
    assert any(result.verdict == "disproved" for result in results)
