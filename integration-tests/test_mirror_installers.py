"""pip, old and new, uv, Poetry, PDM and ``fetch-deps`` install the same from the mirror, and without PyPI too."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from conftest import find_python_3_8
from harness import BIN, Shell
from mirror_oracles import serving

DAY = "2023-11-30"
WANTED = ("click", "python-dateutil", "requests", "tomlkit")

#: What was the newest at the end of that day, and what it needs.
SAME = {
    "certifi": "2023.11.17",
    "charset-normalizer": "3.3.2",
    "click": "8.1.7",
    "idna": "3.6",
    "python-dateutil": "2.8.2",
    "requests": "2.31.0",
    "six": "1.16.0",
    "tomlkit": "0.12.3",
    "urllib3": "2.1.0",
}

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"

PYPROJECT = f"""\
[project]
name = "orchard"
version = "1.0"
requires-python = "=={VERSION}.*"
dependencies = {list(WANTED)}
[tool.poetry]
package-mode = false
[[tool.poetry.source]]
name = "frozen"
url = "INDEX"
[tool.pdm]
distribution = false
[[tool.pdm.source]]
name = "pypi"
url = "INDEX"
"""


@dataclass(frozen=True)
class Installers:
    """Each installs into an empty folder, with empty caches, and returns what there is then."""

    shell: Shell
    index: str
    pips: Path
    python_3_8: Path
    lockers: Path

    def pip(self, place: Path) -> dict[str, str]:
        return self._pip(Path(sys.executable), place)

    def pip_20_2(self, place: Path) -> dict[str, str]:
        return self._pip(self.python_3_8, place, PYTHONPATH=str(self.pips / "20.2.4"))

    def uv(self, place: Path) -> dict[str, str]:
        command = (BIN / "uv", "pip", "install", "--quiet", "--python", sys.executable, "--target", place / "lib")
        self.shell.run(*command, "--default-index", self.index, *WANTED, UV_CACHE_DIR=str(place / "cache"))
        return installed(place / "lib")

    def poetry(self, place: Path) -> dict[str, str]:
        self._project(place)
        settings = {
            "POETRY_VIRTUALENVS_IN_PROJECT": "true",
            "POETRY_CACHE_DIR": str(place / "cache"),
            "POETRY_CONFIG_DIR": str(place / "config"),
            "POETRY_KEYRING_ENABLED": "false",
        }
        self.shell.run(
            self.lockers / "poetry", "install", "--no-interaction", offline=False, cwd=place, **settings
        )
        return installed(place / ".venv" / "lib" / f"python{VERSION}" / "site-packages")

    def pdm(self, place: Path) -> dict[str, str]:
        self._project(place)
        settings = {
            "PDM_CACHE_DIR": str(place / "cache"),
            "PDM_CONFIG_FILE": str(place / "config.toml"),
            "PDM_LOG_DIR": str(place / "log"),
            "PDM_CHECK_UPDATE": "false",
        }
        self.shell.run(self.lockers / "pdm", "install", "--no-self", offline=False, cwd=place, **settings)
        return installed(place / ".venv" / "lib" / f"python{VERSION}" / "site-packages")

    def fetch_deps(self, place: Path) -> dict[str, str]:
        pins = "".join(f"{name}=={version}\n" for name, version in SAME.items())
        (place / "requirements.txt").write_text(pins, encoding="utf-8")
        wanted = {"type": "pip", "targets": [{"python": VERSION, "platform": "manylinux_2_28_x86_64"}]}
        options = ("--index-url", self.index, json.dumps(wanted))
        self.shell.fetch(place, place / "out", place / "cache", *options)
        bill = json.loads((place / "out" / "bom.json").read_text(encoding="utf-8"))
        return {one["name"]: one["version"] for one in bill["components"] if one["name"] in SAME}

    def _pip(self, python: Path, place: Path, **settings: str) -> dict[str, str]:
        command = (python, "-m", "pip", "install", "--quiet", "--target", place / "lib", "--index-url", self.index)
        settings["PIP_CACHE_DIR"] = str(place / "cache")
        self.shell.run(*command, *WANTED, offline=False, cwd=place, **settings)
        return installed(place / "lib")

    def _project(self, place: Path) -> None:
        (place / "pyproject.toml").write_text(PYPROJECT.replace("INDEX", self.index), encoding="utf-8")
        self.shell.run(BIN / "uv", "venv", "--quiet", "--python", sys.executable, place / ".venv")


def installed(folder: Path) -> dict[str, str]:
    found = (path.name.removesuffix(".dist-info").rpartition("-") for path in folder.glob("*.dist-info"))
    return {name.replace("_", "-").lower(): version for name, _, version in found}


def test_all_install_the_same_and_again_when_the_upstream_is_gone(
    shell: Shell, old_pips: Path, lockers: Path, tmp_path: Path
) -> None:
    # The upstream is a mirror itself, which can be shut down where PyPI cannot.
    between = serving(tmp_path / "upstream")
    with serving(tmp_path / "mirror", f"pypi={between.__enter__()}/live/simple/") as mirror:
        tools = Installers(shell, f"{mirror}/{DAY}/simple/", old_pips, find_python_3_8(), lockers)
        ways: list[Callable[[Path], dict[str, str]]] = [
            tools.pip,
            tools.pip_20_2,
            tools.uv,
            tools.poetry,
            tools.pdm,
            tools.fetch_deps,
        ]
        for upstream in ("there", "gone"):
            for way in ways:
                place = tmp_path / upstream / way.__name__
                place.mkdir(parents=True)
                assert (upstream, way.__name__, way(place)) == (upstream, way.__name__, SAME)
            if upstream == "there":
                between.__exit__(None, None, None)
