"""An output is there whole, or the earlier one is."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from cachi2ish.core.artifacts import Blob
from cachi2ish.core.outputs import PIP_ENVIRONMENT, BuildConfig
from cachi2ish.errors import DistributionError, InputError, StorageError
from cachi2ish.store import copying
from cachi2ish.store.blobs import DiskBlobs
from cachi2ish.store.interface import Outputs, Staging
from cachi2ish.store.output import OutputDirectories
from tests.store.support import files_below, keep, small_disk

CONFIG = BuildConfig("1", PIP_ENVIRONMENT)


@pytest.fixture
def store(tmp_path: Path) -> DiskBlobs:
    return DiskBlobs(tmp_path / "cache")


@pytest.fixture
def outputs() -> Outputs:
    return OutputDirectories()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A directory with nothing in it but what the test makes."""
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def fill(staging: Staging, blob: Blob, *names: str, bom: str = "{}\n") -> None:
    for name in names:
        staging.place(blob, name)
    staging.write("bom.json", bom)
    staging.write_build_config(CONFIG)


def publish(outputs: Outputs, target: Path, blob: Blob, *names: str, bom: str = "{}\n") -> None:
    with outputs.stage(target) as staging:
        fill(staging, blob, *names, bom=bom)
        staging.publish()


def tree(directory: Path) -> dict[str, bytes]:
    return {name: (directory / name).read_bytes() for name in files_below(directory)}


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@contextmanager
def here(directory: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


def test_an_output_that_is_not_published_leaves_nothing(outputs: Outputs, store: DiskBlobs, work: Path) -> None:
    with outputs.stage(work / "deep" / "er" / "out") as staging:
        fill(staging, keep(store, b"x"), "x.zip")
    assert names(work) == []


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError, StorageError])
def test_whatever_interrupts_it_the_earlier_output_stays(
    outputs: Outputs, store: DiskBlobs, work: Path, failure: type[BaseException]
) -> None:
    publish(outputs, work / "out", keep(store, b"x"), "x.zip")
    before = tree(work)

    def interrupted() -> None:
        with outputs.stage(work / "out") as staging:
            fill(staging, keep(store, b"y"), "y.zip")
            raise failure("stop")

    with pytest.raises(failure, match="stop"):
        interrupted()
    assert tree(work) == before
    assert names(work) == ["out"]


def test_a_published_output_is_whole_and_the_earlier_one_gone(
    outputs: Outputs, store: DiskBlobs, work: Path
) -> None:
    target = work / "new" / "out"
    publish(outputs, target, keep(store, b"x"), "x.zip", "x2.zip")
    publish(outputs, target, keep(store, b"y"), "y.zip")
    assert files_below(work) == ["new/out/.build-config.json", "new/out/bom.json", "new/out/deps/pip/y.zip"]
    assert (target / "deps/pip/y.zip").read_bytes() == b"y"
    assert outputs.read_build_config(target) == CONFIG
    assert names(target.parent) == ["out"]


def test_two_runs_give_the_same_bytes(outputs: Outputs, store: DiskBlobs, work: Path) -> None:
    blob = keep(store, b"x")
    publish(outputs, work / "one", blob, "a.zip", "b.zip")
    publish(outputs, work / "two", blob, "b.zip", "a.zip")
    assert tree(work / "one") == tree(work / "two")


def test_modes_do_not_depend_on_the_umask(outputs: Outputs, store: DiskBlobs, work: Path) -> None:
    before = os.umask(0o077)
    try:
        publish(outputs, work / "out", keep(store, b"x"), "x.zip")
    finally:
        os.umask(before)
    for path in [work / "out", *(work / "out").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644), path


def test_an_edited_output_does_not_reach_back_into_the_cache(
    outputs: Outputs, store: DiskBlobs, work: Path
) -> None:
    blob = keep(store, b"x" * 100_000)
    publish(outputs, work / "out", blob, "x.zip")
    placed = work / "out/deps/pip/x.zip"
    assert placed.stat().st_nlink == 1
    with placed.open("r+b") as file:
        file.write(b"edited")
    assert store.find([blob.digest]) == blob


@pytest.mark.parametrize("way", ["kernel", "plain"])
def test_a_copy_is_whole_whatever_the_kernel_can_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way == "plain":
        monkeypatch.setattr(copying, "_kernel_copy", lambda *_: False)
    content = os.urandom(3_000_000)
    (tmp_path / "source").write_bytes(content)
    assert copying.copy_file(tmp_path / "source", tmp_path / "copy", 0o644) == len(content)
    assert (tmp_path / "copy").read_bytes() == content


def test_a_kernel_that_cannot_copy_is_no_failure() -> None:
    reading, writing = os.pipe()
    try:
        assert not copying._kernel_copy(reading, writing)
    finally:
        os.close(reading)
        os.close(writing)


