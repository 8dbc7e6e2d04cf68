"""What an sdist says of how it is built is read, and never run."""

from __future__ import annotations

from pathlib import Path

import pytest

from cachi2ish.build.facts_reader import FactsReader
from cachi2ish.build.interface import SdistFacts
from cachi2ish.build.setup_script import setup_requires_of
from cachi2ish.sdists.text_reader import ArchiveTexts
from tests.support.distributions import core_metadata, make_sdist

READER = FactsReader(ArchiveTexts())
ALARM = 'raise SystemExit("this was run")\n'


def facts(tmp_path: Path, extension: str = ".tar.gz", **files: str) -> SdistFacts:
    """Of an sdist with these files; ``__`` stands for a slash, and ``_dot_`` for a dot."""
    named = {name.replace("__", "/").replace("_dot_", "."): text for name, text in files.items()}
    if "PKG-INFO" not in named:
        named["PKG-INFO"] = core_metadata("apple", "1.0")
    dist = make_sdist("apple", "1.0", extension, files=named)
    return READER.of_archive(dist.write(tmp_path), dist.filename)


@pytest.mark.parametrize("extension", [".tar.gz", ".zip", ".tar.bz2"])
def test_the_table_is_read_whatever_the_archive(tmp_path: Path, extension: str) -> None:
    table = '[build-system]\nrequires = ["flit-core >=3"]\nbuild-backend = "flit_core.buildapi"\n'
    found = facts(tmp_path, extension, pyproject_dot_toml=table)
    assert (found.name, found.version, found.requires, found.hook) == (
        "apple",
        "1.0",
        ("flit-core >=3",),
        "flit_core.buildapi",
    )


def test_nothing_declared_is_not_the_same_as_nothing_needed(tmp_path: Path) -> None:
    assert facts(tmp_path, setup_dot_py=ALARM).requires is None
    assert facts(tmp_path, pyproject_dot_toml="[tool.black]\n").requires is None
    assert facts(tmp_path, pyproject_dot_toml="[build-system]\nrequires = []\n").requires == ()


def test_a_table_that_is_no_toml_is_said_to_be_none(tmp_path: Path) -> None:
    assert "no TOML" in facts(tmp_path, pyproject_dot_toml="[build-system\n").unreadable


@pytest.mark.parametrize(
    ("script", "requires", "computed"),
    [
        ('setup(setup_requires=["cffi>=1.0", "pytest-runner"])', ("cffi>=1.0", "pytest-runner"), False),
        ('setup(setup_requires="cffi")', ("cffi",), False),
        ('setup(setup_requires="""\n  cffi\n  pbr>=1\n""")', ("cffi", "pbr>=1"), False),
        ('needs = ["numpy"]\nsetup(setup_requires=needs + ["cython"])', ("numpy", "cython"), False),
        ('r = ["x"] if "test" in sys.argv else []\nsetup(setup_requires=[] + r)', ("x",), False),
        ('r = []\nr.append("wheel")\nsetup(setup_requires=r)', ("wheel",), False),
        ('r = ["x"]\nr = r + ["y"]\nsetup(setup_requires=r + r)', ("x", "y"), False),
        # Each name stands for two of the one before: followed each time, the last is 2 ** 64 lists.
        (
            "a0 = ['x']\n" + "".join(f"a{n + 1} = a{n} + a{n}\n" for n in range(64)) + "setup(setup_requires=a64)",
            ("x",),
            False,
        ),
        ('args = dict(setup_requires=["a"])\nsetup(**args)', ("a",), False),
        ('args = {"setup_requires": ["a"]}\nsetup(**args)', ("a",), False),
        ('args["setup_requires"] = ["a"]\nsetup(**args)', ("a",), False),
        ("setup(setup_requires=read())", (), True),
        ('setup(setup_requires=["a", "b==" + version])', ("a",), True),
        ("setup(install_requires=['a'])", (), False),
        ("setup(setup_requires=None)", (), False),
        ("print 'setup_requires'", (), True),
    ],
)
def test_setup_requires_is_taken_as_widely_as_it_may_be_meant(
    script: str, requires: tuple[str, ...], computed: bool
) -> None:
    found = setup_requires_of(f"import sys\n{script}\n".encode())
    assert found.requires == requires
    if requires != ("a",):
        assert found.computed is computed


def test_setup_cfg_and_setup_py_count_together(tmp_path: Path) -> None:
    found = facts(
        tmp_path,
        setup_dot_py=f"{ALARM}setup(setup_requires=['pbr'])\n",
        setup_dot_cfg="[options]\nsetup_requires =\n    cffi>=1\n    wheel\n",
    )
    assert found.setup_requires == ("pbr", "cffi>=1", "wheel")


