"""What fetch-deps says where a mirror refuses a page or a file: the mirror's reason, and what to do about it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cachi2ish.exit_codes import ExitCode
from cachi2ish.mirror.application import Rules
from tests.cli.conftest import Person
from tests.support.distributions import make_sdist
from tests.support.index_server import Fault, IndexServer
from tests.support.mirror_server import MirrorServer

APPLE = make_sdist("apple", "1.0")
BEFORE = "2023-05-01T10:00:00Z"


def refused(person: Person, index: str, *options: str, code: ExitCode = ExitCode.UNAVAILABLE) -> str:
    """Return the error and its hint, on one line each."""
    outcome = person.fetches("pip", f"--index-url={index}", *options)
    assert outcome.code == code, outcome.told
    return re.sub(r"http://127\.0\.0\.1:[0-9]+", "http://host", outcome.err)


@pytest.fixture
def asking(person: Person) -> Person:
    person.index.add("apple", APPLE, upload_time=BEFORE)
    person.writes("requirements.txt", "apple==1.0\n")
    return person


@pytest.mark.parametrize(
    ("date", "says", "hint"),
    [
        ("2022-01-01", "apple is not on http://host/2022-01-01/simple/: ", "take a later date, in the address"),
        ("2023-02-30", "names a day that is not in the calendar", "correct the address of the index"),
        ("2999-01-01", "2999-01-01 is still to come", "correct the address of the index"),
        ("soon", "'soon' is not a date", "correct the address of the index"),
    ],
)
def test_a_date_that_has_no_page_is_explained(
    asking: Person, tmp_path: Path, date: str, says: str, hint: str
) -> None:
    with MirrorServer(tmp_path / "mirror", pypi=asking.index.index_url) as mirror:
        said = refused(asking, f"{mirror.url}/{date}/simple/")
    assert says in said
    assert hint in said


def test_an_address_without_a_date_is_explained(asking: Person, tmp_path: Path) -> None:
    with MirrorServer(tmp_path / "mirror", pypi=asking.index.index_url) as mirror:
        assert "put a date before simple/: /2024-10-01/simple/" in refused(asking, f"{mirror.url}/simple/")
        said = refused(asking, f"{mirror.url}/r/team/2024-10-01/simple/")
        assert "no registry is called 'team' here; there are: pypi" in said


def test_a_cool_down_is_explained(asking: Person, tmp_path: Path) -> None:
    asking.index.add("fig", make_sdist("fig", "1.0"), upload_time=datetime.now(UTC))
    asking.writes("requirements.txt", "fig==1.0\n")
    with MirrorServer(tmp_path / "mirror", pypi=asking.index.index_url) as mirror:
        said = refused(asking, f"{mirror.url}/7d/simple/")
    assert "fig is not on http://host/7d/simple/: no file of fig is old enough" in said
    assert "take a later date" in said
    assert "check the spelling" not in said


def test_quarantine_is_explained_and_no_login_is_asked_for(asking: Person, tmp_path: Path) -> None:
    asking.index.add_project("apple", status="quarantined", reason="malware")
    with MirrorServer(tmp_path / "mirror", pypi=asking.index.index_url) as mirror:
        said = refused(asking, f"{mirror.url}/live/simple/")
    assert "quarantine" in said
    assert "the index suspects the project of being malicious" in said
    assert "netrc" not in said


def test_missing_coverage_is_explained(asking: Person, tmp_path: Path) -> None:
    rules = Rules(observed_only=True)
    with MirrorServer(tmp_path / "mirror", rules=rules, pypi=asking.index.index_url) as mirror:
        said = refused(asking, f"{mirror.url}/2023-06-01/simple/")
    assert "http://host/2023-06-01/simple/ refuses the page of apple: " in said
    assert "(--require-coverage computed of mirror serve)" in said
    assert "check that" not in said


def test_of_several_indexes_each_says_why_it_has_nothing(asking: Person, tmp_path: Path) -> None:
    with IndexServer() as other, MirrorServer(tmp_path / "mirror", pypi=asking.index.index_url) as mirror:
        said = refused(asking, f"{mirror.url}/2022-01-01/simple/", f"--extra-index-url={other.index_url}")
    assert re.search(r"apple is not on http://host/2022-01-01/simple/ \(.+\) or http://host/simple/", said)
    assert "take a later date" in said


def test_a_file_that_the_mirror_cannot_have_is_explained(asking: Person, tmp_path: Path) -> None:
    with MirrorServer(tmp_path / "mirror", pypi=asking.index.index_url) as mirror:
        asking.environ["PIP_RETRIES"] = "0"
        asking.index.script(f"/files/{APPLE.filename}", [Fault.status(404)] * 9)
        said = refused(asking, f"{mirror.url}/2023-06-01/simple/", code=ExitCode.NETWORK)
    assert "answers HTTP 502 (" in said
    assert "HTTP 502 (Bad Gateway)" not in said
    assert f"{APPLE.filename} cannot be downloaded" in said


def test_an_upstream_that_does_not_answer_is_explained(asking: Person, tmp_path: Path) -> None:
    asking.environ["PIP_RETRIES"] = "0"
    with MirrorServer(tmp_path / "mirror", pypi="http://127.0.0.1:9/simple/") as mirror:
        said = refused(asking, f"{mirror.url}/2023-06-01/simple/", code=ExitCode.NETWORK)
    assert "connection refused" in said
