"""Where an output may go: what it replaces, what it refuses, what cannot be renamed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.cli.display.hints import hint_of
from cachi2ish.errors import InputError, StorageError
from cachi2ish.output import swap
from cachi2ish.output.interface import Outputs
from tests.cache.support import files_below, here, keep, names, publish, small_disk, tree


def test_an_empty_directory_is_filled(outputs: Outputs, store: DiskBlobs, work: Path) -> None:
    (work / "out").mkdir()
    publish(outputs, work / "out", keep(store, b"x"), "x.zip")
    assert (work / "out/deps/pip/x.zip").exists()


def test_a_directory_with_other_things_is_refused_with_their_names(outputs: Outputs, work: Path) -> None:
    for name in "abcdef":
        (work / name).touch()
    with pytest.raises(InputError, match="'a', 'b', 'c', 'd' and 2 more") as caught, outputs.stage(work):
        pytest.fail("staged")
    assert "--output" in (hint_of(caught.value) or "")
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


BESIDE = ("cachi2ish.env", "env.sh", "env.json", "link.env")


@pytest.fixture(params=["exchange", "no exchange", "in place"])
def replaced(request: pytest.FixtureRequest, work: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The output, however it is put into its place."""
    if request.param == "no exchange":
        monkeypatch.setattr(swap, "exchange", lambda _one, _other: False)
    if request.param == "in place":
        (work / "out").mkdir()
        monkeypatch.chdir(work / "out")
    return work / "out"


def test_what_others_wrote_beside_the_files_is_kept(outputs: Outputs, store: DiskBlobs, replaced: Path) -> None:
    publish(outputs, replaced, keep(store, b"x"), "x.zip")
    for name in BESIDE[:3]:
        (replaced / name).write_text(name)
        (replaced / name).chmod(0o600)
    (replaced / "link.env").symlink_to("elsewhere")
    before = {name: (replaced / name).lstat() for name in BESIDE}
    publish(outputs, replaced, keep(store, b"y"), "y.zip")
    assert names(replaced) == sorted([".build-config.json", "bom.json", "deps", *BESIDE])
    assert names(replaced / "deps/pip") == ["y.zip"]
    for name in BESIDE:
        after = (replaced / name).lstat()
        assert (after.st_mode, after.st_mtime_ns) == (before[name].st_mode, before[name].st_mtime_ns)
    assert (replaced / "env.sh").read_text() == "env.sh"


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize(
    "stranger", ["deps/gomod/cache", "deps/pip/mine.txt", "deps/pip/mine/x.zip", "deps/x.zip"]
)
def test_what_others_put_among_the_files_stops_the_run(
    outputs: Outputs, store: DiskBlobs, work: Path, stranger: str, *, recorded: bool
) -> None:
    publish(outputs, work / "out", keep(store, b"x"), "x.zip")
    if not recorded:  # as Hermeto writes it
        (work / "out/.build-config.json").write_text('{"environment_variables": [], "project_files": []}')
    publish(outputs, work / "out", keep(store, b"x"), "x.zip")
    path = work / "out" / stranger
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    shown = "deps/pip/mine" if "mine/" in stranger else "deps/gomod" if "gomod" in stranger else stranger
    with pytest.raises(InputError, match=f"other things: '{shown}'$"), outputs.stage(work / "out"):
        pytest.fail("staged")
    assert path.exists()


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_distribution_that_no_prefetch_brought_stops_the_run(
    outputs: Outputs, store: DiskBlobs, work: Path, kind: str
) -> None:
    publish(outputs, work / "out", keep(store, b"x"), "x.zip")
    path = work / "out/deps/pip/mine-1.0.tar.gz"
    if kind == "link":
        path.symlink_to("x.zip")
    else:
        path.touch()
    with pytest.raises(InputError, match=r"'deps/pip/mine-1\.0\.tar\.gz'"), outputs.stage(work / "out"):
        pytest.fail("staged")


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
            assert "--output" in (hint_of(caught.value) or "")
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


@pytest.mark.parametrize("exchange", [True, False])
def test_an_output_may_have_the_longest_name_that_there_is(
    outputs: Outputs, store: DiskBlobs, work: Path, monkeypatch: pytest.MonkeyPatch, *, exchange: bool
) -> None:
    if not exchange:
        monkeypatch.setattr(swap, "exchange", lambda _one, _other: False)
    target = work / ("o" * 255)
    for content in (b"x", b"y"):
        publish(outputs, target, keep(store, content), "x.zip")
        assert (target / "deps/pip/x.zip").read_bytes() == content
    assert names(work) == [target.name]
