"""With other words for all that is said, runs end as before: the same files, exit status, places and warnings."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person
from tests.support.distributions import Dist, make_sdist, make_wheel
from tests.support.rewording import other, reworded

ALLOW = json.dumps({"type": "pip", "allow_binary": True})
APPLE, WHEEL = make_sdist("apple", "1.0"), make_wheel("apple", "1.0")

Run = tuple[str, ...]


def needs(person: Person, *lines: str) -> None:
    person.writes("requirements.txt", "".join(f"{line}\n" for line in lines))


def a_yanked_file(person: Person) -> Run:
    person.index.add("apple", APPLE, yanked="broken")
    needs(person, "apple==1.0")
    return ("pip",)


def a_wheel_alone(person: Person) -> Run:
    person.index.add("apple", WHEEL)
    needs(person, "apple==1.0")
    return ("pip",)


def a_file_that_was_replaced(person: Person) -> Run:
    person.index.add("apple", APPLE)
    needs(person, f"apple==1.0 {WHEEL.hash_option()}")
    return ("pip",)


def a_file_that_was_tampered_with(person: Person) -> Run:
    person.index.add("apple", APPLE)
    person.index.serve_file(Dist(APPLE.filename, b"something else"))
    needs(person, "apple==1.0")
    return ("pip",)


def a_wheel_that_only_its_bytes_show_not_to_be_locked(person: Person) -> Run:
    person.index.add("apple", APPLE)
    person.index.add("apple", WHEEL)
    needs(person, f"apple==1.0 {APPLE.hash_option('sha512')}")
    return (ALLOW,)


def a_file_without_upload_time(person: Person) -> Run:
    person.index.add("apple", APPLE)
    needs(person, "apple==1.0")
    return "pip", "--index-date=2024-10-01"


def a_file_that_came_later(person: Person) -> Run:
    person.index.add("apple", APPLE, upload_time="2024-10-03T00:00:00Z")
    needs(person, "apple==1.0")
    return "pip", "--index-date=2024-10-01"


def projects_that_are_nowhere(person: Person) -> Run:
    needs(person, "apple==1.0", "pear==1.0")
    return ("pip",)


def an_empty_cache_without_a_network(person: Person) -> Run:
    needs(person, "apple==1.0", "pear==1.0")
    return "pip", "--offline"


def a_host_that_refuses_connections(person: Person) -> Run:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/simple/"
    needs(person, *(f"fruit{number}==1.0" for number in range(9)))
    return "pip", f"--index-url={address}"


def lines_that_cannot_be_read(person: Person) -> Run:
    needs(person, "apple>=1.0", "-r requirements.txt", "--find-links=x --find-links=y", "pear === ", "./fig")
    return ("pip",)


def a_lock_without_hashes(person: Person) -> Run:
    needs(person, "--require-hashes", "apple==1.0", "pear==1.0")
    return ("pip",)


def an_unknown_key(person: Person) -> Run:
    needs(person, "apple==1.0")
    return ('{"type": "pip", "allow_binaries": true}',)


def an_archive_that_is_none(person: Person) -> Run:
    person.index.add("apple", Dist(APPLE.filename, b"<html>please log in</html>"))
    needs(person, "apple==1.0")
    return ("pip",)


def an_sdist_that_does_not_say_what_it_is(person: Person) -> Run:
    silent = make_sdist("apple", "1.0", files={"setup.py": "raise SystemExit"})
    person.index.add("apple", silent)
    needs(person, "apple==1.0")
    return "pip", "--mode=permissive"


def behaviour(person: Person, run: Run, report: Path) -> dict[str, Any]:
    """Run a fetch from scratch; return all of it but its words."""
    for folder in (person.output, person.home):
        shutil.rmtree(folder, ignore_errors=True)
    person.home.mkdir()
    outcome = person.fetches(*run, "--report", report)
    told = json.loads(report.read_text()) if report.exists() else {"errors": [], "files": []}
    report.unlink(missing_ok=True)
    return {
        "exit code": outcome.code,
        "errors": [(one["kind"], one["file"], one["line"], one["hint"] is None) for one in told["errors"]],
        "error lines": outcome.err.count("error: "),
        "warnings": outcome.err.count("warning: "),
        "hints": outcome.err.count("  hint: "),
        "files": person.deps(),
    }


SCENES: list[tuple[Callable[[Person], Run], ExitCode]] = [
    (a_yanked_file, ExitCode.OK),
    (a_wheel_that_only_its_bytes_show_not_to_be_locked, ExitCode.OK),
    (an_sdist_that_does_not_say_what_it_is, ExitCode.OK),
    (an_unknown_key, ExitCode.INPUT),
    (lines_that_cannot_be_read, ExitCode.LOCKFILE),
    (a_lock_without_hashes, ExitCode.LOCKFILE),
    (a_wheel_alone, ExitCode.UNAVAILABLE),
    (a_file_that_was_replaced, ExitCode.UNAVAILABLE),
    (a_file_without_upload_time, ExitCode.UNAVAILABLE),
    (a_file_that_came_later, ExitCode.UNAVAILABLE),
    (projects_that_are_nowhere, ExitCode.UNAVAILABLE),
    (an_empty_cache_without_a_network, ExitCode.UNAVAILABLE),
    (a_host_that_refuses_connections, ExitCode.NETWORK),
    (a_file_that_was_tampered_with, ExitCode.DIGEST),
    (an_archive_that_is_none, ExitCode.DISTRIBUTION),
]


@pytest.mark.parametrize(("scene", "code"), SCENES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_run_ends_the_same_in_other_words(
    person: Person, tmp_path: Path, scene: Callable[[Person], Run], code: ExitCode
) -> None:
    person.environ["PIP_RETRIES"] = "0"
    run = scene(person)
    before = behaviour(person, run, tmp_path / "report.json")
    assert before["exit code"] == code
    with reworded():
        assert behaviour(person, run, tmp_path / "report.json") == before


def test_errors_and_hints_are_in_other_words(person: Person) -> None:
    run = a_wheel_alone(person)
    with reworded():
        told = person.fetches(*run).err
    assert other("apple==1.0 has no sdist") in told
    assert "allow_binary" not in told
