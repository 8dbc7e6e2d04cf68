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


@pytest.mark.parametrize("twice", [True, False])
def test_uv_and_fetch_deps_agree_where_the_private_index_is_named_in_both_places(
    shell: Shell, tmp_path: Path, twice: bool
) -> None:
    """uv asks extra indexes before --index-url, and fetch-deps after it; named once (the control) they differ."""
    with IndexServer() as private, IndexServer() as public:
        private.add("internal", make_wheel("internal", "1.2"))
        public.add("internal", make_wheel("internal", "99.0"))
        public.add("apple", make_wheel("apple", "1.0"))
        extra = f"--extra-index-url {private.index_url}\n" if twice else ""
        options = f"--index-url {private.index_url}\n{extra}--extra-index-url {public.index_url}\n"
        wanted = tmp_path / "requirements.in"
        wanted.write_text(f"{options}internal\napple\n")
        compile_command = (BIN / "uv", "pip", "compile", "-q", "--no-cache", wanted)
        lock = shell.run(*compile_command, offline=False)
        (tmp_path / "requirements.txt").write_text(f"{options}{lock}")
        fetch = ("fetch-deps", "--no-cache", "--source", tmp_path, "--output", tmp_path / "out")
        done = shell.try_(BIN / "cachi2ish", *fetch, '{"type": "pip", "allow_binary": true}', offline=False)
        into = ("--no-deps", "-d", tmp_path / "pip", "-r", tmp_path / "requirements.txt")
        by_pip = shell.try_(BIN / "python", "-m", "pip", "download", "-q", *into, offline=False)

    assert ("internal==1.2" in lock) is twice
    assert by_pip.status == 0, by_pip.errors
    if twice:
        assert done.status == 0, done.errors
        names = sorted(one.name for one in (tmp_path / "out" / "deps" / "pip").iterdir())
        assert names == sorted(one.name for one in (tmp_path / "pip").iterdir())
    else:
        assert "internal==99.0" in done.errors
