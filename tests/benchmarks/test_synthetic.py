from __future__ import annotations

import hashlib
from pathlib import Path

from benchmarks.pages import page_of
from benchmarks.sources import lock
from benchmarks.synthetic import VERSIONS, make_mirror, pins_of
from benchmarks.workload import read_pins


def test_made_up_projects_are_the_same_each_time(tmp_path: Path) -> None:
    first, again = make_mirror(tmp_path / "a", 3), make_mirror(tmp_path / "b", 3)
    assert first.projects == again.projects
    for each in first.held:
        content = (first.site / each.file.path).read_bytes()
        assert hashlib.sha256(content).hexdigest() == each.file.sha256
        assert (again.site / each.file.path).read_bytes() == content


def test_a_page_has_twenty_files_of_which_one_is_pinned(tmp_path: Path) -> None:
    mirror = make_mirror(tmp_path, 2)
    page = page_of(mirror.projects[0], "https://127.0.0.1:9/")
    assert len(page.files) == len(page.versions or ()) == VERSIONS == 20
    (pin, _) = pins = tuple(pins_of(mirror))
    assert pin.version == "1.19"
    text = lock(pins, {each.file.sha256 for each in mirror.held})
    assert read_pins(text) == pins


def test_a_lock_names_what_is_held_and_nothing_else(tmp_path: Path) -> None:
    mirror = make_mirror(tmp_path, 2)
    (first, second) = tuple(pins_of(mirror))
    assert read_pins(lock((first, second), first.digests)) == (first,)
