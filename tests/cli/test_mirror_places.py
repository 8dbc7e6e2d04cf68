"""What the commands of the mirror say of a place that is not there, is empty, or is written wrong."""

from __future__ import annotations

import fcntl
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person
from tests.support.distributions import make_sdist
from tests.support.mirror_keeper import Keeper
from tests.support.s3_server import shared_s3
from tests.support.shared_files import new_place

APPLE = make_sdist("apple", "1.0")
SYNCED = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def keeper(person: Person, tmp_path: Path) -> Keeper:
    """Somebody with a mirror that holds nothing."""
    kept = Keeper(person, tmp_path / "mirror")
    kept.runs("track", "apple")
    return kept


@pytest.fixture
def holder(keeper: Keeper) -> Keeper:
    """Somebody whose mirror holds a file that has vanished from its index."""
    keeper.person.index.add("apple", APPLE, upload_time=SYNCED)
    keeper.syncs()
    keeper.person.index.add_project("apple").files.clear()
    keeper.let_all_be_due()
    keeper.syncs()
    return keeper


@pytest.mark.parametrize("command", [("verify", "--contents"), ("copy", "--target-files")])
def test_files_of_a_mirror_that_is_not_there_are_not_looked_for(
    person: Person, tmp_path: Path, command: tuple[str, ...]
) -> None:
    new = [tmp_path / "new"] if command[0] == "copy" else []
    outcome = person.runs("mirror", *command, *new, "--directory", tmp_path / "nosuch")
    assert outcome.code == ExitCode.INPUT, outcome.told
    assert f"error: there is no mirror in {tmp_path}/nosuch" in outcome.err
    assert not (tmp_path / "nosuch").exists()
    assert not (tmp_path / "new").exists()


def test_a_place_without_files_is_remarked(keeper: Keeper) -> None:
    place = str(new_place())
    keeper.person.environ.update(shared_s3().environment)
    assert f"warning: there is no file in {keeper.directory}/files" in keeper.runs("verify", "--contents").err
    told = keeper.person.runs("mirror", "verify", "--contents", "--files", place)
    assert told.code == 0, told.told
    assert told.err == f"warning: there is no file in {place}\n{place}: 0 files sound, 0 B\n"


def test_a_place_that_lacks_all_files_that_the_history_says_are_held_is_refused(
    holder: Keeper, tmp_path: Path
) -> None:
    place = str(new_place())
    holder.person.environ.update(shared_s3().environment)
    assert "1 file sound" in holder.runs("verify", "--contents").err
    for options in (("verify", "--contents"), ("copy", "--target-files", str(tmp_path / "new"))):
        outcome = holder.runs(*options, "--files", place, code=ExitCode.STORAGE)
        assert f"error: there is no file in {place}, and the history says" in outcome.err
    shutil.rmtree(holder.directory / "files/blobs")
    outcome = holder.runs("verify", "--contents", code=ExitCode.STORAGE)
    assert "vanished files are held: 1" in outcome.err


