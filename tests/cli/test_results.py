"""What a command writes into a file takes the place of an earlier one of its kind, and of nothing else."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person
from tests.support.command_line import Outcome
from tests.support.distributions import make_sdist, make_wheel
from tests.support.mirror_keeper import Keeper

Writes = Callable[[str | Path], Outcome]

TARGET = '{"type": "pip", "targets": [{"python": "3.12", "platform": "manylinux_2_28_x86_64"}]}'

COMMANDS = ("report", "generate-env", "merge-sboms", "lock-build-deps", "mirror export")


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "results" / "result.txt"


@pytest.fixture(params=COMMANDS)
def writes(person: Person, tmp_path: Path, place: Path, request: pytest.FixtureRequest) -> Writes:
    """A command that writes a file."""
    place.parent.mkdir()
    person.index.add("apple", make_sdist("apple", "1.0"))
    person.writes("requirements.txt", "apple==1.0\n")
    if request.param in {"generate-env", "merge-sboms"}:
        assert person.fetches().code == 0
    bill = person.output / "bom.json"
    if request.param == "merge-sboms":
        (tmp_path / "other.json").write_bytes(bill.read_bytes())
    if request.param == "mirror export":
        keeper = Keeper(person, tmp_path / "mirror")
        keeper.runs("track", "apple")
        keeper.syncs()
    for name in ("setuptools", "wheel"):
        person.index.add(name, make_wheel(name, "80"))
    arguments: tuple[str | Path, ...] = {
        "report": ("fetch-deps", "--source", person.source, "--output", person.output, "pip", "--report"),
        "generate-env": ("generate-env", person.output, "--format", "env", "--output"),
        "merge-sboms": ("merge-sboms", bill, tmp_path / "other.json", "--output"),
        "lock-build-deps": ("lock-build-deps", "--source", person.source, TARGET, "--output"),
        "mirror export": ("mirror", "--directory", tmp_path / "mirror", "export"),
    }[request.param]
    return lambda path: person.runs(*arguments, path)


@pytest.mark.parametrize(
    "text",
    [
        "apple==1.0\n",
        "[project]\nname = 'x'\n",
        "FROM scratch\nENV A=1\n",
        "all:\n\ttrue\n",
        "export PASSWORD=x\n",
        '{"name": "a", "private": true}\n',
        "\x1f\x8b\x08\x00 no history",
    ],
)
def test_a_file_of_another_kind_is_not_replaced(writes: Writes, place: Path, text: str) -> None:
    place.write_text(text)
    outcome = writes(place)
    assert outcome.code == ExitCode.INPUT, outcome.told
    assert f"{place} would take the place of a file that is no " in outcome.err
    assert "hint: name another file, or remove this one first" in outcome.err
    assert place.read_text() == text
    assert names_in(place.parent) == [place.name]


def test_an_empty_file_and_an_earlier_result_are(writes: Writes, place: Path) -> None:
    place.touch()
    for _ in range(2):
        outcome = writes(place)
        assert outcome.code == 0, outcome.told
        assert place.stat().st_size
    assert names_in(place.parent) == [place.name]


def test_links_are_followed(writes: Writes, place: Path) -> None:
    target = place.with_name("target")
    place.symlink_to(target)
    for _ in range(2):  # where it leads nowhere, too
        assert writes(place).code == 0
        assert place.is_symlink()
        assert target.stat().st_size
    target.write_text("mine")
    assert writes(place).code == ExitCode.INPUT
    assert target.read_text() == "mine"


def test_a_pipe_is_written_through(writes: Writes, place: Path) -> None:
    os.mkfifo(place)
    received: list[bytes] = []
    reader = Thread(target=lambda: received.append(place.read_bytes()), daemon=True)
    reader.start()
    outcome = writes(place)
    assert stat.S_ISFIFO(place.lstat().st_mode)
    assert outcome.code == 0, outcome.told
    reader.join()
    assert received[0]


def test_a_device_is_written_through(writes: Writes, place: Path) -> None:
    with suppress(PermissionError):  # but for root
        os.mknod(place, 0o666 | stat.S_IFCHR, os.makedev(1, 3))  # a null device of our own
    if not place.exists():
        pytest.skip("no device can be made here")
    try:
        with suppress(PermissionError):  # a file system without devices
            place.write_bytes(b"")
            assert writes(place).code == 0
        assert stat.S_ISCHR(place.lstat().st_mode)
    finally:
        place.unlink()


@pytest.mark.parametrize("at", [".", "..", "/", "folder"])
def test_a_directory_is_no_file(writes: Writes, place: Path, at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (place.parent / "folder").mkdir()
    monkeypatch.chdir(place.parent)
    outcome = writes(at)
    assert outcome.code in {ExitCode.STORAGE, ExitCode.INPUT}, outcome.told
    assert "internal error" not in outcome.err
    if "would be inside the output" not in outcome.err:
        assert f"{at} is a directory" in outcome.err
    assert names_in(place.parent) == ["folder"]


@pytest.mark.parametrize("command", ["generate-env", "merge-sboms", "lock-build-deps"])
def test_a_hyphen_is_standard_output(
    person: Person, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    person.writes("requirements.txt", "")
    assert person.fetches().code == 0
    bill = person.output / "bom.json"
    (tmp_path / "other.json").write_bytes(bill.read_bytes())
    arguments: tuple[str | Path, ...] = {
        "generate-env": (person.output,),
        "merge-sboms": (bill, tmp_path / "other.json"),
        "lock-build-deps": ("--source", person.source, "pip"),
    }[command]
    outcome = person.runs(command, *arguments, "--output", "-")
    assert outcome.code == 0, outcome.told
    assert outcome.out
    assert not Path("-").exists()


def test_a_history_is_no_standard_output(person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    keeper = Keeper(person, tmp_path / "mirror")
    keeper.runs("track", "apple")
    outcome = keeper.runs("export", "-", code=ExitCode.USAGE)
    assert "error: the history goes to a file, and standard output gets its digest" in outcome.err
    assert not Path("-").exists()


def test_an_export_that_fails_leaves_nothing(person: Person, place: Path, tmp_path: Path) -> None:
    place.parent.mkdir()
    keeper = Keeper(person, tmp_path / "mirror")
    keeper.runs("track", "apple")
    outcome = keeper.runs("export", place, "--index", "nowhere", code=ExitCode.INPUT)
    assert "nowhere" in outcome.err
    assert names_in(place.parent) == []


def test_an_environment_with_variables_of_others_is_somebodys_own(person: Person, place: Path) -> None:
    place.parent.mkdir()
    person.writes("requirements.txt", "")
    assert person.fetches().code == 0
    command = ("generate-env", person.output, "--output", place, "--format")
    for kind in ("env", "sh", "dockerfile", "json", "env"):  # one after the other
        assert person.runs(*command, kind).code == 0
    own = f"export PASSWORD=x\n{place.read_text()}"
    place.write_text(own)
    assert person.runs(*command, "env").code == ExitCode.INPUT
    assert place.read_text() == own
