"""The mirror of PyPI says of a date what PyPI's upload times say, and uv and pip choose the same from both.

``mirror_oracles.py`` does this for more projects and dates, one after another.
"""

from __future__ import annotations

from pathlib import Path

from harness import Shell
from mirror_oracles import DATES, PROJECTS, Choosers, Found, compare_pages, serving

TOGETHER = PROJECTS[:20]


def test_pages_uv_and_pip_are_as_of_the_date(shell: Shell, tmp_path: Path) -> None:
    found = Found()
    choosers = Choosers(shell, tmp_path)
    with serving(tmp_path / "mirror") as mirror:
        compare_pages(mirror, TOGETHER, DATES[:3], found)
        for day in DATES[:3]:
            choosers.uv(mirror, day, TOGETHER, found)
            choosers.pip(mirror, day, ("flask", "requests", "rich"), found)
    assert found.differences == []
    # They have not agreed on nothing.
    assert found.compared["page"] == 60
    assert found.compared["files"] > 5000
    assert found.compared["uv"] > 100
    assert found.compared["pip"] > 30