IN_TREE = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "own"\nbackend-path = ["back"]\n'


@pytest.mark.parametrize(
    ("source", "hook"),
    [
        ("from setuptools.build_meta import *\n", "setuptools.build_meta"),
        ("from setuptools.build_meta import *\ndef build_wheel(*a): raise SystemExit\n", "setuptools.build_meta"),
        ("from setuptools.build_meta import *\ndef get_requires_for_build_wheel(c=None): return []\n", ""),
        ("from setuptools import build_meta as _b\nbuild_wheel = _b.build_wheel\n", ""),
        ("not python", ""),
    ],
)
def test_a_back_end_in_the_tree_has_the_hook_of_what_it_takes_whole(
    tmp_path: Path, source: str, hook: str
) -> None:
    assert facts(tmp_path, pyproject_dot_toml=IN_TREE, back__own_dot_py=source).hook == hook


def test_metadata_speaks_for_the_wheel_from_2_2_on_unless_it_is_dynamic(tmp_path: Path) -> None:
    def needs(version: str, more: str = "") -> tuple[str, ...] | None:
        text = f"Metadata-Version: {version}\nName: apple\nVersion: 1.0\nRequires-Dist: pluggy\n{more}"
        return facts(tmp_path, **{"PKG-INFO": text}).dependencies_of_wheel

    assert needs("2.1") is None
    assert needs("2.2") == ("pluggy",)
    assert needs("2.4", "Dynamic: Requires-Dist\n") is None


def test_what_setuptools_wrote_of_the_dependencies_is_read_with_its_markers(tmp_path: Path) -> None:
    text = 'six\n\n[:python_version < "3"]\nfutures\n\n[docs]\nsphinx\n\n[docs:os_name == "nt"]\nwin\n'
    found = facts(tmp_path, setup_dot_py=ALARM, apple_dot_egg___info=text)
    assert found.requires_dist_of_setup is None
    dist = make_sdist(
        "apple",
        "1.0",
        files={"PKG-INFO": core_metadata("apple", "1.0"), "apple.egg-info/requires.txt": text, "setup.py": ALARM},
    )
    found = READER.of_archive(dist.write(tmp_path), dist.filename)
    assert found.requires_dist_of_setup == (
        "six",
        'futures ; (python_version < "3")',
        'sphinx ; extra == "docs"',
        'win ; extra == "docs" and (os_name == "nt")',
    )


MATURIN = '[build-system]\nrequires = ["maturin"]\nbuild-backend = "maturin"\n'
LOCK = '[[package]]\nname = "own"\n\n[[package]]\nname = "libc"\nsource = "registry+https://x"\n'


@pytest.mark.parametrize(("where", "count"), [("Cargo_dot_lock", 1), ("src__rust__Cargo_dot_lock", 1), ("", None)])
def test_packages_of_rust_are_counted_wherever_their_lock_is(
    tmp_path: Path, where: str, count: int | None
) -> None:
    files = {where: LOCK} if where else {}
    assert facts(tmp_path, pyproject_dot_toml=MATURIN, **files).crates == count


@pytest.mark.parametrize(
    ("module", "states"),
    [('"""Fruit."""\n__version__ = "1.0"\n', True), ('"""Fruit."""\n__version__ = version()\n', False)],
)
def test_flit_is_told_by_the_module_or_imports_it(tmp_path: Path, module: str, states: bool) -> None:
    table = (
        '[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n'
        '[project]\nname = "apple"\ndynamic = ["version", "description"]\n'
    )
    assert facts(tmp_path, pyproject_dot_toml=table, src__apple__apple_dot_py="").names_itself is None
    assert facts(tmp_path, pyproject_dot_toml=table, apple_dot_py=module).names_itself is states
    beside = {"apple/__init__.py": '"""Fruit."""\n', "apple/_version.py": module}
    assert facts(tmp_path, pyproject_dot_toml=table, **beside).names_itself is states


def test_a_folder_is_read_as_an_sdist_is_and_one_that_is_not_built_says_nothing(tmp_path: Path) -> None:
    assert READER.of_folder(tmp_path) is None
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\n")
    assert READER.of_folder(tmp_path) is None
    text = '[project]\nrequires-python = ">=3.12"\n[build-system]\nrequires = ["hatchling"]\n'
    (tmp_path / "pyproject.toml").write_text(text)
    found = READER.of_folder(tmp_path)
    assert found is not None
    assert (found.requires, found.requires_python) == (("hatchling",), ">=3.12")
