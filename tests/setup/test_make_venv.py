"""``make venv`` and ``make install`` bring what is pinned, whatever others have released since.

Here with the pip that this Python brings and with the one that is pinned, the newest. With older ones:
``integration-tests/test_setup.py``.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.support.clones import PINS, Clone, check_make_venv, make_clone
from tests.support.distributions import make_sdist
from tests.support.index_server import IndexServer


@pytest.fixture(scope="module")
def newest_pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pip that the lock of this project pins, in a folder of its own."""
    folder = tmp_path_factory.mktemp("pip")
    installed = distribution("pip")
    for file in installed.files or ():
        if file.parts[0].startswith("pip"):
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(file.locate()), target)
    return folder


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer() as index:
        yield index


@pytest.fixture
def clone(index: IndexServer, newest_pip: Path, tmp_path: Path) -> Clone:
    return make_clone(tmp_path / "clone", index, newest_pip)


def test_what_is_pinned_is_installed_and_nothing_else_is_asked_for(clone: Clone) -> None:
    check_make_venv(clone)


def test_the_pip_that_this_python_brings_does_the_same(index: IndexServer, tmp_path: Path) -> None:
    check_make_venv(make_clone(tmp_path / "clone", index))


def test_an_installation_of_ones_own_has_what_is_pinned_too(clone: Clone, tmp_path: Path) -> None:
    done = clone.make("install", f"PREFIX={tmp_path / 'my own'}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert clone.installed(tmp_path / "my own") == dict.fromkeys(PINS, "1.0")
    assert (tmp_path / "my own" / "bin" / "cachi2ish").is_symlink()
    assert not (clone.folder / "there").exists(), "tools of developers are installed for somebody who only uses it"
    assert clone.asked_beyond(*PINS.values()) == set()


def test_no_sdist_is_built_for_that_would_take_the_newest_setuptools(clone: Clone) -> None:
    sdist = make_sdist("plum", "1.0")
    clone.index.add("plum", sdist)
    clone.lock(*PINS.values(), sdist)
    done = clone.make("venv")
    assert done.returncode != 0
    assert "No matching distribution found for plum==1.0" in done.stderr
    assert clone.asked_beyond(*PINS.values(), sdist) == set()


def test_a_lock_that_lacks_a_dependency_is_refused(clone: Clone) -> None:
    clone.lock(PINS["core"], PINS["reader"])
    done = clone.make("venv")
    assert done.returncode != 0
    assert "does not fit pyproject.toml; run: make lock" in done.stderr
