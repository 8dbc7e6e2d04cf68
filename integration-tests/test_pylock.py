"""``pylock.toml`` as uv and pip write it for the example: fetched without an index, and installed offline."""

from __future__ import annotations

import json
import platform
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
from harness import BIN, EXAMPLE, Shell, tree
from test_example import EXPECTED, list_notes, pins

MINOR = ".".join(map(str, sys.version_info[:2]))
HERE = {"python": MINOR, "platform": f"manylinux_2_28_{platform.machine()}"}
WINDOWS = {"python": "3.13", "platform": "win_amd64"}

UV = (BIN / "uv", "--quiet", "--project", ".")


def uv_lock(shell: Shell, source: Path) -> None:
    """Export what uv locks with the versions of the example, and a requirements file to install from."""
    wanted = sorted(pins("requirements.txt"))
    with (source / "pyproject.toml").open("a", encoding="utf-8") as project:
        project.write(f"\n[tool.uv]\nconstraint-dependencies = {json.dumps(wanted)}\n")
    shell.run(*UV, "lock", "--python", sys.executable, cwd=source)
    shell.run(*UV, "export", "--format", "pylock.toml", "--output-file", "pylock.toml", cwd=source)
    export = ("export", "--format", "requirements.txt", "--no-emit-project", "--output-file", "to-install.txt")
    shell.run(*UV, *export, cwd=source)


def pip_lock(shell: Shell, source: Path) -> None:
    """The same with pip, which writes no requirements file."""
    (source / "pins.txt").write_text("\n".join(sorted(pins("requirements.txt"))))
    lock = ("lock", "--quiet", "--requirement", "requirements.in", "--constraint", "pins.txt")
    shell.run(BIN / "pip", *lock, "--output", "pylock.toml", cwd=source)


LOCKS = {"uv export": uv_lock, "pip lock": pip_lock}


@pytest.fixture(scope="module", params=LOCKS)
def source(request: pytest.FixtureRequest, shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with the lock of one tool, and without its requirements files."""
    folder = tmp_path_factory.mktemp("locked")
    for name in ("pyproject.toml", "requirements.in"):
        shutil.copy(EXAMPLE / name, folder)
    LOCKS[request.param](shell, folder)
    return folder


def package_input(*targets: dict[str, str]) -> str:
    return json.dumps({"type": "pip", "lockfile": "pylock.toml", "targets": targets})


@pytest.fixture(scope="module")
def output(shell: Shell, source: Path) -> Path:
    out, cache = source.parent / f"{source.name}-out", source.parent / f"{source.name}-cache"
    written = source / "to-install.txt"
    export = () if written.exists() else ("--export", written)
    shell.fetch(source, out, cache, "--report", str(out) + ".json", *export, package_input(HERE))
    return out


def test_each_file_is_one_request_and_no_index_is_asked(output: Path) -> None:
    report = json.loads(Path(f"{output}.json").read_text())
    totals = report["totals"]
    assert totals["files"] == len(pins("requirements.txt"))
    assert totals["files_from_network"] == totals["files"]
    # A connection that breaks off before a request is sent costs a retry, and no request.
    assert totals["requests"] - totals["retries"] <= totals["files"] <= totals["requests"]


def test_the_files_are_those_that_the_lock_names_for_the_target(source: Path, output: Path) -> None:
    locked = tomllib.loads((source / "pylock.toml").read_text())["packages"]
    wheels = {wheel["url"].rpartition("/")[2] for one in locked for wheel in one.get("wheels", ())}
    fetched = {path.name for path in (output / "deps" / "pip").iterdir()}
    assert fetched <= wheels
    assert len(fetched) == len(pins("requirements.txt"))


def test_it_installs_offline_and_runs(shell: Shell, source: Path, output: Path, tmp_path: Path) -> None:
    python = shell.new_environment(tmp_path / "venv")
    shell.pip_install(python, output, "--require-hashes", "-r", "to-install.txt", cwd=source)
    assert list_notes(shell, python) == EXPECTED


def test_a_second_run_without_a_network_gives_the_same_output(
    shell: Shell, source: Path, output: Path, tmp_path: Path
) -> None:
    cache = source.parent / f"{source.name}-cache"
    shell.fetch(source, tmp_path / "out", cache, package_input(HERE), offline=True)
    assert tree(tmp_path / "out") == tree(output)


def test_a_date_and_other_machines_count_for_the_lock_of_uv(shell: Shell, source: Path) -> None:
    """A lock of pip has no upload times; here its wheels serve everywhere."""
    plan = (BIN / "cachi2ish", "fetch-deps", "--source", source, "--dry-run", "--no-cache")
    of_uv = 'created-by = "uv"' in (source / "pylock.toml").read_text()
    done = shell.try_(*plan, "--index-date", "2020-01-01", package_input(HERE, WINDOWS))
    assert done.status == 5
    assert ("its first file was uploaded" in done.errors) == of_uv
    assert ("none of its files has an upload time" in done.errors) != of_uv
    done = shell.try_(*plan, package_input(HERE, WINDOWS))
    assert done.status == 0, done.errors
    assert f"for Python {WINDOWS['python']} on win_amd64: " in done.output
