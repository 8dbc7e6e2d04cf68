"""Directories for a piece of work: gone afterwards, and at the next such work when their process was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cachi2ish.files.scratch import scratch_directory, short_name

HOLD = """
import sys
from pathlib import Path
from cachi2ish.files.scratch import scratch_directory
with scratch_directory("work-", Path(sys.argv[1])) as folder:
    (folder / "file").touch()
    print(folder, flush=True)
    sys.stdin.read()
"""


def hold(parent: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(parent)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_it_is_gone_afterwards(tmp_path: Path) -> None:
    with scratch_directory("work-", tmp_path) as folder:
        (folder / "a").mkdir()
        assert folder.stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o700, 0o1777])
def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with hold(tmp_path) as killed:
        assert killed.stdout
        left = Path(killed.stdout.readline().strip())
        with scratch_directory("work-", tmp_path):
            assert (left / "file").exists()  # it is still used
        killed.send_signal(signal.SIGKILL)
    for other in ("work-12345678x", "other-12345678", "work-ABCDEFGH"):
        (tmp_path / other).mkdir()
    (tmp_path / "work-87654321").touch()
    (tmp_path / "work-link_xyz").symlink_to("other-12345678")
    with scratch_directory("work-", tmp_path):
        assert not left.exists()
        assert len(list(tmp_path.iterdir())) == 6


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_in_a_place_of_everybody_what_belongs_to_others_is_left_to_them(tmp_path: Path) -> None:
    other = tmp_path / "work-12345678"
    other.mkdir()
    os.chown(other, 12345, 12345)
    tmp_path.chmod(0o1777)
    with scratch_directory("work-", tmp_path):
        assert other.exists()
    tmp_path.chmod(0o755)
    with scratch_directory("work-", tmp_path):
        assert not other.exists()


@pytest.mark.parametrize("name", ["out", "é" * 100, "x" * 255, "é" * 127])
def test_a_name_to_make_others_of_leaves_room_for_them(name: str) -> None:
    short = short_name(name)
    assert len(os.fsencode(f".{short}.previous-12345678")) <= 255
    assert (short == name) is (len(name.encode()) <= 200)
