"""``--moved-host``: what a lock names at a host that is gone comes from another index, by its digests."""

from __future__ import annotations

import json

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person
from tests.lockfiles.test_uv_lock import HEAD, package, project
from tests.support.distributions import make_sdist, make_wheel

APPLE, WHEEL, OTHER = (
    make_sdist("apple", "1.0"),
    make_wheel("apple", "1.0"),
    make_sdist("apple", "1.0", files={"x": "y"}),
)
GONE = "files.gone.test"


def lock(**more: object) -> str:
    sdist = {"url": f"https://{GONE}/aa/{APPLE.filename}", "hash": f"sha256:{APPLE.sha256}", **more}
    wheels = [{"url": f"https://{GONE}/bb/{WHEEL.filename}", "hash": f"sha256:{WHEEL.sha256}"}]
    return HEAD + package("apple", sdist=sdist, wheels=wheels) + project("apple")


@pytest.fixture
def moved(person: Person) -> str:
    """The option, and an index that has what is in the lock."""
    person.index.add("apple", APPLE)
    person.index.add("apple", WHEEL)
    return f"--moved-host={GONE}={person.index.index_url}"


def test_another_index_serves_what_the_digests_name(person: Person, moved: str) -> None:
    person.writes("uv.lock", lock())
    outcome = person.fetches('{"type": "uv", "allow_binary": true}', moved)
    assert outcome.code == 0, outcome.told
    assert person.deps() == sorted([APPLE.filename, WHEEL.filename])
    bill = json.loads((person.output / "bom.json").read_text())
    [apple] = [one for one in bill["components"] if one["name"] == "apple"]
    assert apple["purl"] == f"pkg:pypi/apple@1.0?repository_url={person.index.index_url}"
    assert GONE not in json.dumps(bill)
    # The lock itself still names the host, and is rewritten all the same.
    assert person.runs("inject-files", person.output, "--for-output-dir", "/o").code == 0
    assert GONE not in (person.source / "uv.lock").read_text()
    assert person.runs("inject-files", person.output, "--revert").code == 0
    assert (person.source / "uv.lock").read_text() == lock()


def test_another_file_of_that_name_is_not_taken(person: Person) -> None:
    person.index.add("apple", OTHER)
    person.writes("uv.lock", lock())
    outcome = person.fetches("uv", f"--moved-host={GONE}={person.index.index_url}")
    assert outcome.code == ExitCode.UNAVAILABLE
    assert f"/files/{APPLE.filename}" not in person.index.paths


def test_what_the_lock_has_no_digest_of_is_refused(person: Person, moved: str) -> None:
    bare = package("apple", sdist={"url": f"https://{GONE}/aa/{APPLE.filename}"}, wheels=None)
    archive = package("pear", source={"url": f"https://{GONE}/pear-1.0.zip"}, wheels=None)
    archive += f'sdist = {{ hash = "sha256:{APPLE.sha256}" }}\n'
    person.writes("uv.lock", HEAD + bare + archive + project("apple", "pear"))
    outcome = person.fetches("uv", moved)
    assert (outcome.code, person.index.paths) == (ExitCode.LOCKFILE, ())
    assert f"apple==1.0 has files at {GONE}, which has moved, and no digest" in outcome.err
    assert f"pear @ URL is an archive at {GONE}, which has moved" in outcome.err


def test_a_file_of_settings_says_it_for_several_hosts_and_a_misspelt_one_is_told(
    person: Person,
) -> None:
    person.index.add("apple", APPLE)
    person.writes("uv.lock", lock())
    config = person.home / "moved.toml"
    url = person.index.index_url
    config.write_text(f'[moved-host]\n"{GONE}" = "{url}"\n"file.gone.test" = "{url}"\n')
    outcome = person.fetches("uv", f"--config-file={config}")
    assert outcome.code == 0, outcome.told
    assert (
        f"uv.lock names no file at file.gone.test, which is said to have moved: did you mean '{GONE}'?"
        in outcome.err
    )


def test_files_of_one_package_at_two_hosts_come_from_one_index(person: Person, moved: str) -> None:
    other = "wheels.gone.test"
    person.writes("uv.lock", lock().replace(f"{GONE}/bb", f"{other}/bb"))
    elsewhere = person.index.index_url.replace("simple", "other")
    outcome = person.fetches("uv", moved, f"--moved-host={other}={elsewhere}")
    assert (outcome.code, person.index.paths) == (ExitCode.LOCKFILE, ())
    assert (
        f"has files at hosts that have moved to different indexes: {GONE} ({person.index.index_url}), {other} ("
        in outcome.err
    )
    outcome = person.fetches("uv", moved, f"--moved-host={other}={person.index.index_url}")
    assert outcome.code == 0, outcome.told


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("https://files.gone.test=https://i.test/simple/", "begins with no host"),
        ("=https://i.test/simple/", "begins with no host"),
        ("files.gone.test", "behind files.gone.test stands no address of an index"),
        ("files.gone.test=i.test", "behind files.gone.test stands no address of an index"),
    ],
)
def test_what_names_no_host_or_no_index_is_refused(person: Person, value: str, says: str) -> None:
    outcome = person.fetches("uv", f"--moved-host={value}")
    assert outcome.code == ExitCode.USAGE
    assert says in outcome.err
    assert "files.example=https://host/simple/" in outcome.err
