"""The example of the documentation, from the first command to the running application."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness import EXAMPLE, Shell, tree

EXPECTED = """\
note              due         left
----------------  ----------  --------
cafe-buy-beans    2026-03-04  2 months
ship-the-release  2026-06-01  5 months
"""


def list_notes(shell: Shell, python: Path) -> str:
    return shell.run(python, EXAMPLE / "notes.py", "list", "--today", "2026-01-01", offline=True)


def test_the_example_installs_with_pip_offline_and_runs(
    shell: Shell, example_output: Path, tmp_path: Path
) -> None:
    python = shell.new_environment(tmp_path / "venv")
    shell.pip_install(python, example_output, "--require-hashes", "-r", "requirements.txt", cwd=EXAMPLE)
    assert list_notes(shell, python) == EXPECTED


def test_the_example_installs_with_uv_offline_and_runs(shell: Shell, example_output: Path, tmp_path: Path) -> None:
    python = shell.new_environment(tmp_path / "venv")
    shell.uv_install(python, example_output, "--require-hashes", "-r", "requirements.txt", cwd=EXAMPLE)
    assert list_notes(shell, python) == EXPECTED


def test_without_the_output_the_offline_install_fails(shell: Shell, tmp_path: Path) -> None:
    """The control: pip has no other source than the output."""
    python = shell.new_environment(tmp_path / "venv")
    install = (python, "-m", "pip", "install", "--retries", "0", "--no-deps", "-r", EXAMPLE / "requirements.txt")
    assert shell.try_(*install, offline=True, PIP_CACHE_DIR=str(tmp_path / "pip-cache")).status != 0


def test_the_output_holds_an_sdist_for_each_requirement(example_output: Path) -> None:
    files = [path.name for path in (example_output / "deps" / "pip").iterdir()]
    assert len(files) == len({*pins("requirements.txt"), *pins("requirements-build.txt")})
    assert not [name for name in files if name.endswith(".whl")]


def test_the_bill_of_materials_names_each_requirement_and_which_only_build(example_output: Path) -> None:
    bom = json.loads((example_output / "bom.json").read_text())
    components = {f"{one['name']}=={one['version']}": one for one in bom["components"]}
    runtime, build = pins("requirements.txt"), pins("requirements-build.txt")
    assert bom["metadata"]["component"]["name"] == "notes"
    assert runtime | build <= set(components)
    marked = {
        pin
        for pin, one in components.items()
        if {"name": "cachi2ish:pip:package:build-dependency", "value": "true"} in one.get("properties", [])
    }
    assert marked == build - runtime


def test_a_second_run_without_a_network_gives_the_same_output(
    shell: Shell, example_output: Path, cache_dir: Path, tmp_path: Path
) -> None:
    shell.fetch(EXAMPLE, tmp_path / "out", cache_dir, "pip", offline=True)
    assert tree(tmp_path / "out") == tree(example_output)


def test_a_run_without_a_cache_gives_the_same_output(shell: Shell, example_output: Path, tmp_path: Path) -> None:
    shell.fetch(EXAMPLE, tmp_path / "out", tmp_path / "empty-cache", "pip")
    assert tree(tmp_path / "out") == tree(example_output)


@pytest.mark.parametrize("name", ["notes", "with a space"])
def test_an_output_that_has_moved_still_installs(
    shell: Shell, example_output: Path, tmp_path: Path, name: str
) -> None:
    moved = tmp_path / name / "out"
    moved.parent.mkdir()
    moved.symlink_to(example_output)
    python = shell.new_environment(tmp_path / "venv")
    shell.pip_install(python, moved, "flit_core==3.12.0", cwd=tmp_path)


def pins(file: str) -> set[str]:
    lines = (EXAMPLE / file).read_text().splitlines()
    return {line.split()[0] for line in lines if "==" in line and line[0].isalnum()}
