"""``verify --run-hooks``: the real back-end says what no rule tells, and pip does what was then proved."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from cachi2ish.sandbox.hook_runner import SandboxedHooks
from cachi2ish.sandbox.interface import Limits
from tests.cli.conftest import Person
from tests.support.command_line import Outcome
from tests.support.distributions import Dist, make_sdist, make_wheel
from tests.support.offline import HERE, backend, buildable, installs
from tests.support.sandbox_here import needs_a_sandbox

__all__ = ("needs_a_sandbox",)

ALLOWED = '{"type": "pip", "allow_binary": true}'
LINES = (
    "import pathlib",
    "from flit_core.buildapi import build_wheel",
    "def get_requires_for_build_wheel(settings=None):",
)
DISPROVED, UNKNOWN = 1, 2


def in_tree(name: str, body: str, *built_with: str) -> Dist:
    """An sdist with a back-end of its own, whose hook is ``body``."""
    files = buildable(name, "1.0", built_with=("flit_core", *built_with))
    table = files["pyproject.toml"].replace("flit_core.buildapi", "own") + 'backend-path = ["."]\n'
    more = {"pyproject.toml": table, "own.py": "\n".join((*LINES, *(f"    {line}" for line in body.splitlines())))}
    return make_sdist(name, "1.0", files={**files, **more})


def verifies(person: Person, *options: str | Path) -> Outcome:
    return person.runs("verify", person.output, "--target", HERE, *options)


def fetches(person: Person, lock: str, build: str, package: str = ALLOWED) -> Path:
    file = person.writes("requirements.txt", lock)
    person.writes("requirements-build.txt", build)
    fetched = person.fetches(package)
    assert fetched.code == 0, fetched.told
    return file


def agrees(person: Person, lock: Path, tmp_path: Path, *, installed: bool) -> None:
    done = installs(person.output, [lock], tmp_path / "installed", person.home)
    assert (done.returncode == 0) is installed, done.stdout + done.stderr


@pytest.fixture
def asking(person: Person) -> Person:
    """Somebody whose sdist asks for cherry while it is built, with a helper."""
    person.index.add("apple", in_tree("apple", "import helper\nreturn [helper.ASKS]", "helper"))
    person.index.add("helper", make_wheel("helper", "1.0", modules={"helper.py": "ASKS = 'cherry>=1'"}))
    person.index.add("cherry", make_wheel("cherry", "1.0"))
    person.index.add("flit-core", backend("3.9"))
    return person


def test_what_the_back_end_asks_for_and_is_not_there_is_disproved_by_name(asking: Person, tmp_path: Path) -> None:
    lock = fetches(asking, "apple==1.0\n", "flit-core==3.9\nhelper==1.0\n")
    without = verifies(asking)
    assert (without.code, without.err) == (UNKNOWN, "")
    doubt = "it is not known what its back-end adds, which is in the sdist itself"
    assert f"apple-1.0.tar.gz {doubt}\n      to mend: --run-hooks\n" in without.out
    found = verifies(asking, "--run-hooks")
    assert found.code == DISPROVED, found.told
    assert found.err == "apple-1.0.tar.gz: its back-end is asked, in the sandbox\n"
    assert (
        "apple-1.0.tar.gz is built with cherry>=1, for which its back-end own asks, which nothing in the output"
        " fulfils\n      to mend: requirements-build.txt: cherry>=1\n"
    ) in found.out
    agrees(asking, lock, tmp_path, installed=False)


def test_what_the_back_end_asks_for_and_is_there_is_proved(asking: Person, tmp_path: Path) -> None:
    lock = fetches(asking, "apple==1.0\n", "flit-core==3.9\nhelper==1.0\ncherry==1.0\n")
    found = verifies(asking, "--run-hooks", "--json")
    assert (found.code, json.loads(found.out)["verdict"]) == (0, "proved"), found.told
    agrees(asking, lock, tmp_path, installed=True)


def test_sdists_of_its_environment_are_built_first_in_the_sandbox_too(asking: Person, tmp_path: Path) -> None:
    # helper needs another sdist while it runs: wheels are made of both before the back-end of apple is asked.
    files = {**buildable("helper", "1.0", requires=("banana",)), "helper.py": "from banana import ASKS"}
    asking.index.add("helper", make_sdist("helper", "1.0", files=files))
    files = {**buildable("banana", "1.0"), "banana.py": "ASKS = 'cherry>=1'"}
    asking.index.add("banana", make_sdist("banana", "1.0", files=files))
    pins = "helper==1.0\nbanana==1.0\nflit-core==3.9\n"
    package = '{"type": "pip", "binary": {"packages": "flit-core,cherry"}}'
    fetches(asking, "apple==1.0\n", pins, package)
    assert "helper-1.0.tar.gz" in asking.deps()
    found = verifies(asking, "--run-hooks")
    assert (found.code, "is built with cherry>=1, for which its back-end own asks" in found.out) == (
        DISPROVED,
        True,
    )
    assert "apple-1.0.tar.gz: its back-end is asked, in the sandbox, where 2 sdists are built first" in found.err
    lock = fetches(asking, "apple==1.0\n", f"{pins}cherry==1.0\n", package)
    found = verifies(asking, "--run-hooks")
    assert (found.code, found.out.splitlines()[-1]) == (0, "proved"), found.told
    agrees(asking, lock, tmp_path, installed=True)


@pytest.mark.parametrize(
    ("build", "says"),
    [
        ("raise OSError('no room')", "helper-1.0.tar.gz was not built for it: it ended with OSError: no room"),
        (
            "import socket; socket.create_connection(('127.0.0.1', 9))",
            "helper-1.0.tar.gz was not built for it: it looked for the host '127.0.0.1'",
        ),
        ("import os; os._exit(9)", "helper-1.0.tar.gz was not built for it: it ended with status 9"),
    ],
)
def test_an_sdist_of_its_environment_that_cannot_be_built_leaves_it_unknown_and_is_named(
    asking: Person, build: str, says: str
) -> None:
    files = buildable("helper", "1.0", built_with=())
    files["pyproject.toml"] = (
        files["pyproject.toml"].replace("flit_core.buildapi", "own") + 'backend-path = ["."]\n'
    )
    files["own.py"] = f"def build_wheel(directory, settings=None, metadata=None):\n    {build}\n"
    asking.index.add("helper", make_sdist("helper", "1.0", files=files))
    package = '{"type": "pip", "binary": {"packages": "flit-core"}}'
    fetches(asking, "apple==1.0\n", "flit-core==3.9\nhelper==1.0\n", package)
    found = verifies(asking, "--run-hooks")
    assert (found.code, says in found.out) == (UNKNOWN, True), found.told
    assert "apple-1.0.tar.gz it is not known what its back-end adds" in found.out


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise RuntimeError('no compiler')", "its hook was ended: it ended with RuntimeError: no compiler"),
        ("return open('{home}/secret').read()", "its hook was ended: it looked into the home, at {home}/secret"),
        ("import urllib.request as u\nu.urlopen('http://example.org')", "it looked for the host 'example.org'"),
        ("while True: pass", "its hook was ended: it ran longer than 4 seconds"),
        ("return [1] * 301", "its answer was not taken: it asks for more than 300 requirements"),
    ],
)
def test_a_hook_without_an_answer_leaves_it_unknown_and_is_named(
    person: Person, monkeypatch: pytest.MonkeyPatch, body: str, says: str
) -> None:
    if "while" in body:
        monkeypatch.setattr(SandboxedHooks.__init__, "__defaults__", (Limits(seconds=4),))
    body, says = (text.replace("{home}", str(Path.home())) for text in (body, says))
    person.index.add("apple", in_tree("apple", body))
    person.index.add("flit-core", backend("3.9"))
    fetches(person, "apple==1.0\n", "flit-core==3.9\n")
    found = verifies(person, "--run-hooks")
    assert found.code == UNKNOWN, found.told
    assert "apple-1.0.tar.gz it is not known what its back-end adds, which is in the sdist itself: " in found.out
    assert says in found.out


def test_what_is_no_requirement_or_at_an_address_is_disproved(person: Person, tmp_path: Path) -> None:
    person.index.add("apple", in_tree("apple", "return ['>=2']"))
    person.index.add("banana", in_tree("banana", "return ['plum @ https://example.org/plum.zip']"))
    person.index.add("flit-core", backend("3.9"))
    lock = fetches(person, "apple==1.0\n", "flit-core==3.9\n")
    found = verifies(person, "--run-hooks")
    assert (found.code, "its back-end asks for '>=2', which is no requirement" in found.out) == (DISPROVED, True)
    agrees(person, lock, tmp_path, installed=False)
    fetches(person, "banana==1.0\n", "flit-core==3.9\n")
    found = verifies(person, "--run-hooks")
    assert (found.code, "which is at an address, and there is no network" in found.out) == (DISPROVED, True)


def test_where_what_it_declares_is_not_there_it_is_not_called(asking: Person) -> None:
    fetches(asking, "apple==1.0\n", "flit-core==3.9\n")
    found = verifies(asking, "--run-hooks")
    assert (found.code, found.err) == (DISPROVED, "")
    assert "its hook was not called, since apple-1.0.tar.gz is built with helper, which nothing in" in found.out


def test_what_every_rule_knows_is_proved_without_a_hook(person: Person) -> None:
    person.index.add("apple", make_sdist("apple", "1.0", files=buildable("apple", "1.0")))
    person.index.add("flit-core", backend("3.9"))
    fetches(person, "apple==1.0\n", "flit-core==3.9\n")
    found = verifies(person, "--run-hooks")
    assert (found.code, found.err) == (0, "")


def test_the_project_itself_is_not_in_the_output_and_is_not_asked(person: Person) -> None:
    table = '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n'
    person.writes("pyproject.toml", table)
    person.writes("own.py", "raise SystemExit\n")
    person.index.add("banana", make_wheel("banana", "1.0"))
    fetches(person, "banana==1.0\n", "")
    found = verifies(person, "--run-hooks")
    assert (found.code, "its source is not in the output" in found.out) == (UNKNOWN, True), found.told


def test_a_machine_or_a_tool_that_is_not_here_is_no_verdict(asking: Person) -> None:
    fetches(asking, "apple==1.0\n", "flit-core==3.9\nhelper==1.0\n")
    version = ".".join(map(str, sys.version_info[:2]))
    found = asking.runs("verify", asking.output, "--run-hooks", "--target", f"python={version},platform=win_amd64")
    assert (found.code, "nothing on this machine runs what is built for win_amd64" in found.err) == (3, True)
    found = verifies(asking, "--run-hooks", "--tools", "no-such-tool")
    assert (found.code, "there is no no-such-tool on this machine" in found.err) == (3, True)
    assert found.out == ""


def test_without_a_sandbox_no_hook_is_called(asking: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    fetches(asking, "apple==1.0\n", "flit-core==3.9\nhelper==1.0\n")
    monkeypatch.setattr(sys, "platform", "darwin")
    found = verifies(asking, "--run-hooks")
    assert (found.code, found.out) == (3, "")
    assert "--run-hooks: there is no sandbox on darwin" in found.err
    assert "or leave --run-hooks out" in found.err
