"""A lock format is one module and one line; a file is read by the reader of its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from cachi2ish.core.requirements import Pinned, Purpose
from cachi2ish.errors import InputError, Origin
from cachi2ish.lockfiles.foreign_files import READ
from cachi2ish.lockfiles.interface import DEFAULT, Lock, LockReader, Selection
from cachi2ish.lockfiles.readers import READERS, NamedReaders
from tests.lockfiles.reading import names, write
from tests.support.distributions import make_wheel
from tests.support.pylocks import locked_file, package, pylock

APPLE = make_wheel("apple", "1.0")
PYLOCK = pylock(
    package("apple", "1.0", wheels=[locked_file(APPLE, f"https://files.example/{APPLE.filename}")]),
)


class PinsReader:
    """A format as small as can be: a name and a version on each line."""

    names = ("pins.lock",)
    keys: frozenset[str] = frozenset()

    def read(
        self, source: Path, file: str, purpose: Purpose, environ: Mapping[str, str], selection: Selection = DEFAULT
    ) -> Lock:
        lines = (source / file).read_text().splitlines()
        return Lock(
            file,
            tuple(
                Pinned(name=name, version=version, origin=Origin(file, number), purpose=purpose)
                for number, line in enumerate(lines, start=1)
                for name, _, version in (line.partition(" "),)
            ),
        )


#: The whole change that a new format takes.
WITH_PINS: tuple[LockReader, ...] = (*READERS, PinsReader())


def error_of(root: Path, file: str, *, key: str = "requirements_files") -> InputError:
    readers = NamedReaders()
    try:
        if key == "lockfile":
            readers.read_lock(root, file, {})
        else:
            readers.read_requirements(root, file, Purpose.RUNTIME, {})
    except InputError as error:
        return error
    raise AssertionError("no error")


def test_a_new_format_is_a_reader_and_a_line(tmp_path: Path) -> None:
    write(tmp_path, {"service/pins.lock": "apple 1.0\nfig 2\n"})
    lock = NamedReaders(WITH_PINS).read_lock(tmp_path, "service/pins.lock", {})
    assert names(lock) == ["apple==1.0", "fig==2"]
    error_of(tmp_path, "service/pins.lock", key="lockfile")  # without the line


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt", "deps", "pins.in"])
def test_a_requirements_file_may_have_any_name(tmp_path: Path, file: str) -> None:
    write(tmp_path, {file: "apple==1.0\n"})
    lock = NamedReaders().read_requirements(tmp_path, file, Purpose.BUILD, {})
    assert [(str(one), one.purpose) for one in lock.requirements] == [("apple==1.0", Purpose.BUILD)]


@pytest.mark.parametrize(
    ("file", "text"),
    [("requirements.txt", "apple==1.0\n"), ("pylock.toml", PYLOCK), ("sub/pylock.dev.toml", PYLOCK)],
)
def test_a_lock_file_is_read_by_the_reader_of_its_name(tmp_path: Path, file: str, text: str) -> None:
    write(tmp_path, {file: text})
    lock = NamedReaders().read_lock(tmp_path, file, {})
    assert (lock.file, names(lock)) == (file, ["apple==1.0"])


@pytest.mark.parametrize("file", ["pylock.toml", "pylock.dev.toml"])
def test_a_lock_file_among_requirements_files_is_answered_by_what_to_write(tmp_path: Path, file: str) -> None:
    write(tmp_path, {file: pylock()})
    error = error_of(tmp_path, file)
    assert str(error) == f"{file}: it is a lock file of a format of its own, and no requirements file"
    assert error.hint == f'name it with another key: {{"type": "pip", "lockfile": "{file}"}}'


@pytest.mark.parametrize("file", READ)
def test_a_lock_file_of_another_tool_is_answered_by_the_key_that_names_it(tmp_path: Path, file: str) -> None:
    write(tmp_path, {file: "…"})
    error = error_of(tmp_path, file)
    assert error.origin == Origin(file)
    assert error.hint == f'name it with another key: {{"type": "pip", "lockfile": "{file}"}}'


def test_a_name_that_no_reader_knows_is_answered_by_those_that_are_known(tmp_path: Path) -> None:
    error = error_of(tmp_path, "Gemfile.lock", key="lockfile")
    assert "they are called requirements*.txt, pylock.toml, pylock.*.toml" in error.problem
    assert '"requirements_files"' in str(error.hint)


PROJECT = '[project]\nname = "x"\nversion = "1"\n'

#: what lies in a folder without a requirements file, what it is called, and what to do
UNLOCKED = [
    ({"uv.lock": "…", "pyproject.toml": PROJECT}, "but uv.lock", 'name it: "lockfile": "uv.lock"'),
    ({"poetry.lock": "…"}, "but poetry.lock", 'name it: "lockfile": "poetry.lock"'),
    ({"pdm.lock": ""}, "but pdm.lock", 'name it: "lockfile": "pdm.lock"'),
    ({"Pipfile.lock": "", "Pipfile": ""}, "but Pipfile.lock", 'name it: "lockfile": "Pipfile.lock"'),
    ({"pylock.toml": "", "uv.lock": ""}, "but several lock files: pylock.toml, uv.lock", "the one that is meant"),
    ({"pylock.dev.toml": ""}, "but pylock.dev.toml", '"lockfile": "pylock.dev.toml"'),
    (
        {"dev-requirements.txt": "", "requirements-a.txt": ""},
        "other",
        '["dev-requirements.txt", "requirements-a.txt"]',
    ),
    ({"requirements.in": "x"}, "but requirements.in", "--output-file requirements.txt requirements.in"),
    (
        {"pyproject.toml": PROJECT + 'dependencies = ["x"]'},
        "declares dependencies",
        "requirements.txt pyproject.toml",
    ),
    ({"pyproject.toml": PROJECT + 'dynamic = ["dependencies"]'}, "declares dependencies", "uv pip compile"),
    ({"pyproject.toml": '[tool.poetry.dependencies]\npython = "^3"\nx = "1"'}, "pyproject.toml", "uv pip compile"),
    ({"setup.cfg": "[options]\ninstall_requires =\n  x\n"}, "but setup.cfg", "requirements.txt setup.cfg"),
    ({"setup.py": "setup(\n    install_requires=['x'],\n)"}, "but setup.py", "requirements.txt setup.py"),
    ({"setup.py": "setup(install_requires=['x'])"}, "but setup.py", "requirements.txt setup.py"),
    ({"Pipfile": ""}, "but Pipfile", "pipenv lock"),
]


@pytest.mark.parametrize(("files", "what", "way_out"), UNLOCKED)
@pytest.mark.parametrize("folder", [".", "sub"])
def test_a_folder_without_a_requirements_file_says_what_is_there_and_what_to_do(
    files: dict[str, str], what: str, way_out: str, folder: str, tmp_path: Path
) -> None:
    write(tmp_path, {f"{folder}/{name}": text for name, text in files.items()})
    error = NamedReaders().unlocked(tmp_path, folder)
    assert error is not None
    assert what in error.problem
    assert way_out in str(error.hint)
    assert str(error.hint).endswith('where nothing is to be fetched, write "requirements_files": []')


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"README.md": ""},
        {"pyproject.toml": PROJECT},
        {"pyproject.toml": PROJECT + "dependencies = []"},
        {"pyproject.toml": "[tool.poetry.dependencies]\npython = '^3'"},
        {"pyproject.toml": "[[["},
        {"pyproject.toml": "project = 1\ntool = []"},
        {"setup.py": "setup()"},
        {"setup.cfg": "[metadata]\nname = x\n"},
    ],
)
def test_a_folder_in_which_nothing_has_dependencies_needs_no_lock(files: dict[str, str], tmp_path: Path) -> None:
    write(tmp_path, files)
    assert NamedReaders().unlocked(tmp_path, ".") is None
    assert NamedReaders().unlocked(tmp_path, "nowhere") is None
