"""The output as one archive, the form in which pipelines hand it on: the same bytes for the same input."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Person
from tests.support.archives import archived
from tests.support.distributions import make_sdist, make_wheel
from tests.support.program import PROGRAM, environment

NAMED = '[project]\nname = "shop"\nversion = "1"\n'


@pytest.fixture
def shop(person: Person) -> Person:
    archive = make_sdist("pear", "2.0")
    url = person.index.serve_file(archive)
    person.index.add("apple", make_sdist("apple", "1.0"))
    person.index.add("apple", make_wheel("apple", "1.0"))
    person.writes("requirements.txt", f"apple==1.0\npear @ {url}#sha256={archive.sha256}\n")
    person.writes("pyproject.toml", NAMED)
    return person


def test_two_runs_in_two_directories_seen_at_one_place_make_one_archive(shop: Person, tmp_path: Path) -> None:
    mount = tmp_path / "workspace"
    archives = []
    for name, mask in (("one", 0o022), ("two", 0o077)):
        place = tmp_path / name
        shutil.copytree(shop.source, place / "source")
        os.utime(place / "source" / "requirements.txt", (1, 1))
        mount.unlink(missing_ok=True)
        mount.symlink_to(place)
        before = os.umask(mask)
        try:
            # Without a cache: nothing that the first run left helps the second one.
            outcome = shop.runs(
                *(
                    "fetch-deps",
                    "--no-cache",
                    "--source",
                    mount / "source",
                    "--output",
                    mount / "cachi2" / "output",
                ),
                '{"type": "pip", "allow_binary": true}',
            )
        finally:
            os.umask(before)
        assert outcome.code == 0, outcome.told
        archives.append(archived(place / "cachi2" / "output"))
    assert hashlib.sha256(archives[0]).digest() == hashlib.sha256(archives[1]).digest()


def test_an_output_that_replaces_another_is_as_one_that_does_not(shop: Person) -> None:
    assert shop.fetches('{"type": "pip", "allow_binary": true}').code == 0
    assert shop.fetches().code == 0
    replaced = archived(shop.output)
    shutil.rmtree(shop.output)
    assert shop.fetches().code == 0
    assert archived(shop.output) == replaced


def test_an_output_in_a_directory_that_has_to_stay_is_the_same_too(
    shop: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shop.fetches().code == 0
    elsewhere = archived(shop.output)
    shutil.rmtree(shop.output)
    shop.output.mkdir(mode=0o755)
    monkeypatch.chdir(shop.output)
    assert shop.fetches().code == 0
    assert archived(shop.output) == elsewhere


_MOUNTED = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'


def test_two_workspaces_mounted_at_one_place_make_one_archive(shop: Person, tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this user may not make a mount namespace")
    mount = tmp_path / "workspace"
    mount.mkdir()
    archives = []
    for name in ("one", "two"):
        place = tmp_path / name
        shutil.copytree(shop.source, place / "source")
        words = (
            *PROGRAM,
            "fetch-deps",
            "--no-cache",
            f"--source={mount}/source",
            f"--output={mount}/output",
            "pip",
        )
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", _MOUNTED, "sh", str(place), str(mount), *words],
            env=environment(shop.home, shop.environ),
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        archives.append(archived(place / "output"))
    assert archives[0] == archives[1]
    assert b"/workspace/source/requirements.txt" in archives[0]
    assert sys.executable.encode() not in archives[0]
