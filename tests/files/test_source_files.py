"""Files outside cache and output: replaced whole, and still the same file to everybody else."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from cachi2ish.cache.memory.catalogue import SqliteCatalogue
from cachi2ish.errors import StorageError
from cachi2ish.files.user_files import DiskFiles


def test_a_file_that_is_not_there_reads_as_none(tmp_path: Path) -> None:
    assert DiskFiles().read(tmp_path / "nowhere") is None


def test_a_folder_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be read"):
        DiskFiles().read(tmp_path)


def test_a_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("old")
    file.chmod(0o640)
    DiskFiles().replace(file, b"new")
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_new_file_is_readable_for_all_within_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        DiskFiles().replace(tmp_path / "new", b"x")
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    DiskFiles().replace(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match="cannot be written"):
        DiskFiles().replace(tmp_path / "folder", b"x")
    with pytest.raises(StorageError, match="cannot be written"):
        DiskFiles().replace(tmp_path / "nowhere" / "file", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_no_matter_of_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"file cannot be written: ") as caught:
        DiskFiles().replace(tmp_path / "file", b"x")
    assert "free some space" in str(caught.value.hint)
    assert list(tmp_path.iterdir()) == []


def test_a_device_is_written_to_and_not_replaced() -> None:
    DiskFiles().replace(Path(os.devnull), b"x")
    assert not Path(os.devnull).is_file()


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    DiskFiles().remove(tmp_path / "nowhere")
    (tmp_path / "there").write_text("x")
    DiskFiles().remove(tmp_path / "there")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StorageError, match="cannot be removed"):
        DiskFiles().remove(tmp_path)


def test_a_small_fact_is_remembered_over_runs(tmp_path: Path) -> None:
    with SqliteCatalogue(tmp_path / "db") as catalogue:
        assert catalogue.get("key") is None
        catalogue.put("key", "one")
        catalogue.put("key", "two\nlines")
    with SqliteCatalogue(tmp_path / "db") as catalogue:
        assert catalogue.get("key") == "two\nlines"
