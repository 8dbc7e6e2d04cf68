"""Stage "read" on its own: which files are read, as what, and all that is wrong at once."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec.structs import replace

from cachi2ish.advice import Hint
from cachi2ish.core.as_of import RecordedDates
from cachi2ish.core.inventory import MainPackage, VcsOrigin
from cachi2ish.core.requirements import Purpose
from cachi2ish.errors import Cachi2ishError, GitError, InputError, LockFileError, Origin
from cachi2ish.lockfiles.interface import Lock, Scope
from cachi2ish.services.fetch.input.input_argument import read_input
from cachi2ish.services.fetch.ports import Sources
from cachi2ish.services.fetch.reading import Reading, read
from tests.core.one_project import pin
from tests.services.fakes import FakeLocks, FakeProjects, FakeRepositories, Notes, a_run

VCS = VcsOrigin(url="https://git.test/team/notes.git", commit="1" * 40)


@dataclass
class Desk:
    """A source folder, and what it is read with."""

    source: Path
    locks: FakeLocks = field(default_factory=FakeLocks)
    projects: FakeProjects = field(default_factory=FakeProjects)
    repositories: FakeRepositories = field(default_factory=lambda: FakeRepositories(checkout=VCS))
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
    desk.locks.locks = {"a.txt": LockFileError("a is wrong"), "b.txt": LockFileError("b is wrong")}
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
    desk.repositories = FakeRepositories(checkout=GitError("the checkout cannot be read"))
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
    desk.locks.locks = {"a.txt": Lock("a.txt", (), notes=("by the way",), warnings=("look out",))}
    desk.read('{"type": "pip", "requirements_files": ["a.txt"]}')
    assert desk.notes.messages == [("info", "by the way"), ("warning", "look out")]


def test_a_source_that_is_no_folder_is_an_error(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place, says in (("gone", "cannot be read: No such file"), ("file", "is not a directory")):
        desk.source = tmp_path / place
        with pytest.raises(InputError, match=says):
            desk.read('{"type": "pip"}')


def test_requirements_files_that_are_named_are_read_beside_a_lock_file(desk: Desk) -> None:
    desk.read('{"type": "pip", "lockfile": "pylock.toml", "requirements_files": ["extra.txt"]}')
    assert desk.locks.read == [("pylock.toml", None), ("extra.txt", Purpose.RUNTIME)]


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ('"requirements_files": []', "it has no requirements-build.txt"),
        ('"requirements_build_files": []', "it has no requirements.txt"),
        ('"requirements_files": [], "requirements_build_files": []', "the input names no requirements files"),
    ],
)
def test_nothing_to_read_is_a_warning_that_says_why(desk: Desk, keys: str, why: str) -> None:
    desk.read(f'{{"type": "pip", {keys}}}')
    assert desk.warnings() == [f"nothing to fetch for the package at '.': {why}"]


def test_a_named_pipe_counts_as_there_so_that_its_reader_refuses_it(desk: Desk) -> None:
    os.mkfifo(desk.source / "requirements.txt")
    (desk.source / "requirements-build.txt").mkdir()
    desk.read('{"type": "pip"}')
    assert desk.locks.read == [("requirements.txt", Purpose.RUNTIME)]


def test_wrong_dates_and_wrong_locks_of_a_package_are_raised_together(desk: Desk) -> None:
    desk.locks.locks = {"a.txt": LockFileError("a is wrong"), "b.txt": Lock("b.txt", (), warnings=("unheard",))}
    with pytest.raises(Cachi2ishError) as caught:
        desk.read('{"type": "pip", "requirements_files": ["a.txt", "b.txt"], "index_date": "soon"}')
    first, second = str(caught.value).splitlines()
    assert first.startswith("the input, packages[0].index_date: ")
    assert second == "a is wrong"
    assert desk.notes.messages == []


def test_a_source_without_an_origin_is_mentioned(desk: Desk) -> None:
    desk.repositories = FakeRepositories()
    assert desk.read('{"type": "pip", "requirements_files": ["a.txt"]}').root.vcs is None
    assert desk.notes.messages[0] == (
        "info",
        "the source has no git origin: the bill of materials leaves vcs_url out",
    )


def test_only_dated_packages_have_dates_in_the_outputs(desk: Desk) -> None:
    for name in "ab":
        (desk.source / name).mkdir()
    one, other = '{"type": "pip", "path": "b", "index_date": "2024-06-01"}', '{"type": "pip", "path": "a"}'
    assert desk.read(f"[{one}, {other}]").index_dates == (RecordedDates("b", "2024-06-02T00:00:00Z"),)


def targeted(lock: Lock, desk: Desk) -> None:
    desk.locks.locks = {"pylock.toml": lock}
    target = '{"python": "3.12", "platform": "manylinux_2_28_x86_64"}'
    desk.read(f'{{"type": "pip", "lockfile": "pylock.toml", "targets": [{target}]}}')


@pytest.mark.parametrize(
    ("scope", "problem"),
    [
        (Scope(requires_python=">=3.13"), "it is for Python >=3.13, and a target is {}"),
        (
            Scope(environments=("sys_platform == 'win32'", "sys_platform == 'darwin'")),
            "it is for sys_platform == 'win32' or sys_platform == 'darwin', which does not hold for the target {}",
        ),
    ],
)
def test_a_lock_for_other_machines_than_the_targets_is_refused(desk: Desk, scope: Scope, problem: str) -> None:
    with pytest.raises(LockFileError) as caught:
        targeted(Lock("pylock.toml", (), scope=scope), desk)
    assert caught.value.problem == problem.format("Python 3.12 on manylinux_2_28_x86_64")
    assert caught.value.origin == Origin("pylock.toml")


def test_a_lock_for_later_patch_versions_says_which_one_would_do(desk: Desk) -> None:
    with pytest.raises(LockFileError) as caught:
        targeted(Lock("pylock.toml", (), scope=Scope(requires_python=">=3.12.3")), desk)
    assert '"3.12.3" would do' in str(caught.value.hint)


def test_a_lock_that_is_for_a_target_among_others_is_read(desk: Desk) -> None:
    scope = Scope(requires_python=">=3.11", environments=("sys_platform == 'win32'", "sys_platform == 'linux'"))
    targeted(Lock("pylock.toml", (pin(),), scope=scope), desk)


def test_two_versions_that_hold_for_one_target_are_refused_in_a_lock_of_environments(desk: Desk) -> None:
    found = (pin(), replace(pin("3.0"), marker="sys_platform == 'win32'"), pin("2.0"))
    entries = tuple(replace(one, origin=Origin("pylock.toml", line)) for line, one in enumerate(found, start=1))
    with pytest.raises(LockFileError) as caught:
        targeted(Lock("pylock.toml", entries, scope=Scope()), desk)
    target = "Python 3.12 on manylinux_2_28_x86_64"
    assert str(caught.value) == (
        f"pylock.toml:3: Foo==2.0 and Foo==1.0 at pylock.toml:1 both hold for the target {target}"
    )
    parts = (replace(pin(), marker="python_full_version < '3.12.4'"), pin("2.0"))
    halves = parts[0], replace(parts[1], marker="python_full_version >= '3.12.4'")
    targeted(Lock("pylock.toml", halves, scope=Scope()), desk)  # no environment has both
    targeted(Lock("pylock.toml", entries), desk)  # of requirements files pip decides


def test_a_folder_whose_dependencies_nobody_has_locked_is_an_error(desk: Desk) -> None:
    desk.locks.without_lock = InputError("it has no requirements.txt, but uv.lock", hint="export it")
    with pytest.raises(InputError) as caught:
        desk.read('{"type": "pip"}')
    assert caught.value.problem == (
        "nothing to fetch for the package at '.': it has no requirements.txt, but uv.lock"
    )
    assert caught.value.hint == "export it"
    desk.read('{"type": "pip", "requirements_files": []}')
    assert "nothing to fetch" in desk.warnings()[0]


@pytest.mark.parametrize(
    ("keys", "file", "command"),
    [
        (
            {"index_date": "2024-10-01"},
            "requirements.in",
            "--exclude-newer 2024-10-02T00:00:00Z {} requirements.txt",
        ),
        (
            {
                "path": "sub",
                "index_date": "2024-10-01T12:00:00Z",
                "index_date_overrides": {"foo": "2024-06-01", "bar": False},
            },
            "sub/a b.txt",
            (
                "--exclude-newer 2024-10-01T12:00:00Z --exclude-newer-package bar=false"
                " --exclude-newer-package foo=2024-06-02T00:00:00Z {} 'sub/a b.lock.txt'"
            ),
        ),
        (
            {"index_date_overrides": {"foo": "2024-06-01"}},
            "x",
            "--exclude-newer-package foo=2024-06-02T00:00:00Z {} x.lock.txt",
        ),
    ],
)
def test_a_range_with_a_date_is_answered_with_the_command_that_pins_it_as_of_the_date(
    desk: Desk, keys: dict[str, object], file: str, command: str
) -> None:
    (desk.source / "sub").mkdir()
    desk.locks.locks = {file: LockFileError("foo>=1 is not pinned", hint=Hint.PIN_EXACTLY, origin=Origin(file, 1))}
    name = file.removeprefix("sub/")
    with pytest.raises(LockFileError) as caught:
        desk.read(json.dumps({"type": "pip", "requirements_files": [name], **keys}))
    told = str(caught.value.hint)
    expected = command.format("--output-file")
    assert told.startswith(
        f"pin it, as of its date: run `uv pip compile --universal --generate-hashes {expected} "
    )
    assert shlex.quote(file) + "`" in told
    assert caught.value.origin == Origin(file, 1)


def test_a_range_without_a_date_is_answered_as_ever(desk: Desk) -> None:
    desk.locks.locks = {
        "a.txt": LockFileError("foo>=1 is not pinned", hint=Hint.PIN_EXACTLY, origin=Origin("a.txt", 1))
    }
    with pytest.raises(LockFileError) as caught:
        desk.read('{"type": "pip", "requirements_files": ["a.txt"]}')
    assert caught.value.hint is Hint.PIN_EXACTLY
