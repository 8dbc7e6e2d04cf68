"""Stage "read" on its own: which files are read, as what, and all that is wrong at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from cachi2ish.core.inventory import MainPackage, VcsOrigin
from cachi2ish.core.requirements import Purpose
from cachi2ish.errors import Cachi2ishError, GitError, InputError, LockFileError, Origin
from cachi2ish.lockfiles.interface import Lock
from cachi2ish.projects.interface import DeclaredMetadata
from cachi2ish.services.fetch.package_input import read_input
from cachi2ish.services.fetch.ports import Sources
from cachi2ish.services.fetch.reading import Reading, read
from tests.core.one_project import pin
from tests.services.fakes import FakeRepositories, Notes, a_run

VCS = VcsOrigin(url="https://git.test/team/notes.git", commit="1" * 40)


@dataclass
class FakeLocks:
    """Answers with one pin for each file, or with the error that ``broken`` has for it."""

    broken: Mapping[str, Cachi2ishError] = field(default_factory=dict)
    read: list[tuple[str, Purpose | None]] = field(default_factory=list)

    def read_requirements(self, source: Path, file: str, purpose: Purpose, environ: Mapping[str, str]) -> Lock:
        return self._answer(file, purpose)

    def read_lock(self, source: Path, file: str, environ: Mapping[str, str]) -> Lock:
        return self._answer(file, None)

    def _answer(self, file: str, purpose: Purpose | None) -> Lock:
        self.read.append((file, purpose))
        if file in self.broken:
            raise self.broken[file]
        return Lock(file, (replace(pin(), origin=Origin(file, 1)),), warnings=(f"{file}: a word of warning",))


@dataclass
class FakeProjects:
    names: Mapping[str, str] = field(default_factory=dict)
    unreadable: frozenset[str] = frozenset()

    def read(self, source: Path, path: str, vcs: VcsOrigin | None) -> DeclaredMetadata:
        if path in self.unreadable:
            raise InputError(f"{path}/pyproject.toml is broken")
        return DeclaredMetadata(self.names.get(path), "1.0" if path in self.names else None)

    def read_origin(self, path: str, vcs: VcsOrigin | None) -> DeclaredMetadata:
        return DeclaredMetadata("of-the-origin", None)


class Elsewhere(FakeRepositories):
    def origin(self, source: Path) -> VcsOrigin | None:  # type: ignore[override]
        return VCS


class Broken(FakeRepositories):
    def origin(self, source: Path) -> None:
        raise GitError("the checkout cannot be read")


@dataclass
class Desk:
    """A source folder, and what it is read with."""

    source: Path
    locks: FakeLocks = field(default_factory=FakeLocks)
    projects: FakeProjects = field(default_factory=FakeProjects)
    repositories: FakeRepositories = field(default_factory=Elsewhere)
    notes: Notes = field(default_factory=Notes)

    def read(self, request: str, *, permissive: bool = False) -> Reading:
        run = a_run(self.notes, permissive=permissive)
        sources = Sources(self.locks, self.projects, self.repositories)
        return read(read_input(request), self.source, sources, run)

    def warnings(self) -> list[str]:
        return [message for level, message in self.notes.messages if level == "warning"]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    source = tmp_path / "notes"
    source.mkdir()
    return Desk(source)


def test_the_two_default_files_are_read_where_they_are_there(desk: Desk) -> None:
    (desk.source / "requirements.txt").touch()
    (desk.source / "requirements-build.txt").touch()
    reading = desk.read('{"type": "pip"}')
    assert desk.locks.read == [
        ("requirements.txt", Purpose.RUNTIME),
        ("requirements-build.txt", Purpose.BUILD),
    ]
    assert [lock.file for lock in reading.packages[0].locks] == ["requirements.txt", "requirements-build.txt"]


def test_what_is_not_there_is_a_warning_that_names_what_was_looked_for(desk: Desk) -> None:
    reading = desk.read('{"type": "pip"}')
    assert reading.packages[0].locks == ()
    assert desk.warnings() == [
        "nothing to fetch for the package at '.': it has no requirements.txt and no requirements-build.txt"
    ]


def test_named_files_are_relative_to_the_package_and_read_once(desk: Desk) -> None:
    (desk.source / "app").mkdir()
    desk.read('{"type": "pip", "path": "app", "requirements_files": ["a.txt", "a.txt"]}')
    assert desk.locks.read == [("app/a.txt", Purpose.RUNTIME)]


def test_a_lock_file_takes_the_place_of_requirements_txt_and_leaves_build_requirements(desk: Desk) -> None:
    for name in ("requirements.txt", "requirements-build.txt", "pylock.toml"):
        (desk.source / name).touch()
    desk.read('{"type": "pip", "lockfile": "pylock.toml"}')
    assert desk.locks.read == [("pylock.toml", None), ("requirements-build.txt", Purpose.BUILD)]


def test_all_errors_of_all_packages_are_raised_together(desk: Desk) -> None:
    desk.locks.broken = {"a.txt": LockFileError("a is wrong"), "b.txt": LockFileError("b is wrong")}
    one, other = (f'{{"type": "pip", "requirements_files": ["{name}.txt"]}}' for name in "ab")
    missing = '{"type": "pip", "path": "nowhere"}'
    with pytest.raises(Cachi2ishError) as caught:
        desk.read(f"[{one}, {missing}, {other}]")
    said = str(caught.value).splitlines()
    assert said == [
        "a is wrong",
        "the input, packages[1].path: 'nowhere' does not exist in the source",
        "b is wrong",
    ]


def test_nothing_outside_of_the_source_is_read(desk: Desk) -> None:
    (desk.source / "out").symlink_to(desk.source.parent)
    for request in ('{"type": "pip", "path": "out"}', '{"type": "pip", "requirements_files": ["../x.txt"]}'):
        with pytest.raises(InputError, match=r"leads out of|contains '\.\.'"):
            desk.read(request)
    assert desk.locks.read == []


def test_a_package_is_called_what_it_says_or_else_as_its_folder(desk: Desk) -> None:
    (desk.source / "app").mkdir()
    desk.projects.names = {"app": "my-app"}
    reading = desk.read('[{"type": "pip", "path": "app"}]')
    assert reading.packages[0].main == MainPackage(name="my-app", version="1.0", path="app", vcs=VCS)
    assert reading.root == MainPackage(name="notes", version=None, path=".", vcs=VCS)


def test_the_bill_is_about_the_package_at_the_root_where_there_is_one(desk: Desk) -> None:
    desk.projects.names = {".": "whole"}
    assert desk.read('{"type": "pip"}').root.name == "whole"


def test_what_permissive_mode_lets_pass_is_an_error_in_strict_mode(desk: Desk) -> None:
    desk.repositories = Broken()
    with pytest.raises(GitError):
        desk.read('{"type": "pip"}')
    desk.projects.unreadable = frozenset({"."})
    reading = desk.read('{"type": "pip"}', permissive=True)
    assert reading.root == MainPackage(name="of-the-origin", version=None, path=".", vcs=None)
    assert [word for word in desk.warnings() if word.startswith("permissive mode goes on")] == [
        "permissive mode goes on (git-origin-unreadable): the checkout cannot be read",
        "permissive mode goes on (project-metadata-unreadable): ./pyproject.toml is broken",
    ]


def test_warnings_of_a_lock_are_passed_on(desk: Desk) -> None:
    desk.read('{"type": "pip", "requirements_files": ["a.txt"]}')
    assert "a.txt: a word of warning" in desk.warnings()


def test_a_source_that_is_no_folder_is_an_error(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place, says in (("gone", "cannot be read: No such file"), ("file", "is not a directory")):
        desk.source = tmp_path / place
        with pytest.raises(InputError, match=says):
            desk.read('{"type": "pip"}')
