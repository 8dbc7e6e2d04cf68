"""Disks that are full: small file systems in memory, mounted where only the test sees them."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person, tree
from tests.support.orchard import APPLE, BIG, BIG_PATH, PINS, asked_for, errors
from tests.support.program import PROGRAM, environment

UNSHARE = ("unshare", "--map-root-user", "--mount")

#: There is room for the small file and for a part of the large one.
SMALL = "700k"


@pytest.fixture(autouse=True)
def _mounts() -> None:
    if shutil.which("unshare") is None or subprocess.run([*UNSHARE, "true"], check=False).returncode != 0:
        reason = "no mount namespace can be made: it takes Linux, unshare (util-linux) and the right to use it"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture
def orchard(person: Person) -> Person:
    person.index.add("apple", APPLE)
    person.index.add("big", BIG)
    person.writes("requirements.txt", PINS)
    return person


def fetching(person: Person, cache: Path) -> str:
    places = ("--source", person.source, "--output", person.output, "--cache-dir", cache)
    return shlex.join([*PROGRAM, "fetch-deps", *map(str, places), "pip"])


def on_small_disk(person: Person, place: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script in which a small file system is mounted at ``place``."""
    place.mkdir(parents=True, exist_ok=True)
    mounting = f"mount -t tmpfs -o size={SMALL} small {shlex.quote(str(place))} && cd {shlex.quote(str(place))}"
    return subprocess.run(
        [*UNSHARE, "sh", "-c", f"{mounting} && {script}"],
        env=environment(person.home, person.environ),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_full_cache_is_one_error_and_what_has_arrived_is_kept(orchard: Person) -> None:
    cache = orchard.home / "disk"
    command = fetching(orchard, cache)
    # More room is made by mounting the same file system with another size.
    script = (
        f"{command}; echo $?; find blobs partial -type f -size +0 | wc -l; mount -o remount,size=4m . && {command}"
    )
    done = on_small_disk(orchard, cache, script)

    code, kept = done.stdout.split()
    assert int(code) == ExitCode.STORAGE, done.stderr
    assert int(kept) in {1, 2}, "the large file as far as it came, and the small one if it came before"
    (error,) = errors(done.stderr)
    assert f"the cache {cache} cannot be written: No space left on device" in error
    assert "choose a place on another disk with --cache-dir" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 0, done.stderr
    assert orchard.deps() == [APPLE.filename, BIG.filename]
    first, second = asked_for(orchard.index, BIG_PATH)
    assert first is None
    assert second is not None
    assert int(second.removeprefix("bytes=").removesuffix("-")) > 0


def test_a_full_output_leaves_the_earlier_one_and_the_cache_is_filled(orchard: Person) -> None:
    orchard.output = orchard.home / "disk" / "out"
    cache = orchard.home / "cache"
    disk = orchard.output.parent
    orchard.writes("requirements.txt", PINS.splitlines()[0])
    kept = f"find out -type f | sort | xargs sha256sum > {orchard.home}/before"
    full = f"cp {orchard.home}/both {orchard.source}/requirements.txt; {fetching(orchard, cache)}; echo $?"
    (orchard.home / "both").write_text(PINS)
    after = "find out -type f | sort | xargs sha256sum; ls -A"
    done = on_small_disk(orchard, disk, f"{fetching(orchard, cache)} && {kept} && {full}; {after}")

    (error,) = errors(done.stderr)
    assert "No space left on device" in error
    assert "with --output" in done.stderr
    assert "Traceback" not in done.stderr
    code, *rest = done.stdout.splitlines()
    assert code == str(int(ExitCode.STORAGE)), done.stderr
    assert rest == [*(orchard.home / "before").read_text().splitlines(), "out"]
    orchard.index.forget_requests()
    orchard.output = orchard.home / "elsewhere"
    assert orchard.fetches("pip", "--cache-dir", cache).code == 0
    assert orchard.index.requests == ()
    assert tree(orchard.output)