def test_a_name_for_two_contents_is_refused_with_both(outputs: Outputs, store: DiskBlobs, work: Path) -> None:
    one, other = keep(store, b"x"), keep(store, b"y")
    with outputs.stage(work / "out") as staging:
        staging.place(one, "x.zip")
        staging.place(one, "x.zip")
        with pytest.raises(DistributionError, match=r"deps/pip/x\.zip") as caught:
            staging.place(other, "x.zip")
    assert one.sha256 in caught.value.problem
    assert other.sha256 in caught.value.problem


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/etc/x", "a\\b", "a\0b", "a\nb", "x" * 256])
def test_a_name_that_is_more_than_a_name_is_refused(
    outputs: Outputs, store: DiskBlobs, work: Path, name: str
) -> None:
    with outputs.stage(work / "out") as staging, pytest.raises(DistributionError, match="cannot be used"):
        staging.place(keep(store, b"x"), name)


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", ""])
def test_a_text_cannot_be_written_elsewhere(outputs: Outputs, work: Path, path: str) -> None:
    with outputs.stage(work / "out") as staging, pytest.raises(StorageError):
        staging.write(path, "x")


def test_many_threads_place_at_once(outputs: Outputs, store: DiskBlobs, work: Path) -> None:
    blobs = [keep(store, bytes([number]) * 1000) for number in range(8)]
    with outputs.stage(work / "out") as staging, ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda number: staging.place(blobs[number % 8], f"{number % 50 // 8}-{number % 8}"), range(400)
            )
        )
        staging.publish()
    for path in (work / "out/deps/pip").iterdir():
        assert path.read_bytes() == bytes([int(path.name[-1])]) * 1000


def test_a_blob_that_was_removed_meanwhile_is_an_error(outputs: Outputs, store: DiskBlobs, work: Path) -> None:
    blob = keep(store, b"x")
    blob.path.unlink()
    with outputs.stage(work / "out") as staging, pytest.raises(StorageError, match=r"x\.zip cannot be placed"):
        staging.place(blob, "x.zip")


def test_a_blob_that_has_another_size_is_an_error(outputs: Outputs, store: DiskBlobs, work: Path) -> None:
    blob = keep(store, b"x")
    blob.path.unlink()
    blob.path.write_bytes(b"longer")
    with outputs.stage(work / "out") as staging, pytest.raises(StorageError, match="6 bytes, not 1"):
        staging.place(blob, "x.zip")


def test_an_output_is_published_once(outputs: Outputs, work: Path) -> None:
    with outputs.stage(work / "out") as staging:
        staging.publish()
        with pytest.raises(ValueError, match="once"):
            staging.publish()


# What may be replaced, and what may not.


def test_an_empty_directory_is_filled(outputs: Outputs, store: DiskBlobs, work: Path) -> None:
    (work / "out").mkdir()
    publish(outputs, work / "out", keep(store, b"x"), "x.zip")
    assert (work / "out/deps/pip/x.zip").exists()


def test_a_directory_with_other_things_is_refused_with_their_names(outputs: Outputs, work: Path) -> None:
    for name in "abcdef":
        (work / name).touch()
    with pytest.raises(InputError, match="'a', 'b', 'c', 'd' and 2 more") as caught, outputs.stage(work):
        pytest.fail("staged")
    assert "--output" in (caught.value.hint or "")
    assert names(work) == list("abcdef")


@pytest.mark.parametrize("stranger", ["notes.txt", ".git/config", "src.json/main.py", "deps.txt"])
def test_an_earlier_output_with_things_of_the_user_is_refused(
    outputs: Outputs, store: DiskBlobs, work: Path, stranger: str
) -> None:
    publish(outputs, work / "out", keep(store, b"x"), "x.zip")
    path = work / "out" / stranger
    path.parent.mkdir(exist_ok=True)
    path.touch()
    with pytest.raises(InputError, match="an earlier output and other things"), outputs.stage(work / "out"):
        pytest.fail("staged")
    assert path.exists()


def test_things_that_come_while_the_output_is_assembled_are_not_lost(outputs: Outputs, work: Path) -> None:
    with outputs.stage(work / "out") as staging:
        (work / "out").mkdir()
        (work / "out" / "precious").touch()
        with pytest.raises(InputError, match="precious"):
            staging.publish()
    assert files_below(work) == ["out/precious"]


def test_what_the_other_commands_wrote_into_an_output_is_replaced_with_it(
    outputs: Outputs, store: DiskBlobs, work: Path
) -> None:
    publish(outputs, work / "out", keep(store, b"x"), "x.zip")
    for name in ("cachi2ish.env", "env.sh", "env.json"):
        (work / "out" / name).touch()
    publish(outputs, work / "out", keep(store, b"x"), "x.zip")
    assert names(work / "out") == [".build-config.json", "bom.json", "deps"]


