"""``mirror copy``, ``mirror verify --contents`` and ``mirror prune`` where files are on a disk, and in S3."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cachi2ish.exit_codes import ExitCode
from cachi2ish.mirror.held.interface import SharedFiles
from cachi2ish.settings.buckets import Bucket
from tests.cli.conftest import Person
from tests.support.distributions import Dist, make_sdist, make_wheel
from tests.support.mirror_keeper import Keeper
from tests.support.mirror_server import MirrorServer
from tests.support.s3_server import shared_s3
from tests.support.shared_files import files_in, new_place

GONE, WHEEL = make_sdist("pear", "1.0"), make_wheel("pear", "2.0")
LARGE = Dist("pear-3.0.tar.gz", os.urandom(200_000))
ALL = GONE, WHEEL, LARGE


@pytest.fixture
def keeper(person: Person, tmp_path: Path) -> Keeper:
    """Somebody with three files on a disk, one of which has vanished from its index, and metadata of the wheel."""
    person.environ.update(shared_s3().environment)
    for number, dist in enumerate(ALL, 1):
        person.index.add("pear", dist, upload_time=datetime(2024, number, 1, tzinfo=UTC))
    with serving(tmp_path / "mirror", person) as mirror:
        mirror.json("/2024-06-01/simple/pear/")
        for dist in ALL:
            assert mirror.get(f"/files/{dist.sha256}/{dist.filename}").body == dist.content
        del person.index.add_project("pear").files[GONE.filename]
        mirror.json("/live/simple/pear/")
    return Keeper(person, tmp_path / "mirror")


def serving(directory: Path, person: Person, files: SharedFiles | None = None) -> MirrorServer:
    return MirrorServer(directory, pypi=person.index.index_url, files=files)


@pytest.fixture
def place() -> Bucket:
    return new_place()


def named(files: SharedFiles) -> set[str]:
    return {dist.filename for dist in ALL if files.size_of(dist.sha256) is not None}


def path_on_disk(directory: Path, dist: Dist) -> Path:
    return directory / "files/blobs/sha256" / dist.sha256[:2] / dist.sha256[2:]


def damage(directory: Path, dist: Dist) -> None:
    path = path_on_disk(directory, dist)
    path.chmod(0o600)
    path.write_bytes(bytes(len(dist.content)))


def test_history_and_files_go_to_s3_and_back_and_serve_there(
    keeper: Keeper, place: Bucket, tmp_path: Path
) -> None:
    gone, back = tmp_path / "gone", tmp_path / "back"
    told = keeper.runs("copy", str(gone), "--target-files", str(place)).err
    assert "4 files copied" in told
    assert "rows copied, and compared" in told
    assert named(files_in(place)) == {one.filename for one in ALL}
    moved = Keeper(keeper.person, gone)
    told = moved.runs("copy", str(back), "--files", str(place), "--target-files", str(back)).err
    assert "4 files copied" in told
    assert {path_on_disk(back, one).read_bytes() for one in ALL} == {one.content for one in ALL}
    keeper.person.index.forget_requests()
    with serving(back, keeper.person) as mirror:
        for dist in ALL:
            assert mirror.get(f"/files/{dist.sha256}/{dist.filename}").body == dist.content
        assert mirror.get(f"/files/{WHEEL.sha256}/{WHEEL.filename}.metadata").status == 200
    assert keeper.person.index.paths == ()


def test_a_copy_of_files_goes_on_where_it_was(keeper: Keeper, place: Bucket) -> None:
    files = files_in(place)
    files.put(WHEEL.sha256, path_on_disk(keeper.directory, WHEEL), len(WHEEL.content))
    told = keeper.runs("copy", "--target-files", str(place)).err
    assert "3 files copied" in told
    assert "1 were there before" in told
    told = keeper.runs("copy", "--target-files", str(place)).err
    assert "0 files copied" in told
    assert "4 were there before" in told


def test_a_half_file_at_the_target_is_replaced(keeper: Keeper, place: Bucket, tmp_path: Path) -> None:
    half = tmp_path / "half"
    half.write_bytes(LARGE.content[:1000])
    files = files_in(place)
    files.put(LARGE.sha256, half, 1000)
    assert "4 files copied" in keeper.runs("copy", "--target-files", str(place)).err
    assert files.size_of(LARGE.sha256) == len(LARGE.content)


def test_a_damaged_file_is_not_copied_and_the_history_waits_for_it(
    keeper: Keeper, place: Bucket, tmp_path: Path
) -> None:
    damage(keeper.directory, LARGE)
    outcome = keeper.runs("copy", str(tmp_path / "new"), "--target-files", str(place), code=ExitCode.DIGEST)
    assert f"{LARGE.sha256} in {keeper.directory}/files is not what its name promises" in outcome.err
    assert named(files_in(place)) == {GONE.filename, WHEEL.filename}
    assert not (tmp_path / "new").exists()
    assert "removed" in keeper.runs("verify", "--contents", "--repair").err
    keeper.runs("copy", str(tmp_path / "new"), "--target-files", str(place))


def test_verify_reads_all_files_on_the_disk_and_in_s3(keeper: Keeper, place: Bucket, tmp_path: Path) -> None:
    keeper.runs("copy", "--target-files", str(place))
    told = keeper.runs("verify", "--contents", "--files", str(place)).err
    assert told.count("4 files sound") == 2
    wrong = tmp_path / "wrong"
    wrong.write_bytes(bytes(len(LARGE.content)))
    files = files_in(place)
    files.put(LARGE.sha256, wrong, len(LARGE.content), replace=True)
    damage(keeper.directory, WHEEL)
    outcome = keeper.runs("verify", "--contents", "--files", str(place), code=ExitCode.DIGEST)
    assert f"{LARGE.sha256} in {place} is not what its name promises" in outcome.err
    assert f"{WHEEL.sha256} in {keeper.directory}/files is not" in outcome.err
    keeper.runs("verify", "--contents", "--repair", "--files", str(place))
    assert named(files) == {GONE.filename, WHEEL.filename}
    assert not path_on_disk(keeper.directory, WHEEL).exists()
    keeper.runs("verify", "--contents", "--files", str(place))


def test_prune_removes_from_s3_what_registries_give_again(keeper: Keeper, place: Bucket) -> None:
    keeper.runs("copy", "--target-files", str(place))
    files = files_in(place)
    told = keeper.runs("prune", "--files", str(place), "--max-size", "0", "--dry-run")
    assert f"sha256/{LARGE.sha256[:2]}/{LARGE.sha256}  {LARGE.filename}" in told.out
    assert ", put there 20" in told.out
    assert "last used" not in told.out
    assert named(files) == {one.filename for one in ALL}
    told = keeper.runs("prune", "--files", str(place), "--max-size", "0")
    assert "1 file" in told.err
    assert named(files) == {GONE.filename}
    assert path_on_disk(keeper.directory, WHEEL).exists()
    keeper.runs("prune", "--files", str(place), "--max-size", "0", "--also-vanished")
    assert named(files) == set()


def test_what_makes_no_sense_is_refused(keeper: Keeper) -> None:
    assert "there is nothing to copy to" in keeper.runs("copy", code=ExitCode.USAGE).err
    assert "give both" in keeper.runs("verify", "--repair", code=ExitCode.USAGE).err
    for arguments in (("copy", ""), ("copy", "--target-files", "")):
        refused = keeper.runs(*arguments, code=ExitCode.USAGE).err
        assert "it is empty; is a variable not set?" in " ".join(refused.replace("│", " ").split())
    outcome = keeper.runs("copy", "--target-files", "gs://files/here", code=ExitCode.INPUT)
    assert "is no place in S3" in outcome.err
