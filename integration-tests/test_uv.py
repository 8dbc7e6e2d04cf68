"""uv, with nothing but the variables of ``generate-env``: it finds the files, and believes nobody else."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest
from harness import BIN, Done, Shell

from tests.support.distributions import make_wheel
from tests.support.index_server import IndexServer


def prefetched(shell: Shell, index: IndexServer, folder: Path, output: Path) -> None:
    (folder / "requirements.txt").write_text(f"--index-url {index.index_url}\napple==1.0\n")
    (folder / "install.txt").write_text("apple\n")
    shell.fetch(folder, output, folder / "cache", '{"type": "pip", "allow_binary": true}')


def uv_pip_install(shell: Shell, python: Path, environment: Mapping[str, str], *, offline: bool) -> Done:
    clean = dataclasses.replace(shell, environment={**shell.environment, **environment})
    return clean.try_(BIN / "uv", "pip", "install", "apple", "--python", python, offline=offline)


def installed(shell: Shell, python: Path) -> str:
    return shell.run(python, "-c", "from importlib.metadata import version; print(version('apple'))")


def test_uv_finds_the_files_wherever_they_are(shell: Shell, tmp_path: Path) -> None:
    """Where a path has what uv would split, expand or take for a name."""
    folder = tmp_path / "a b, c=$d ${HOME} é"
    folder.mkdir()
    with IndexServer() as index:
        index.add("apple", make_wheel("apple", "1.0"))
        prefetched(shell, index, folder, folder / "out")
    python = shell.new_environment(tmp_path / "venv")
    shell.uv_install(python, folder / "out", "-r", str(folder / "install.txt"), cwd=tmp_path)
    assert installed(shell, python) == "1.0\n"


@pytest.mark.parametrize("complete", [True, False])
def test_uv_believes_no_page_that_it_has_seen_before(shell: Shell, tmp_path: Path, complete: bool) -> None:
    """uv's cache holds a page with a newer version; without UV_DEFAULT_INDEX (the control) uv takes that."""
    python = shell.new_environment(tmp_path / "venv")
    with IndexServer() as index:
        index.add("apple", make_wheel("apple", "1.0"))
        prefetched(shell, index, tmp_path, tmp_path / "out")
        index.add("apple", make_wheel("apple", "2.0"))
        settings = {"UV_INDEX_URL": index.index_url, "UV_CACHE_DIR": str(tmp_path / "uv-cache")}
        assert uv_pip_install(shell, python, settings, offline=False).status == 0
    variables = shell.variables(tmp_path / "out")
    if not complete:
        del variables["UV_DEFAULT_INDEX"]

    again = shell.new_environment(tmp_path / "venv-2")
    done = uv_pip_install(shell, again, {**settings, **variables}, offline=True)

    assert done.status == 0, done.errors
    assert installed(shell, again) == ("1.0\n" if complete else "2.0\n")
