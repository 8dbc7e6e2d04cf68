"""Seventy real packages with all that they are built with, as sdists, from the real index."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import BIN, DATA, Done, Shell, tree

LARGE = DATA / "large"

#: Imports every module that an installed distribution brings, and prints how many distributions there were.
IMPORT_ALL = """
import importlib
from importlib.metadata import packages_distributions

found = {
    module: distributions
    for module, distributions in packages_distributions().items()
    if module.isidentifier() and not {"pip", "setuptools"} & set(distributions)
}
for module in found:
    importlib.import_module(module)
print(len({name for names in found.values() for name in names}))
"""


@pytest.fixture(scope="module")
def first_run(shell: Shell, cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Path]:
    output = tmp_path_factory.mktemp("large") / "out"
    return shell.fetch(LARGE, output, cache_dir, '{"type": "pip"}'), output


@pytest.fixture(scope="module")
def output(first_run: tuple[Done, Path]) -> Path:
    return first_run[1]


def test_the_lock_is_as_large_as_it_should_be() -> None:
    lines = (LARGE / "requirements.txt").read_text().splitlines()
    assert sum(line[0].isalnum() for line in lines) >= 40
    assert all("==" in line for line in lines if line[0].isalnum())


def test_two_versions_of_one_project_are_both_fetched(output: Path) -> None:
    """A universal lock pins one version for old Pythons and another for new ones; build requirements too."""
    names = {path.name for path in (output / "deps" / "pip").iterdir()}
    assert {"networkx-3.6.1.tar.gz", "networkx-3.7.tar.gz"} <= names
    assert {"flit_core-3.12.0.tar.gz", "flit_core-4.2.0.tar.gz"} <= names


def test_pip_installs_it_offline_and_every_module_imports(shell: Shell, output: Path, tmp_path: Path) -> None:
    python = shell.new_environment(tmp_path / "venv")
    shell.pip_install(python, output, "--require-hashes", "-r", "requirements.txt", cwd=LARGE)
    assert int(shell.run(python, "-c", IMPORT_ALL, offline=True)) >= 40


def test_uv_installs_it_offline_and_every_module_imports(shell: Shell, output: Path, tmp_path: Path) -> None:
    python = shell.new_environment(tmp_path / "venv")
    shell.uv_install(python, output, "--require-hashes", "-r", "requirements.txt", cwd=LARGE)
    assert int(shell.run(python, "-c", IMPORT_ALL, offline=True)) >= 40


def test_a_second_run_asks_nothing_of_anybody(shell: Shell, output: Path, cache_dir: Path, tmp_path: Path) -> None:
    again = shell.fetch(LARGE, tmp_path / "out", cache_dir, "pip", offline=True)
    assert tree(tmp_path / "out") == tree(output)
    assert "(0 from the network" in again.errors


def test_a_run_with_an_empty_cache_gives_the_same_bytes(shell: Shell, output: Path, tmp_path: Path) -> None:
    shell.fetch(LARGE, tmp_path / "out", tmp_path / "cache", "pip")
    assert tree(tmp_path / "out") == tree(output)


def test_a_dry_run_writes_nothing(shell: Shell, cache_dir: Path, tmp_path: Path) -> None:
    plan = shell.fetch(LARGE, tmp_path / "out", cache_dir, "--dry-run", "pip")
    assert "networkx-3.7.tar.gz" in plan.output
    assert not (tmp_path / "out").exists()


def test_one_wrong_digest_ends_the_run_and_writes_nothing(shell: Shell, cache_dir: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    lock = "itsdangerous==2.2.0 --hash=sha256:" + "0" * 64 + "\n"
    (source / "requirements.txt").write_text(lock)
    places = ("--source", source, "--output", tmp_path / "out", "--cache-dir", cache_dir)
    done = shell.try_(BIN / "cachi2ish", "fetch-deps", *places, "pip")
    assert done.status not in {0, 1}
    assert "requirements.txt:1: " in done.errors
    assert "Traceback" not in done.errors
    assert not (tmp_path / "out").exists()
