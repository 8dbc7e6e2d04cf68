"""A lock format is one module and one line; a file is read by the reader of its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from cachi2ish.core.requirements import Pinned, Purpose
from cachi2ish.errors import InputError, Origin
from cachi2ish.lockfiles.foreign_files import EXPORTS
from cachi2ish.lockfiles.interface import Lock, LockReader
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

    def read(self, source: Path, file: str, purpose: Purpose, environ: Mapping[str, str]) -> Lock:
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


@pytest.mark.parametrize("key", ["requirements_files", "lockfile"])
@pytest.mark.parametrize("file", EXPORTS)
def test_a_lock_file_of_another_tool_is_answered_by_what_to_run(tmp_path: Path, file: str, key: str) -> None:
    write(tmp_path, {file: "…"})
    error = error_of(tmp_path, file, key=key)
    assert error.origin == Origin(file)
    assert EXPORTS[file] in str(error.hint)


def test_a_name_that_no_reader_knows_is_answered_by_those_that_are_known(tmp_path: Path) -> None:
    error = error_of(tmp_path, "Gemfile.lock", key="lockfile")
    assert "they are called requirements*.txt, pylock.toml, pylock.*.toml" in error.problem
    assert '"requirements_files"' in str(error.hint)