def test_a_link_to_a_directory_is_followed(outputs: Outputs, store: DiskBlobs, work: Path) -> None:
    (work / "real").mkdir()
    (work / "link").symlink_to("real")
    (work / "dangling").symlink_to("not/yet")
    for link in ("link", "dangling"):
        publish(outputs, work / link, keep(store, b"x"), "x.zip")
        publish(outputs, work / link, keep(store, b"x"), "x.zip")
        assert (work / link).is_symlink()
    assert (work / "real/bom.json").exists()
    assert (work / "not/yet/bom.json").exists()


@pytest.mark.parametrize("target", ["file/out", "file/deep/out", "loop/out"])
def test_an_output_below_a_file_is_an_error_of_storage(outputs: Outputs, work: Path, target: str) -> None:
    (work / "file").touch()
    (work / "loop").symlink_to("loop")
    with pytest.raises(StorageError), outputs.stage(work / target):
        pytest.fail("staged")
    assert names(work) == ["file", "loop"]


def test_an_output_that_is_a_file_is_refused(outputs: Outputs, work: Path) -> None:
    (work / "file").touch()
    with pytest.raises(InputError, match="is a file"), outputs.stage(work / "file"):
        pytest.fail("staged")


def test_a_full_disk_leaves_the_earlier_output(outputs: Outputs, store: DiskBlobs, tmp_path: Path) -> None:
    big = keep(store, os.urandom(400_000))
    with small_disk(tmp_path / "disk") as disk:
        publish(outputs, disk / "out", keep(store, b"x"), "x.zip")
        before = tree(disk)
        with outputs.stage(disk / "out") as staging:
            with pytest.raises(StorageError, match="No space left on device") as caught:
                staging.place(big, "big.zip")
            assert "--output" in (caught.value.hint or "")
            with pytest.raises(StorageError, match="No space left on device"):
                staging.write("bom.json", "x" * 400_000)
        assert tree(disk) == before
        assert names(disk) == ["out"]


def test_a_read_only_file_system_is_told(outputs: Outputs, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(StorageError, match="Read-only file system"), outputs.stage(disk / "out"):
            pytest.fail("staged")
        with pytest.raises(StorageError, match="Read-only file system"):
            DiskBlobs(disk / "cache")


# What cannot be renamed.


def test_a_mount_point_keeps_its_place_and_gets_new_content(
    outputs: Outputs, store: DiskBlobs, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        device = disk.stat().st_dev
        (disk / "lost+found").mkdir()
        publish(outputs, disk, keep(store, b"x"), "x.zip")
        publish(outputs, disk, keep(store, b"y"), "y.zip")
        assert disk.stat().st_dev == device
        assert names(disk) == [".build-config.json", "bom.json", "deps", "lost+found"]
        assert names(disk / "deps/pip") == ["y.zip"]


def test_a_bind_mount_of_the_same_file_system_is_seen(outputs: Outputs, store: DiskBlobs, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        (disk / "real").mkdir()
        (disk / "bound here").mkdir()
        subprocess.run(["mount", "--bind", disk / "real", disk / "bound here"], check=True)
        try:
            publish(outputs, disk / "bound here", keep(store, b"x"), "x.zip")
            publish(outputs, disk / "bound here", keep(store, b"y"), "y.zip")
            assert files_below(disk / "real") == [".build-config.json", "bom.json", "deps/pip/y.zip"]
        finally:
            subprocess.run(["umount", disk / "bound here"], check=True)


def test_a_shell_that_stands_in_the_output_still_does(outputs: Outputs, store: DiskBlobs, work: Path) -> None:
    (work / "out").mkdir()
    with here(work / "out"):
        for content in (b"x", b"y"):
            publish(outputs, Path(), keep(store, content), f"{content.decode()}.zip")
            assert files_below(Path()) == [".build-config.json", "bom.json", f"deps/pip/{content.decode()}.zip"]
        with outputs.stage(Path()) as staging:
            staging.write("bom.json", "not published")
        assert (Path("bom.json")).read_text() == "{}\n"
    assert names(work) == ["out"]
    assert names(work / "out") == [".build-config.json", "bom.json", "deps"]


def test_a_current_directory_that_was_removed_disturbs_nothing(
    outputs: Outputs, store: DiskBlobs, work: Path
) -> None:
    (work / "gone").mkdir()
    (work / "out").mkdir()
    with here(work / "gone"):
        (work / "gone").rmdir()
        publish(outputs, work / "out", keep(store, b"x"), "x.zip")
    assert (work / "out/bom.json").exists()
