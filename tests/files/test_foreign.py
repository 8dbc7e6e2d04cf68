"""What somebody else made is read whole, up to a size, and never waited for."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cachi2ish.files.foreign import LARGEST_TEXT, UnfitFileError, decode_text, read_foreign


def test_a_file_is_read_whole_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"", b"x", bytes(3 << 20)):
        path.write_bytes(content)
        assert read_foreign(path, len(content)) == content
    with pytest.raises(UnfitFileError, match=r"is larger than 3145727 bytes \(3145728 bytes or more\)") as caught:
        read_foreign(path, (3 << 20) - 1)
    assert caught.value.errno == errno.EFBIG


def test_a_file_that_states_no_size_is_read_up_to_the_limit_too(tmp_path: Path) -> None:
    """What /proc shows as files has no size."""
    path = tmp_path / "status"
    path.symlink_to("/proc/self/status")
    assert b"Name:" in read_foreign(path)
    with pytest.raises(UnfitFileError, match="is larger than 100 bytes"):
        read_foreign(path, 100)


@pytest.mark.parametrize("streams", [False, True])
def test_pipes_sockets_and_devices_are_refused_and_not_waited_for(tmp_path: Path, *, streams: bool) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for path in (pipe, link, tmp_path / "socket"):
            with pytest.raises(UnfitFileError, match="is not a regular file"):
                read_foreign(path, streams=streams)


def test_the_streams_of_the_process_are_read_where_they_may_be_named() -> None:
    code = "import sys; from pathlib import Path; from cachi2ish.files.foreign import read_foreign as r; "
    code += "sys.stdout.buffer.write(r(Path('/dev/stdin'), 10, streams=sys.argv[1] == 'yes'))"
    for allowed, text, ends in (("yes", "one", True), ("yes", "more than ten", False), ("no", "one", False)):
        done = subprocess.run(
            [sys.executable, "-c", code, allowed], input=text, capture_output=True, text=True, check=False
        )
        assert (done.returncode == 0) is ends, done.stderr
        assert done.stdout == ("one" if ends else "")


def test_a_folder_and_nothing_are_what_the_system_says(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        read_foreign(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_foreign(tmp_path / "none")


def test_line_ends_are_read_as_python_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\xef\xbb\xbfa\r\nb\rc\n")
    assert decode_text(read_foreign(path), "utf-8-sig") == path.read_text("utf-8-sig") == "a\nb\nc\n"


def test_the_limit_is_far_above_what_people_write() -> None:
    assert LARGEST_TEXT == 16 << 20
