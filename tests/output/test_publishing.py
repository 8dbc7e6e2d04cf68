"""Readers, rivals and murder: nobody ever finds half an output."""

from __future__ import annotations

import errno
import re
import signal
from pathlib import Path

import pytest

from cachi2ish.core.outputs import BuildConfig
from cachi2ish.files import locks
from cachi2ish.output import swap
from cachi2ish.output.directories import OutputDirectories
from cachi2ish.output.interface import Outputs
from tests.cache.support import files_below, start

PUBLISH = """
import sys
from pathlib import Path
from cachi2ish.core.outputs import BuildConfig
from cachi2ish.output.directories import OutputDirectories
name = sys.argv[2]
for round in range(int(sys.argv[3])):
    with OutputDirectories().stage(Path(sys.argv[1])) as staging:
        for number in range(5):
            staging.write(f"deps/pip/{name}-{number}", name)
        staging.write("bom.json", name)
        staging.write_build_config(BuildConfig(name))
        print("staged", flush=True)
        if sys.argv[4:] == ["wait"]:
            sys.stdin.readline()
        staging.publish()
"""

READ = """
import os, select, sys
target = sys.argv[1]
def read(name):
    with open(os.path.join(target, name), "rb") as file:
        return file.read()
def version():
    return int(read("bom.json"))
version()
print("reading", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    try:
        before, between, after = version(), int(read("deps/version")), version()
    except OSError as error:
        print("missing", error)
        break
    if not before <= between <= after:
        print("mixed", before, between, after)
        break
"""


@pytest.fixture
def no_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without the exchange of two names."""
    monkeypatch.setattr(swap, "exchange", lambda *_: False)


def publish(outputs: Outputs, target: Path, version: str) -> None:
    with outputs.stage(target) as staging:
        staging.write(f"deps/pip/{version}", version)
        staging.write("deps/version", version)
        staging.write("bom.json", version)
        staging.write_build_config(BuildConfig(version))
        staging.publish()


def test_a_reader_never_sees_a_missing_or_mixed_output(outputs: Outputs, tmp_path: Path) -> None:
    target = tmp_path / "out"
    publish(outputs, target, "0")
    with start(READ, target) as reader:
        assert reader.stdout
        assert reader.stdin
        assert reader.stdout.readline() == "reading\n"
        for version in range(1, 150):
            publish(outputs, target, str(version))
        reader.stdin.close()
        assert reader.stdout.read() == "", "what it met, or nothing"


def test_of_two_processes_one_wins_whole(tmp_path: Path) -> None:
    target = tmp_path / "out"
    rivals = [start(PUBLISH, target, name, "8") for name in ("one", "two", "three")]
    for rival in rivals:
        rival.communicate()
        assert rival.returncode == 0
    winner = (target / "bom.json").read_text()
    expected = [".build-config.json", "bom.json", *(f"deps/pip/{winner}-{number}" for number in range(5))]
    assert files_below(target) == expected
    assert OutputDirectories().read_build_config(target).tool_version == winner
    assert files_below(tmp_path) == [f"out/{name}" for name in expected]


def test_what_a_killed_process_leaves_is_removed_and_what_a_living_one_does_is_not(
    outputs: Outputs, tmp_path: Path
) -> None:
    target = tmp_path / "out"
    publish(outputs, target, "0")
    with start(PUBLISH, target, "one", "1", "wait") as process:
        assert process.stdout
        assert process.stdin
        assert process.stdout.readline() == "staged\n"
        publish(outputs, target, "1")
        assert len(list(tmp_path.glob(".out.staging-*"))) == 1
        process.send_signal(signal.SIGKILL)
    publish(outputs, target, "2")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (target / "bom.json").read_text() == "2"


def test_a_directory_that_only_looks_like_a_leftover_is_not_touched(outputs: Outputs, tmp_path: Path) -> None:
    precious = tmp_path / ".out.staging-of-mine" / "precious"
    precious.parent.mkdir()
    precious.touch()
    outside = tmp_path / "outside" / "precious"
    outside.parent.mkdir()
    outside.touch()
    (tmp_path / ".out.staging-abcdefgh").symlink_to("outside")
    publish(outputs, tmp_path / "out", "1")
    assert precious.exists()
    assert outside.exists()


@pytest.mark.usefixtures("no_exchange")
def test_without_the_exchange_the_old_one_steps_aside(outputs: Outputs, tmp_path: Path) -> None:
    for version in "123":
        publish(outputs, tmp_path / "out", version)
        assert files_below(tmp_path / "out/deps/pip") == [version]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.usefixtures("no_exchange")
def test_without_the_exchange_a_failure_brings_the_old_one_back(
    outputs: Outputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(outputs, tmp_path / "out", "1")
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if ".staging-" in self.name and not target.exists():
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(KeyboardInterrupt):
        publish(outputs, tmp_path / "out", "2")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out/bom.json").read_text() == "1"


def test_an_output_that_a_killed_process_left_aside_is_brought_back(outputs: Outputs, tmp_path: Path) -> None:
    publish(outputs, tmp_path / "out", "1")
    (tmp_path / "out").rename(tmp_path / ".out.previous-0123abcd")
    with outputs.stage(tmp_path / "out"):
        assert (tmp_path / "out/bom.json").read_text() == "1"
    (tmp_path / ".out.previous-0123abcd").mkdir()
    publish(outputs, tmp_path / "out", "2")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_directory_that_the_user_has_locked_stops_nobody(
    outputs: Outputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_PAUSE", 0)
    target = tmp_path / "out"
    publish(outputs, target, "1")
    with locks.locked_directory(target), locks.locked_directory(tmp_path):
        publish(outputs, target, "2")
        monkeypatch.chdir(target)
        publish(outputs, target, "3")
    assert (target / "bom.json").read_text() == "3"


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EXDEV])
def test_what_turns_out_to_be_fixed_gets_its_content_replaced(
    outputs: Outputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    target = tmp_path / "out"
    publish(outputs, target, "1")
    inode = target.stat().st_ino
    exchange = swap.exchange

    def fixed(one: Path, other: Path) -> bool:
        if other == target:
            raise OSError(number, "it stays")
        return exchange(one, other)

    monkeypatch.setattr(swap, "exchange", fixed)
    publish(outputs, target, "2")
    assert target.stat().st_ino == inode
    assert files_below(target) == [".build-config.json", "bom.json", "deps/pip/2", "deps/version"]
    assert (target / "deps/version").read_text() == "2"


@pytest.mark.usefixtures("no_exchange")
def test_contents_are_replaced_without_the_exchange_too(tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    for directory, content in ((new, "new"), (old, "old")):
        (directory / "deps").mkdir(parents=True)
        (directory / "deps" / content).write_text(content)
        (directory / "file").write_text(content)
        (directory / f"only-{content}").mkdir()
    (new / "turns").mkdir()
    (old / "turns").touch()
    swap.replace_contents(new, old, last="file", keep=re.compile("nothing"))
    assert files_below(old) == ["deps/new", "file"]
    assert (old / "turns").is_dir()
    assert not (old / "only-old").exists()
    assert (old / "only-new").exists()


def test_the_exchange_is_one_step_and_refuses_as_the_system_does(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").touch()
    if not swap.exchange(tmp_path / "one", tmp_path / "other"):
        pytest.skip("this file system cannot exchange two names")
    assert (tmp_path / "one").is_file()
    assert (tmp_path / "other").is_dir()
    with pytest.raises(FileNotFoundError):
        swap.exchange(tmp_path / "one", tmp_path / "missing")
