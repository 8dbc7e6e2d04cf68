"""An output is there whole, or the earlier one is."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from pathlib import Path

import pytest
from msgspec.structs import replace

from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.errors import DistributionError, StorageError
from cachi2ish.output import file_copies
from cachi2ish.output.file_copies import MODIFIED
from cachi2ish.output.interface import Outputs
from tests.cache.support import CONFIG, files_below, fill, keep, names, publish, tree


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
    assert outputs.read_build_config(target) == replace(CONFIG, files=("deps/pip/y.zip",))
    assert names(target.parent) == ["out"]


@pytest.mark.parametrize("length", [0, 1, 1000, 100_000])
def test_a_text_is_written_in_pieces_of_any_length_as_in_one(outputs: Outputs, work: Path, length: int) -> None:
    text = "é\udce9" * length
    with outputs.stage(work / "out") as staging:
        staging.write("one.json", f"<{text}>" * 3)
        staging.write_pieces("pieces.json", (piece for _ in range(3) for piece in ("<", text, ">")))
        staging.write_build_config(CONFIG)
        staging.publish()
    written = (work / "out/pieces.json").read_bytes()
    assert written == (work / "out/one.json").read_bytes() == (b"<" + b"\xc3\xa9\\udce9" * length + b">") * 3


def test_two_runs_give_the_same_bytes(outputs: Outputs, store: DiskBlobs, work: Path) -> None:
    blob = keep(store, b"x")
    publish(outputs, work / "one", blob, "a.zip", "b.zip")
    publish(outputs, work / "two", blob, "b.zip", "a.zip")
    assert tree(work / "one") == tree(work / "two")


def test_everything_in_it_has_one_time_whenever_it_was_made(
    outputs: Outputs, store: DiskBlobs, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stays = work / "stays"  # the current directory keeps its place, and has its entries replaced
    stays.mkdir()
    monkeypatch.chdir(stays)
    for target in (work / "out", work / "out", stays):
        publish(outputs, target, keep(store, b"x"), "x.zip")
        assert {path.stat().st_mtime for path in (target, *target.rglob("*"))} == {315_532_800}


def test_files_that_were_made_ahead_are_there_if_they_were_written_and_else_nothing_of_them(
    outputs: Outputs, work: Path
) -> None:
    def write(target: Path, *expected: str) -> None:
        with outputs.stage(target) as staging:
            staging.precreate(expected, ("a", "b"))
            staging.write_folder("deps/simple/one", {"a": "first", "b": ""})
            staging.write_folder("deps/simple/two", {"b": "half"})
            staging.write_build_config(CONFIG)
            staging.publish()

    write(work / "plain")
    write(work / "ahead", "deps/simple", "deps/simple/one", "deps/simple/two", "deps/simple/three")
    assert tree(work / "ahead") == tree(work / "plain")
    assert not (work / "ahead/deps/simple/three").exists()
    assert {path.stat().st_mtime for path in (work / "ahead").rglob("*")} == {MODIFIED}


@pytest.mark.parametrize(
    "folders",
    [
        ("deps/simple", "deps/simple/three"),
        ("deps/simple/three", "deps/simple"),
        ("x/y/z", "x"),
        ("deps/pip", "x"),
    ],
    ids=" ".join,
)
def test_no_folder_is_left_of_files_that_nobody_has_written(
    outputs: Outputs, work: Path, folders: Sequence[str]
) -> None:
    with outputs.stage(work / "out") as staging:
        staging.precreate(folders, ("a", "b"))
        staging.write_build_config(CONFIG)
        staging.publish()
    left = [path.relative_to(work / "out").as_posix() for path in (work / "out").rglob("*")]
    assert sorted(left) == [".build-config.json", "deps", "deps/pip"]


def test_the_folder_of_files_is_there_with_nothing_in_it(outputs: Outputs, work: Path) -> None:
    with outputs.stage(work / "out") as staging:
        staging.write_build_config(CONFIG)
        staging.publish()
    assert (work / "out" / "deps" / "pip").is_dir()


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
        monkeypatch.setattr(file_copies, "_kernel_copy", lambda *_: False)
    content = os.urandom(3_000_000)
    (tmp_path / "source").write_bytes(content)
    with FileIO(tmp_path / "source") as source:
        assert file_copies.copy_file(source, tmp_path / "copy", 0o644) == len(content)
    assert (tmp_path / "copy").read_bytes() == content


def test_a_kernel_that_cannot_copy_is_no_failure() -> None:
    reading, writing = os.pipe()
    try:
        assert not file_copies._kernel_copy(reading, writing)
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
    with outputs.stage(work / "out") as staging:
        for before in ("y", "a/y"):
            with pytest.raises(StorageError):
                staging.write(path, "x")
            staging.write(before, "y")
        with pytest.raises(StorageError):
            staging.write(path, "x")


@pytest.mark.parametrize(("folder", "name"), [("../x", "a"), ("deps", "../a"), ("deps", ""), ("deps", "x/a")])
def test_a_folder_of_texts_cannot_be_written_elsewhere(
    outputs: Outputs, work: Path, folder: str, name: str
) -> None:
    with outputs.stage(work / "out") as staging, pytest.raises(StorageError):
        staging.write_folder(folder, {name: "x"})


def test_a_folder_of_texts_is_written_as_files_and_folders_are(outputs: Outputs, work: Path) -> None:
    with outputs.stage(work / "out") as staging:
        staging.write_folder("deps/simple/demo", {"a": "1", "b": "2"})
        staging.write_build_config(CONFIG)
        staging.publish()
    folder = work / "out/deps/simple/demo"
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"a": "1", "b": "2"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o644}
    below = [folder, folder.parent, *folder.iterdir()]
    assert {path.stat().st_mtime for path in below} == {MODIFIED}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    files = outputs.read_build_config(work / "out").files
    assert files is not None
    assert set(files) == {"deps/simple/demo/a", "deps/simple/demo/b"}


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
