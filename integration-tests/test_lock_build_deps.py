"""Build requirements of real sdists, as of years ago: cycles are resolved, and what is locked builds offline."""

from __future__ import annotations

import json
from pathlib import Path

from harness import BIN, Shell

TARGET = "python=3.11,platform=manylinux_2_28_x86_64"


def lock(shell: Shell, folder: Path, cache: Path, date: str, *pins: str) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "requirements.txt").write_text("\n".join(pins) + "\n")
    command = (BIN / "cachi2ish", "lock-build-deps", "--source", folder, "--cache-dir", cache, "--target", TARGET)
    shell.run(*command, "--index-date", date, "--output", folder / "requirements-build.txt")
    return (folder / "requirements-build.txt").read_text()


def test_flit_core_and_tomli_of_2021_do_not_wait_for_each_other(shell: Shell, tmp_path: Path) -> None:
    text = lock(shell, tmp_path, tmp_path / "cache", "2021-10-25", "tomli==1.2.1")
    assert "# cycle: tomli 1.2.2 is needed to build itself; flit-core 3." in text
    assert "flit-core==3.4.0" not in text  # it needs tomli, which it builds


def test_setuptools_and_wheel_of_2022_do_not_wait_for_each_other_and_what_is_locked_builds_offline(
    shell: Shell, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    text = lock(shell, source, tmp_path / "cache", "2022-04-15", "iniconfig==1.1.1", "six==1.16.0")
    assert "# cycle: setuptools 62.1.0 and wheel 0.37.1 need each other to be built; wheel 0." in text
    assert "setuptools==62.1.0" in text
    later = {"wheel": "2023-12-31", "flit-core": "2023-12-31"}
    package = {"type": "pip", "index_date": "2022-04-15", "index_date_overrides": later}
    shell.fetch(source, tmp_path / "out", tmp_path / "cache", json.dumps(package))
    python = shell.new_environment(tmp_path / "venv")
    shell.pip_install(python, tmp_path / "out", "--no-binary", ":all:", "-r", "requirements.txt", cwd=source)
    shell.run(python, "-c", "import iniconfig, six", offline=True)