@pytest.mark.parametrize("place", ["s3:/bucket/files", "S3:/user:hidden-7@bucket/files"])
def test_files_are_copied_to_no_address_with_one_slash(
    keeper: Keeper, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where it would be a path
    outcome = keeper.runs("copy", "--target-files", place, code=ExitCode.INPUT)
    assert "one slash behind the scheme" in outcome.err
    assert "write it as s3://BUCKET/PREFIX" in outcome.err
    assert "hidden-7" not in outcome.told
    assert "one slash" in keeper.runs("verify", "--contents", "--files", place, code=ExitCode.USAGE).err


def test_no_history_is_copied_to_an_address_with_one_slash(
    keeper: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where it would be a path
    place = "postgresql:/user:hidden-7@host/mirror"
    of_option = "status", "--database", place
    for options, code in ((("copy", place), ExitCode.INPUT), (of_option, ExitCode.USAGE)):
        outcome = keeper.runs(*options, code=code)
        assert "one slash behind the scheme" in outcome.err
        assert "write it as postgresql://user@host/name" in outcome.err
        assert "hidden-7" not in outcome.told


@pytest.mark.parametrize("login", ["u:se@cret-7", "u:se/c@ret-7", "u%40:se@c@ret-7"])
def test_of_a_password_with_an_at_sign_nothing_is_shown(keeper: Keeper, login: str) -> None:
    place = f"postgresql://{login}@host.invalid/mirror"
    of_option = "status", "--database", place
    for options, code in ((("copy", place), ExitCode.INPUT), (of_option, ExitCode.USAGE)):
        outcome = keeper.runs(*options, code=code)
        assert "more than one @" in outcome.err
        assert "as %40" in outcome.err
        assert "ret-7" not in outcome.told


def test_files_wait_until_the_target_of_the_history_answers(holder: Keeper, tmp_path: Path) -> None:
    new = tmp_path / "new"
    place = "postgresql://user@127.0.0.1:9/mirror"
    outcome = holder.runs("copy", place, "--target-files", new, code=ExitCode.STORAGE)
    assert "the history postgresql://127.0.0.1:9/mirror cannot be used" in outcome.err
    assert not new.exists()


def test_a_target_with_a_history_gets_no_files(holder: Keeper, tmp_path: Path) -> None:
    new = tmp_path / "new"
    holder.runs("copy", new)
    outcome = holder.runs("copy", new, "--target-files", new, code=ExitCode.INPUT)
    assert f"{new}/history.sqlite is there already" in outcome.err
    assert "leave TARGET out: files alone are copied then" in outcome.err
    assert not (new / "files").exists()
    assert "1 file copied" in holder.runs("copy", "--target-files", new).err


def test_of_a_file_that_is_no_history_it_is_not_said_that_it_is_an_old_one(keeper: Keeper) -> None:
    path = keeper.directory / "history.sqlite"
    path.write_bytes(b"")
    for command in ("status", "verify"):
        outcome = keeper.runs(command, code=ExitCode.INPUT)
        assert f"error: there is no history in {path}" in outcome.err
        assert "sync" not in outcome.err
    assert path.read_bytes() == b""


def test_of_several_damaged_files_it_is_said_what_became_of_the_others(holder: Keeper, tmp_path: Path) -> None:
    for number in (1, 2):
        path = holder.directory / f"files/blobs/sha256/a{number}" / ("b" * 62)
        path.parent.mkdir()
        path.write_bytes(b"other bytes")
    files = "copy", "--target-files", tmp_path / "new"
    outcome = holder.runs("verify", "--contents", code=ExitCode.DIGEST)
    assert outcome.err.endswith("\n2 errors\n")
    outcome = holder.runs(*files, code=ExitCode.DIGEST)
    assert outcome.err.endswith("\n2 errors; all other files are copied\n")
    outcome = holder.runs(*files, tmp_path / "new", code=ExitCode.DIGEST)
    assert outcome.err.endswith("\n2 errors; all other files are copied, and the history is not\n")


def test_what_a_killed_copy_of_a_history_has_left_is_removed_by_the_next_one(
    keeper: Keeper, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    left, at_work, young = new / ".begun-left", new / ".begun-at-work", new / ".begun-young"
    for one in (left, at_work, young):
        one.mkdir(parents=True)
        (one / "history.sqlite").write_bytes(b"half")
    for one in (left, at_work):
        os.utime(one, (0, 0))
    held = os.open(at_work, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        keeper.runs("copy", new)
    finally:
        os.close(held)
    assert sorted(one.name for one in new.iterdir()) == [".begun-at-work", ".begun-young", "history.sqlite"]


def test_of_a_target_that_takes_nothing_no_option_is_named(keeper: Keeper) -> None:
    outcome = keeper.runs("copy", "/proc/nosuch", code=ExitCode.STORAGE)
    assert "no directory can be made there: choose another place\n" in outcome.err


def test_projects_that_nobody_follows_are_named(keeper: Keeper) -> None:
    told = keeper.runs("prune", "apple", "Pear", "fig").err
    assert told == "1 project followed no more\nwarning: not followed before: fig, pear\n"


def test_a_copy_out_of_s3_leaves_nothing_but_files(holder: Keeper, tmp_path: Path) -> None:
    holder.person.environ.update(shared_s3().environment)
    first, second, back = str(new_place()), str(new_place()), tmp_path / "back"
    holder.runs("copy", "--target-files", first)
    for target in (second, str(back)):
        told = holder.person.runs("mirror", "copy", "--files", first, "--target-files", target)
        assert told.err == f"1 file copied, {told.err.partition('copied, ')[2]}", told.told
    assert [one.name for one in back.iterdir()] == ["files"]
    assert list(holder.person.home.rglob("mirror")) == []
    assert list(holder.person.home.rglob("copying")) == []
