"""Without a network: the cache is all there is, and everything that it lacks is told at once."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person, tree
from tests.support.command_line import clean_environment
from tests.support.distributions import make_sdist, make_wheel, sdist_files
from tests.support.git_server import GitServer, Repository

ALLOW = json.dumps({"type": "pip", "allow_binary": True})
DATE = "--index-date=2024-10-01"
APPLE, BANANA, CHERRY = (make_sdist(name, "1.0") for name in ("apple", "banana", "cherry"))


@pytest.fixture
def orchard(person: Person) -> Person:
    for dist in (APPLE, BANANA, CHERRY):
        person.index.add(dist.filename.partition("-")[0], dist, upload_time="2024-09-01T00:00:00Z")
    person.writes("requirements.txt", "apple==1.0\nbanana==1.0\n")
    return person


def all_kinds(person: Person, repository: Repository, server: GitServer) -> None:
    commit = repository.commit(sdist_files("fig", "3.0", pkg_info=""))
    plum = make_sdist("plum", "2.0")
    person.writes(
        "requirements.txt",
        f"apple==1.0 {APPLE.hash_option()}\nbanana==1.0 {BANANA.hash_option()}\n"
        f"plum @ {person.index.serve_file(plum)} {plum.hash_option()}\n"
        f"fig @ git+{server.url('fig.git')}@{commit}\n",
    )


# what is there


@pytest.mark.parametrize("pins", ["hashed", "not hashed"])
def test_what_is_in_the_cache_needs_no_network(orchard: Person, pins: str) -> None:
    if pins == "hashed":
        orchard.writes("requirements.txt", f"apple==1.0 {APPLE.hash_option()}\n")
    assert orchard.fetches().code == 0
    first = tree(orchard.output)
    orchard.index.forget_requests()

    outcome = orchard.fetches("pip", "--offline")

    assert outcome.code == 0, outcome.told
    assert tree(orchard.output) == first
    assert orchard.index.requests == ()
    assert f"everything comes from the cache in {orchard.home}" in outcome.err


def test_all_kinds_of_requirements_come_from_the_cache(
    orchard: Person, repository: Repository, server: GitServer
) -> None:
    all_kinds(orchard, repository, server)
    assert orchard.fetches().code == 0
    first, asked = tree(orchard.output), len(server.requests)
    orchard.index.forget_requests()

    outcome = orchard.fetches("pip", "--offline")

    assert outcome.code == 0, outcome.told
    assert tree(orchard.output) == first
    assert (orchard.index.requests, len(server.requests)) == ((), asked)


def test_a_page_that_is_kept_is_used_and_its_age_is_told(orchard: Person) -> None:
    assert orchard.fetches().code == 0
    outcome = orchard.fetches("pip", "--offline", "--log-level=debug")
    assert re.search(rf"what {orchard.index.index_url} says of apple is as of 20[0-9T:.-]+Z", outcome.err)


@pytest.mark.parametrize("missing", ["allow", "refuse"])
def test_upload_times_from_beside_the_pages_come_from_the_cache(person: Person, missing: str) -> None:
    person.index.mode = "html"
    person.index.add("apple", APPLE)
    if missing == "refuse":  # there is a document with its time; else there is none
        entry = {
            "filename": APPLE.filename,
            "digests": {"sha256": APPLE.sha256},
            "upload_time_iso_8601": "2024-09-01T00:00:00Z",
        }
        body = json.dumps({"releases": {"1.0": [entry]}}).encode()
        person.index.serve_page("/pypi/apple/json", body, "application/json")
    person.writes("requirements.txt", "apple==1.0\n")
    options = (DATE, f"--index-date-missing={missing}")
    assert person.fetches().code == 0

    unknown = person.fetches("pip", "--offline", *options)
    assert unknown.code == ExitCode.UNAVAILABLE
    assert f"the upload times that {person.index.index_url} states of apple are not in the cache" in unknown.err

    assert person.fetches("pip", *options).code == 0
    first = tree(person.output)
    person.index.forget_requests()
    outcome = person.fetches("pip", "--offline", *options)
    assert outcome.code == 0, outcome.told
    assert tree(person.output) == first
    assert person.index.requests == ()


def test_a_file_that_the_lock_did_not_mean_is_not_missed(person: Person) -> None:
    """Where lock and index have no kind of digest in common, that shows only when the file has arrived."""
    for dist in (APPLE, make_wheel("apple", "1.0")):
        person.index.add("apple", dist, digests=("sha512",))
    person.writes("requirements.txt", f"apple==1.0 {APPLE.hash_option()}\n")
    assert person.fetches(ALLOW).code == 0
    outcome = person.fetches(ALLOW, "--offline")
    assert outcome.code == 0, outcome.told
    assert person.deps() == [APPLE.filename]


# what is not there


def test_everything_that_is_missing_is_told_at_once(
    orchard: Person, repository: Repository, server: GitServer
) -> None:
    """A page, a file that its page is known of, a file at an address, and a commit."""
    assert orchard.fetches().code == 0
    all_kinds(orchard, repository, server)
    text = (orchard.source / "requirements.txt").read_text()
    orchard.writes("requirements.txt", f"{text}cherry==1.0 {CHERRY.hash_option()}\n")
    for blob in (orchard.home / ".cache/cachi2ish/blobs/sha256").rglob(f"*{BANANA.sha256[2:]}"):
        blob.unlink()
    before, asked = tree(orchard.output), len(server.requests)
    orchard.index.forget_requests()

    outcome = orchard.fetches("pip", "--offline")

    assert outcome.code == ExitCode.UNAVAILABLE
    errors = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    expected = (
        rf"2: banana-1\.0\.tar\.gz \({orchard.index.url}/files/banana-1\.0\.tar\.gz\) is not in the cache",
        rf"3: plum-url-sha256-[0-9a-f]+\.tar\.gz \({orchard.index.url}/.*\) is not in the cache",
        rf"4: commit [0-9a-f]{{40}} of {server.url('fig.git')} is not in the cache",
        rf"5: what {orchard.index.index_url} says of cherry 1\.0 is not in the cache",
    )
    assert len(errors) == len(expected), outcome.err
    for line, pattern in zip(errors, expected, strict=True):
        assert re.fullmatch(f"error: requirements.txt:{pattern}", line)
    assert outcome.err.count("run once without --offline") == 1
    assert (orchard.index.requests, len(server.requests)) == ((), asked)
    assert tree(orchard.output) == before


def test_a_version_that_the_page_in_the_cache_does_not_have_is_missing(orchard: Person) -> None:
    assert orchard.fetches().code == 0
    orchard.writes("requirements.txt", "apple==2.0\nbanana==1.0\n")
    outcome = orchard.fetches("pip", "--offline")
    assert outcome.code == ExitCode.UNAVAILABLE
    told = (
        f"requirements.txt:1: apple 2.0 was not on {orchard.index.index_url} when it was asked for the last time"
    )
    assert told in outcome.err
    assert "run once without --offline" in outcome.err
    assert "with the key that was used (--cache-key)" in outcome.err
    assert outcome.err.count("error: ") == 1


def test_a_choice_that_cannot_be_made_is_told_as_with_a_network(person: Person) -> None:
    person.index.add("apple", make_wheel("apple", "1.0"))
    person.writes("requirements.txt", "apple==1.0\n")
    assert person.fetches(ALLOW).code == 0
    outcome = person.fetches("pip", "--offline")
    assert outcome.code == ExitCode.UNAVAILABLE
    assert "apple==1.0 has no sdist on" in outcome.err


def test_a_file_without_a_digest_cannot_be_found_and_the_way_out_is_told(person: Person) -> None:
    person.index.add("apple", APPLE, digests=())
    person.writes("requirements.txt", "apple==1.0\n")
    assert person.fetches().code == 0
    outcome = person.fetches("pip", "--offline")
    assert outcome.code == ExitCode.UNAVAILABLE
    assert "requirements.txt:1: apple-1.0.tar.gz cannot be found in the cache" in outcome.err
    assert "--hash=sha256:" in outcome.err


def test_pages_of_other_indexes_do_not_serve(orchard: Person) -> None:
    assert orchard.fetches().code == 0
    outcome = orchard.fetches("pip", "--offline", "--index-url=https://other.example/simple/")
    assert outcome.code == ExitCode.UNAVAILABLE
    assert outcome.err.count("error: ") == 2


# how it is said


def test_it_may_be_said_by_a_variable_or_in_the_configuration_file(orchard: Person, tmp_path: Path) -> None:
    assert orchard.fetches().code == 0
    orchard.index.forget_requests()
    (tmp_path / "config.toml").write_text("offline = true\n")
    assert orchard.fetches("pip", "--config-file", tmp_path / "config.toml").code == 0
    orchard.environ["CACHI2ISH_OFFLINE"] = "1"
    assert orchard.fetches().code == 0
    assert orchard.index.requests == ()
    assert orchard.fetches("pip", "--no-offline").code == 0
    orchard.environ["CACHI2ISH_OFFLINE"] = "false"
    assert orchard.fetches("pip", "--config-file", tmp_path / "config.toml").code == 0
    assert len(orchard.index.requests) == 4


def test_offline_and_without_a_cache_is_a_contradiction(orchard: Person, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("no-cache = true\n")
    for options in (("--no-cache",), ("--config-file", tmp_path / "config.toml")):
        outcome = orchard.fetches("pip", "--offline", *options)
        assert outcome.code == ExitCode.INPUT
        assert "everything comes from the cache, and there is to be none" in outcome.err
    assert orchard.index.requests == ()


# dry runs


def test_a_dry_run_reads_the_cache_and_leaves_it_as_it_is(orchard: Person) -> None:
    assert orchard.fetches("pip", DATE).code == 0
    orchard.writes("requirements.txt", "apple==1.0\nbanana==1.0\ncherry==1.0\n")
    before = tree(orchard.home)
    orchard.index.forget_requests()

    outcome = orchard.fetches("pip", "--dry-run", DATE)

    assert outcome.code == 0, outcome.told
    assert "fetch cherry-1.0.tar.gz" in outcome.out
    assert orchard.index.paths == ("/simple/cherry/",)
    assert tree(orchard.home) == before


@pytest.mark.parametrize(
    ("options", "stages"),
    [
        ((), ["reading index pages, and fetching files", "fetching the remaining files", "writing the output"]),
        (("--dry-run",), ["reading index pages"]),
        (
            ("--offline",),
            [
                "looking up index pages and files in the cache",
                "taking the remaining files from the cache",
                "writing the output",
            ],
        ),
        (("--offline", "--dry-run"), ["looking up index pages in the cache"]),
    ],
)
def test_each_stage_says_what_is_done_in_it(orchard: Person, options: tuple[str, ...], stages: list[str]) -> None:
    assert orchard.fetches().code == 0
    told = orchard.fetches("pip", *options).err.splitlines()
    beginnings = ("reading index", "looking", "fetching", "taking", "writing")
    assert [line for line in told if line.startswith(beginnings)] == stages


def test_a_dry_run_needs_no_network_either(orchard: Person) -> None:
    nothing = orchard.fetches("pip", "--dry-run", "--offline")
    assert nothing.code == ExitCode.UNAVAILABLE
    assert tree(orchard.home) == {}
    assert orchard.fetches().code == 0
    orchard.index.forget_requests()

    outcome = orchard.fetches("pip", "--dry-run", "--offline")

    assert outcome.code == 0, outcome.told
    assert "fetch apple-1.0.tar.gz" in outcome.out
    assert orchard.index.requests == ()


# nobody is asked


#: Ends the process where it looks up a name, opens a connection, or starts a program that might.
WATCHED = """
import os, sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        os.write(2, f"{event} {arguments}\\n".encode())
        os._exit(99)
    if event == "subprocess.Popen" and "fetch" in map(str, arguments[1]):
        os.write(2, b"git fetch\\n")
        os._exit(98)
sys.addaudithook(watch)
from cachi2ish.cli.main import main
sys.argv[0] = "cachi2ish"
main()
"""


def watched(person: Person, *options: str | Path) -> subprocess.CompletedProcess[str]:
    arguments = ("fetch-deps", "--source", person.source, "--output", person.output, *options, "pip")
    return subprocess.run(
        [sys.executable, "-c", WATCHED, *map(str, arguments)],
        env=clean_environment(person.home, PYTHONPATH=os.pathsep.join(sys.path), **person.environ),
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_name_is_looked_up_and_no_connection_opened(
    orchard: Person, repository: Repository, server: GitServer
) -> None:
    all_kinds(orchard, repository, server)
    assert watched(orchard).returncode in {98, 99}, "the watch is asleep"
    assert orchard.fetches().code == 0
    done = watched(orchard, "--offline")
    assert done.returncode == 0, done.stderr


def test_with_the_default_index_too_nobody_is_asked(orchard: Person) -> None:
    del orchard.environ["PIP_INDEX_URL"]
    done = watched(orchard, "--offline")
    assert done.returncode == ExitCode.UNAVAILABLE, done.stderr
    assert done.stderr.count("is not in the cache") == 2
