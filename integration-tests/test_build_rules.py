"""The rules for back-ends say what the hooks of the real back-ends say."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from harness import DATA, PINNED, Shell
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from pyproject_hooks import BuildBackendHookCaller, quiet_subprocess_runner

from cachi2ish.build.facts_reader import FactsReader
from cachi2ish.build.interface import Machine
from cachi2ish.build.rules.question import Question
from cachi2ish.build.rules.registry import answer
from cachi2ish.core.targets.machine import Target
from cachi2ish.sdists.text_reader import ArchiveTexts
from tests.support.distributions import core_metadata, make_sdist

LOCK = DATA / "rules" / "requirements.txt"

#: What a rule may be told of, and what is there as the hooks run.
TOOLS = frozenset(
    tool for tool in ("ninja", "ninja-build", "samu", "cmake", "cargo", "patchelf") if shutil.which(tool)
)

PROJECT = '[project]\nname = "demo"\nversion = "1.0"\ndependencies = ["six>=1.10"]\n'


def table(backend: str, more: str = "", project: str = PROJECT) -> dict[str, str]:
    return {"pyproject.toml": f'{project}[build-system]\nrequires = []\nbuild-backend = "{backend}"\n{more}'}


SETUP = "from setuptools import setup\nsetup(name='demo', version='1.0', setup_requires={})\n"
MODULE = {"demo.py": '"""Demo."""\n__version__ = "1.0"\n'}
DYNAMIC = '[project]\nname = "demo"\ndynamic = ["version", "description"]\ndependencies = ["six>=1.10"]\n'
HOOKS = '[tool.hatch.build.hooks.vcs]\nversion-file = "x.py"\ndependencies = ["tomli", "six"]\n'

RUNTIME = "[tool.hatch.build.targets.wheel]\nrequire-runtime-dependencies = true\n"
SCRIPT = '[tool.poetry.build]\nscript = "build.py"\n'
CMAKE = "cmake_minimum_required(VERSION 3.15)\n"

SDISTS: Mapping[str, Mapping[str, str]] = {
    "setuptools": table("setuptools.build_meta"),
    "setuptools, nothing declared": {"setup.py": SETUP.format([])},
    "setuptools, setup_requires": {"setup.py": SETUP.format(["cffi>=1.0", "six"])},
    "setuptools, setup.cfg": {
        "setup.cfg": "[metadata]\nname = demo\n[options]\nsetup_requires =\n    cffi>=1.0\n    six\n"
    },
    "setuptools, of a condition": {
        "setup.py": "import sys\nr = ['six'] if sys.version_info > (3,) else []\n" + SETUP.format("r + ['cffi']")
    },
    "setuptools-rust": table("setuptools.build_meta", '[[tool.setuptools-rust.ext-modules]]\ntarget = "demo.x"\n'),
    "flit": table("flit_core.buildapi", project=PROJECT + 'description = "x"\n') | MODULE,
    "flit, dynamic": table("flit_core.buildapi", project=DYNAMIC) | MODULE,
    "flit, computed": table("flit_core.buildapi", project=DYNAMIC)
    | {"demo.py": '"""Demo."""\n__version__ = str(1)\n'},
    "flit, beside": table("flit_core.buildapi", project=DYNAMIC)
    | {"demo/__init__.py": '"""Demo."""\nfrom ._version import *\n', "demo/_version.py": '__version__ = "1"\n'},
    "hatchling": table("hatchling.build") | MODULE,
    "hatchling, dependencies": table("hatchling.build", '[tool.hatch.build]\ndependencies = ["tomli"]\n') | MODULE,
    "hatchling, hooks": table("hatchling.build", HOOKS) | MODULE,
    "hatchling, runtime": table(
        "hatchling.build", "[tool.hatch.build.targets.wheel]\nrequire-runtime-dependencies = true\n"
    )
    | MODULE,
    "hatchling, disabled": table("hatchling.build", HOOKS + "enable-by-default = false\n") | MODULE,
    "poetry-core": table("poetry.core.masonry.api") | MODULE,
    "poetry-core, a script": table("poetry.core.masonry.api", SCRIPT) | MODULE,
    "pdm-backend": table("pdm.backend") | MODULE,
    "pdm-backend, setuptools": table("pdm.backend", "[tool.pdm.build]\nrun-setuptools = true\n") | MODULE,
    "meson-python": table("mesonpy") | {"meson.build": "project('demo', 'c')\n"},
    "scikit-build-core": table("scikit_build_core.build") | {"CMakeLists.txt": CMAKE},
    "scikit-build-core, versions": table(
        "scikit_build_core.build", '[tool.scikit-build]\ncmake.version = ">=3.16"\nninja.version = ">=1.6"\n'
    ),
    "scikit-build-core, make": table(
        "scikit_build_core.build",
        '[tool.scikit-build]\ncmake.args = ["-GUnix Makefiles"]\nbuild.requires = ["six"]\n',
    ),
    "scikit-build-core, provider": table(
        "scikit_build_core.build",
        '[tool.scikit-build.metadata.version]\nprovider = "scikit_build_core.metadata.setuptools_scm"\n',
        '[project]\nname = "demo"\ndynamic = ["version"]\n',
    ),
    "maturin": table("maturin") | {"Cargo.toml": '[package]\nname = "demo"\nversion = "1.0"\n'},
    "maturin, cffi": table("maturin", '[tool.maturin]\nbindings = "cffi"\n'),
    "uv-build": table("uv_build") | MODULE,
    "whey": table("whey") | MODULE,
    "SIP": table("sipbuild.api"),
    "enscons": table("enscons.api"),
    "pbr": table("pbr.build"),
}


@pytest.fixture(scope="module")
def backends(shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with all back-ends."""
    python = shell.new_environment(tmp_path_factory.mktemp("rules") / "venv")
    shell.run(python, "-m", "pip", "install", "--quiet", *PINNED, "-r", LOCK)
    return python


@pytest.mark.parametrize("name", SDISTS)
def test_a_rule_says_what_the_hook_says(name: str, backends: Path, tmp_path: Path) -> None:
    files = {"PKG-INFO": core_metadata("demo", "1.0"), **SDISTS[name]}
    dist = make_sdist("demo", "1.0", files=files)
    facts = FactsReader(ArchiveTexts()).of_archive(dist.write(tmp_path), dist.filename)
    machine = Machine(Target.parse("3.11", "manylinux_2_28_x86_64"), TOOLS)
    found = answer(Question(facts, machine, {"setuptools": Version("84")}))
    assert found.unknown == ()
    shutil.unpack_archive(tmp_path / dist.filename, tmp_path)
    backend = facts.backend or "setuptools.build_meta:__legacy__"
    hooks = BuildBackendHookCaller(
        str(tmp_path / "demo-1.0"), backend, runner=quiet_subprocess_runner, python_executable=str(backends)
    )
    assert same(found.requires) == same(hooks.get_requires_for_build_wheel())


def same(requirements: object) -> set[tuple[str, str]]:
    assert isinstance(requirements, list | tuple)
    parsed = map(Requirement, requirements)
    return {(canonicalize_name(one.name), str(one.specifier)) for one in parsed}
