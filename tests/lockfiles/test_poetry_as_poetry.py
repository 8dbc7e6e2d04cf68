"""What is read of ``poetry.lock`` is what Poetry exports of it.

The locks and the exports in ``data`` are those of Poetry 1.1.15, 1.8.5 and 2.5.1 for the same index.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cachi2ish.core.requirements import Pinned, Purpose
from cachi2ish.core.urls import Address
from cachi2ish.lockfiles.interface import Lock, Selection
from cachi2ish.lockfiles.poetry.poetry_reader import PoetryReader
from tests.support.exports import exported, installed, locked, reexported

DATA = Path(__file__).parent / "data"
CASES = [
    *(
        ("poetry-2.1", name, selection)
        for name, selection in {
            "default": Selection(),
            "no-dev": Selection(no_groups=("dev",)),
            "s3": Selection(extras=("s3",), no_groups=(":all:",)),
            "all": Selection(extras=(":all:",), groups=(":all:",)),
            "docs": Selection(groups=("docs",), no_groups=("main", "dev")),
        }.items()
    ),
    *(
        (version, name, selection)
        for version in ("poetry-2.0", "poetry-1.1")
        for name, selection in {
            "default": Selection(),
            "s3": Selection(extras=("S3",)),
            "no-dev-s3": Selection(extras=("s3",), no_groups=("dev",)),
        }.items()
    ),
]


def read(version: str, selection: Selection = Selection()) -> Lock:  # noqa: B008
    return PoetryReader().read(DATA / version, "poetry.lock", Purpose.RUNTIME, {}, selection)


@pytest.mark.parametrize(("version", "name", "selection"), CASES)
def test_what_is_read_is_what_poetry_exports(version: str, name: str, selection: Selection) -> None:
    lock = read(version, selection)
    lines = exported((DATA / version / f"export-{name}.txt").read_text())
    if version != "poetry-1.1":  # whose export loses what a circle leads to
        assert installed(locked(lock.requirements)) == installed(lines)
    assert sorted(map(repr, reexported(lock))) == sorted(map(repr, locked(lock.requirements)))
    assert {one.what: one.digests for one in locked(lock.requirements)} == {one.what: one.digests for one in lines}


@pytest.mark.parametrize("version", ["poetry-2.1", "poetry-2.0", "poetry-1.1"])
def test_a_lock_of_the_real_tool_fits_its_project_and_names_its_index(version: str) -> None:
    lock = read(version)
    assert lock.stale == ()
    assert lock.index_urls == (Address("http://index.example/simple"),)
    assert all(isinstance(one, Pinned) and one.indexes.alone and not one.files for one in lock.requirements)
