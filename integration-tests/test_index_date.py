"""The real index, as it was two years ago: the files expected are computed here from its own pages."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest
import requests
from harness import BIN, Shell, tree
from packaging.utils import parse_sdist_filename, parse_wheel_filename
from packaging.version import Version
from pypi_simple import PYPI_SIMPLE_ENDPOINT

DATE = "2024-11-15"
END_OF_DAY = datetime(2024, 11, 16, tzinfo=UTC)
ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"

#: Small, to be fetched. Of ruamel-yaml-clib 0.2.12 wheels were added in December 2024.
SMALL = {"click": "8.1.7", "markupsafe": "3.0.2", "ruamel-yaml-clib": "0.2.12", "six": "1.16.0"}
BUILD = {"setuptools": "75.5.0", "wheel": "0.45.0"}
#: To be planned only. Of psycopg2-binary 2.9.10 a wheel was added in January 2025.
LARGE = {"cffi": "1.17.1", "numpy": "2.1.3", "psycopg2-binary": "2.9.10", "pyyaml": "6.0.2", "requests": "2.32.3"}
#: With a release since.
LATER = ("click", "8.2.0")

Times = dict[str, datetime]


def page(project: str) -> Times:
    """All files of a project and when they were uploaded, read in the plainest way from JSON or HTML."""
    answer = requests.get(f"{PYPI_SIMPLE_ENDPOINT}{project}/", headers={"Accept": ACCEPT}, timeout=60)
    answer.raise_for_status()
    if "json" in answer.headers["content-type"]:
        stated = [(file["filename"], file["upload-time"]) for file in answer.json()["files"]]
    else:
        stated = [
            (unescape(name), re.search(r'data-upload-time="([^"]+)"', attributes)[1])  # type: ignore[index]
            for attributes, name in re.findall(r"<a\s([^>]*)>\s*([^<\s]+)\s*</a>", answer.text)
        ]
    return {name: datetime.fromisoformat(time) for name, time in stated}


def of_version(times: Times, version: str) -> Times:
    """The sdists and wheels of one version."""

    def version_of(name: str) -> Version | None:
        if name.endswith(".whl"):
            return parse_wheel_filename(name)[1]
        return parse_sdist_filename(name)[1] if name.endswith((".tar.gz", ".zip")) else None

    return {name: time for name, time in times.items() if _safely(version_of, name) == Version(version)}


def _safely(read: object, name: str) -> Version | None:
    try:
        return read(name)  # type: ignore[operator,no-any-return]
    except ValueError:
        return None  # an old name that no rule knows, of another version


def expected(pins: dict[str, str]) -> tuple[Times, Times]:
    """The files that were there on the date, and those of the same versions that came later."""
    then: Times = {}
    since: Times = {}
    for project, version in pins.items():
        files = of_version(page(project), version)
        then |= {name: time for name, time in files.items() if time < END_OF_DAY}
        since |= {name: time for name, time in files.items() if time >= END_OF_DAY}
    return then, since


def lines(pins: dict[str, str]) -> str:
    return "".join(f"{project}=={version}\n" for project, version in pins.items())


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dated")
    (folder / "requirements.txt").write_text(lines(SMALL))
    (folder / "requirements-build.txt").write_text(lines(BUILD))
    return folder


@pytest.fixture(scope="module")
def output(shell: Shell, source: Path, cache_dir: Path) -> Path:
    """What was there of a small application, without hashes and with all wheels."""
    request = '{"type": "pip", "allow_binary": true}'
    shell.fetch(source, source / "out", cache_dir, "--index-date", DATE, request)
    return source / "out"


def test_the_files_are_those_that_the_page_says_were_there(output: Path) -> None:
    then, since = expected({**SMALL, **BUILD})
    fetched = {path.name for path in (output / "deps" / "pip").iterdir()}
    assert fetched == then.keys()
    assert since, "the example has lost its point: all files of these versions were there on the date"


def test_the_bill_of_materials_says_when_each_file_was_uploaded(output: Path) -> None:
    then, _ = expected({**SMALL, **BUILD})
    bill = json.loads((output / "bom.json").read_text())
    stated = dict(
        each["value"].rsplit(" ", 1)
        for component in bill["components"]
        for each in component.get("properties", ())
        if each["name"] == "cachi2ish:pip:package:upload_time"
    )
    assert {name: datetime.fromisoformat(time) for name, time in stated.items()} == then
    assert {"name": "cachi2ish:pip:index_date", "value": "2024-11-16T00:00:00Z"} in bill["metadata"]["properties"]


def test_an_empty_cache_and_another_spelling_of_the_instant_give_the_same_bytes(
    shell: Shell, source: Path, output: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    request = '{"type": "pip", "allow_binary": true, "index_date": "2024-11-15T19:00:00.000-05:00"}'
    shell.fetch(source, again, tmp_path / "cache", request)
    assert tree(again) == tree(output)


def test_the_plan_of_large_projects_is_what_the_page_says(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(lines(LARGE))
    command = (BIN / "cachi2ish", "fetch-deps", "--source", tmp_path, "--dry-run", "--index-date", DATE)
    plan = shell.run(*command, '{"type": "pip", "allow_binary": true}')
    then, since = expected(LARGE)
    assert set(re.findall(r"^  fetch (\S+)", plan, re.MULTILINE)) == then.keys()
    left = dict(re.findall(r"^  leave (\S+): (.*)$", plan, re.MULTILINE))
    assert left.keys() == since.keys()
    assert left
    for name, reason in left.items():
        assert reason.startswith("uploaded "), name
        assert reason.endswith(", after the index date"), name


def test_a_version_of_today_was_not_there_then(shell: Shell, tmp_path: Path) -> None:
    project, version = LATER
    (tmp_path / "requirements.txt").write_text(f"{project}=={version}\n")
    command = (BIN / "cachi2ish", "fetch-deps", "--source", tmp_path, "--output", tmp_path / "out", "--no-cache")
    done = shell.try_(*command, "--index-date", DATE, "pip")
    assert done.status == 5
    first = min(of_version(page(project), version).values()).isoformat().replace("+00:00", "Z")
    assert f"requirements.txt:1: {project}=={version} was not on " in done.errors
    assert f"before 2024-11-16T00:00:00Z, the index date: its first file was uploaded {first}" in done.errors
    assert not (tmp_path / "out").exists()
