"""The pages of the mirror for people, in Chromium: without JavaScript, for everybody, on any screen."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import cannot_run
from harness import BIN, DATA, PINNED, clean_environment
from mirror_oracles import serving

from tests.support.distributions import make_sdist, make_wheel
from tests.support.index_server import IndexServer

DATE = "2023-06-01"
PAGES = (
    "/",
    f"/?date={DATE}",
    f"/projects/apple?date={DATE}",
    "/projects/apple",
    f"/projects/apple/1.0?date={DATE}",
    f"/projects/many?date={DATE}&page=2",
    "/projects/pear?date=2020-01-01",
    "/projects/nothing-like-it",
    "/projects/apple?date=2300-01-01",
    "/diff",
    f"/projects/apple/9.9?date={DATE}",
    f"/diff?project=apple&before={DATE}",
    f"/diff?project=apple&before=2024-12-31&after={DATE}&from=2020-01-01",
    "/locks",
    "/state",
)


@dataclass(frozen=True)
class Looked:
    """What the browser saw. url: of the mirror."""

    url: str
    findings: list[str]
    seen: dict[str, str]
    same: bool
    heading: str
    messages: list[str]
    first_tab: str


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A Python with Playwright, and the script of axe."""
    for program, package in (("chromium", "chromium"), ("npm", "npm")):
        if shutil.which(program) is None:
            cannot_run(f"no {program} here: on Debian, apt-get install {package}")
    folder = tmp_path_factory.mktemp("browser")
    shutil.copytree(DATA / "browser", folder, dirs_exist_ok=True)
    python = folder / "venv" / "bin" / "python"
    run(BIN / "uv", "venv", "--quiet", "--python", BIN / "python", folder / "venv")
    install = (BIN / "uv", "pip", "install", "--quiet", "--python", python, "--no-cache", *PINNED)
    run(*install, "-r", folder / "requirements.txt")
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)
    return python, folder / "node_modules" / "axe-core" / "axe.min.js"


def run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def index() -> Iterator[IndexServer]:
    with IndexServer() as index:
        for version, day in (("1.0", "2023-05-01"), ("1.1", "2023-05-20"), ("2.0", "2024-01-01")):
            upload_time = f"{day}T10:00:00+00:00"
            index.add("apple", make_wheel("apple", version), upload_time=upload_time)
            index.add("apple", make_sdist("apple", version), upload_time=upload_time, yanked=version == "1.1")
        for number in range(130):
            index.add("many", make_sdist("many", f"1.{number}"), upload_time="2022-05-01T10:00:00+00:00")
        index.add("pear", make_sdist("pear", "1.0"), upload_time="2022-05-01T10:00:00+00:00")
        yield index


@pytest.fixture(scope="module")
def looked(
    browser: tuple[Path, Path], index: IndexServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Looked]:
    """A mirror that goes on, and what the browser saw of it. PAGES_SHOTS names a folder for pictures."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "requirements.txt").write_text("apple==1.0\npear==1.0\n")
    python, axe = browser
    with serving(folder / "mirror", f"pypi={index.index_url}") as url:
        asked: dict[str, Any] = {
            "url": url,
            "axe": str(axe),
            "chromium": shutil.which("chromium"),
            "pages": PAGES,
            "lock": str(folder / "requirements.txt"),
            "date": DATE,
            "project": "apple",
            "version": "1.0",
            "shots": os.environ.get("PAGES_SHOTS", ""),
        }
        found = json.loads(run(python, Path(__file__).with_name("browser.py"), json.dumps(asked)))
        yield Looked(url=url, **found)


def test_axe_finds_nothing_on_any_screen_and_nothing_comes_from_elsewhere(looked: Looked) -> None:
    assert looked.findings == []


def test_without_javascript_each_page_is_reached_and_has_an_address(looked: Looked) -> None:
    assert looked.seen | {"copied": ""} == {
        "project": f"{looked.url}/projects/apple?date={DATE}",
        "copied": "",
        "version": f"{looked.url}/projects/apple/1.0?date={DATE}",
        "diff": f"{looked.url}/diff?project=apple&before={DATE}",
        "since": f"{looked.url}/locks/since?pins=apple%3D%3D1.0,pear%3D%3D1.0",
        "meant": f"{looked.url}/projects/apple",
    }
    assert looked.same
    assert looked.heading == "All 2 pins are there since 2023-05-01 10:00 UTC"
    assert looked.first_tab == "Skip to the content"
    # Nothing that they have is forbidden by their policy: the browser names the missing project, and nothing else.
    assert [one.partition(" 404 ")[2] for one in looked.messages] == ["(appl is not on pypi)"]


def test_a_line_that_is_copied_installs_what_was_there(looked: Looked, tmp_path: Path) -> None:
    line = looked.seen["copied"]
    assert line.strip() == f"pip install --index-url {looked.url}/{DATE}/simple/ apple==1.1"
    run(BIN / "python", "-m", "venv", tmp_path / "venv")
    command = f'PATH="{tmp_path}/venv/bin:$PATH"; {line.strip()} --quiet --no-cache-dir'
    run("sh", "-c", command, cwd=tmp_path)
    assert "apple 1.1" in run(tmp_path / "venv/bin/python", "-m", "pip", "list", "--format=freeze").replace(
        "==", " "
    )
