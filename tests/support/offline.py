"""Real offline installs: pip in a process that has no network, from an output of ``fetch-deps``."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from packaging.tags import platform_tags

from tests.support.command_line import clean_environment
from tests.support.distributions import Dist, core_metadata, make_wheel

#: This interpreter on this machine, as ``verify`` wants it.
_PLATFORM = next(tag for tag in platform_tags() if not tag.startswith("linux_"))
HERE = f"python={'.'.join(map(str, sys.version_info[:3]))},platform={_PLATFORM}"

#: A build back-end that makes a wheel of the modules and the PKG-INFO beside it. It goes by the name of flit's,
#: whose rule says that it asks for nothing else.
_BACKEND = """
import pathlib, zipfile

def _metadata():
    return pathlib.Path("PKG-INFO").read_text()

def _stem():
    fields = dict(line.split(": ", 1) for line in _metadata().splitlines() if ": " in line)
    return fields["Name"].replace("-", "_") + "-" + fields["Version"]

def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = _stem() + "-py3-none-any.whl"
    info = _stem() + ".dist-info"
    with zipfile.ZipFile(pathlib.Path(directory) / name, "w") as wheel:
        for path in pathlib.Path().glob("*.py"):
            wheel.write(path)
        wheel.writestr(info + "/METADATA", _metadata())
        wheel.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "/RECORD", "")
    return name
"""


def backend(version: str, *, requires_python: str = "") -> Dist:
    """The wheel of the build back-end."""
    more = f"Requires-Python: {requires_python}\n" if requires_python else ""
    return make_wheel(
        "flit-core",
        version,
        metadata=more,
        modules={"flit_core/__init__.py": "", "flit_core/buildapi.py": _BACKEND},
    )


def buildable(
    name: str, version: str, *, built_with: tuple[str, ...] = ("flit_core>=3",), requires: tuple[str, ...] = ()
) -> dict[str, str]:
    """The files of an sdist that `backend` builds, and whose metadata speaks for its wheel."""
    metadata = core_metadata(name, version, "".join(f"Requires-Dist: {one}\n" for one in requires))
    listed = ", ".join(f'"{one}"' for one in built_with)
    return {
        "PKG-INFO": metadata.replace("Metadata-Version: 2.1", "Metadata-Version: 2.2"),
        "pyproject.toml": f'[build-system]\nrequires = [{listed}]\nbuild-backend = "flit_core.buildapi"\n',
        f"{name.replace('-', '_')}.py": f'VERSION = "{version}"\n',
    }


@functools.cache
def _without_network() -> tuple[str, ...]:
    # Where no namespace can be made, the environment of the output alone keeps pip from the network.
    for command in (("unshare", "--net"), ("unshare", "--map-root-user", "--net")):
        if (
            shutil.which("unshare")
            and not subprocess.run([*command, "true"], check=False, capture_output=True).returncode
        ):
            return command
    return ()


def installs(output: Path, files: Iterable[Path], into: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Install requirements files with nothing but the output."""
    named = [word for file in files for word in ("-r", str(file))]
    return subprocess.run(
        [
            *_without_network(),
            sys.executable,
            "-m",
            "pip",
            "install",
            "--no-cache-dir",
            "--target",
            str(into),
            *named,
        ],
        env=_environment(output, home),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def _environment(output: Path, home: Path) -> Mapping[str, str]:
    variables = {"PIP_NO_INDEX": "true", "PIP_FIND_LINKS": str(output / "deps" / "pip"), "PIP_NO_INPUT": "1"}
    return clean_environment(home, **variables, PIP_DISABLE_PIP_VERSION_CHECK="1")
