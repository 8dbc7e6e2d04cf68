"""``allow_binary``: wheels beside sdists, so that nothing has to be built."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness import Shell

REQUIREMENTS = """\
click==8.5.1
itsdangerous==2.2.0
markupsafe==3.0.4
"""


@pytest.fixture(scope="module")
def output(shell: Shell, cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("wheels")
    (source / "requirements.txt").write_text(REQUIREMENTS)
    shell.fetch(source, source / "out", cache_dir, '{"type": "pip", "allow_binary": "true"}')
    return source / "out"


def test_every_wheel_and_one_sdist_of_each_project_are_there(output: Path) -> None:
    names = sorted(path.name for path in (output / "deps" / "pip").iterdir())
    assert [name for name in names if name.endswith(".tar.gz")] == [
        "click-8.5.1.tar.gz",
        "itsdangerous-2.2.0.tar.gz",
        "markupsafe-3.0.4.tar.gz",
    ]
    assert "click-8.5.1-py3-none-any.whl" in names
    assert len([name for name in names if name.startswith("markupsafe") and name.endswith(".whl")]) > 40


def test_pip_and_uv_install_the_wheels_offline(shell: Shell, output: Path, tmp_path: Path) -> None:
    lock = output.parent / "requirements.txt"
    for installer in (shell.pip_install, shell.uv_install):
        python = shell.new_environment(tmp_path / installer.__name__)
        installer(python, output, "--only-binary", ":all:", "-r", str(lock), cwd=tmp_path)
        shell.run(python, "-c", "import click, itsdangerous, markupsafe._speedups", offline=True)


def test_the_bill_of_materials_says_what_is_binary_and_what_had_no_digest(output: Path) -> None:
    bom = json.loads((output / "bom.json").read_text())
    properties = {
        (one["name"], each["name"], each["value"])
        for one in bom["components"]
        for each in one.get("properties", ())
    }
    assert ("markupsafe", "cachi2ish:pip:package:binary", "true") in properties
    assert ("markupsafe", "cachi2ish:missing_hash:in_file", "requirements.txt") in properties
