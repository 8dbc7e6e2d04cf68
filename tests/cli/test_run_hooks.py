"""``lock-build-deps --run-hooks``: the real back-end says what no rule tells, and one that fails is named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cachi2ish.cache.memory.catalogue import SqliteCatalogue
from tests.cli.conftest import Person
from tests.cli.test_lock_build_deps import pins
from tests.support.command_line import Outcome
from tests.support.distributions import Dist, core_metadata, make_sdist, make_wheel
from tests.support.offline import HERE
from tests.support.sandbox_here import needs_a_sandbox

__all__ = ("needs_a_sandbox",)

TABLE = '[build-system]\nrequires = ["helper"]\nbuild-backend = "own"\nbackend-path = ["."]\n'
OF_WHEEL = "def get_requires_for_build_wheel(settings=None):\n    "


def sdist(name: str, body: str) -> Dist:
    files = {"PKG-INFO": core_metadata(name, "1.0"), "pyproject.toml": TABLE, "own.py": OF_WHEEL + body}
    return make_sdist(name, "1.0", files=files)


def plain(name: str) -> Dist:
    return make_sdist(name, "1.0", files={"pyproject.toml": "[build-system]\nrequires = []\n"})


def locks(person: Person, *options: str | Path) -> Outcome:
    return person.runs("lock-build-deps", "--source", person.source, "--target", HERE, *options, "pip")


def test_what_no_rule_tells_is_asked_of_the_back_end_and_its_answer_is_kept(person: Person) -> None:
    person.writes("requirements.txt", "apple==1.0\n")
    person.index.add("apple", sdist("apple", "import helper; return [helper.ASKS, 'helper']\n"))
    person.index.add("helper", make_wheel("helper", "1.0", modules={"helper.py": "ASKS = 'cherry>=1'"}))
    person.index.add("helper", plain("helper"))
    person.index.add("cherry", plain("cherry"))
    without = locks(person)
    assert "cherry" not in pins(without.out)
    assert "not known: what its back-end adds" in without.out
    found = locks(person, "--run-hooks")
    assert found.code == 0, found.told
    assert "cherry==1.0" in pins(found.out)
    assert "    # apple-1.0.tar.gz: hook of the back-end\n" in found.out.partition("\ncherry==")[2]
    assert "not known: what its back-end adds, which is in the sdist itself (apple" not in found.out
    assert "apple-1.0.tar.gz: its back-end is asked, in the sandbox" in found.err
    again = locks(person, "--run-hooks", "--offline")
    assert [line for line in again.out.splitlines() if "As of" not in line] == [
        line for line in found.out.splitlines() if "As of" not in line
    ]
    assert "in the sandbox" not in again.err


def test_an_answer_is_kept_for_the_very_wheels_that_gave_it(person: Person) -> None:
    person.writes("requirements.txt", "apple==1.0\n")
    person.index.add("apple", sdist("apple", "import helper; return helper.ASKS\n"))
    for name in ("helper", "cherry", "plum"):
        person.index.add(name, plain(name))
    for asks in ("cherry", "plum"):
        wheel = make_wheel("helper", "1.0", modules={"helper.py": f"ASKS = ['{asks}']"})
        person.index.add("helper", wheel)
        found = locks(person, "--run-hooks")
        assert f"{asks}==1.0" in pins(found.out), found.told


def test_a_kept_answer_of_another_shape_is_passed_over(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    person.writes("requirements.txt", "apple==1.0\n")
    person.index.add("apple", sdist("apple", "return ['cherry']\n"))
    person.index.add("helper", make_wheel("helper", "1.0"))
    for name in ("helper", "cherry"):
        person.index.add(name, plain(name))
    first = locks(person, "--run-hooks")
    get = SqliteCatalogue.get

    def of_another_version(self: SqliteCatalogue, key: str) -> str | None:
        return '{"requires": ["plum"]}' if key.startswith("hook answer") else get(self, key)

    monkeypatch.setattr(SqliteCatalogue, "get", of_another_version)
    again = locks(person, "--run-hooks")
    assert (again.code, pins(again.out)) == (0, pins(first.out)), again.told
    assert "apple-1.0.tar.gz: its back-end is asked, in the sandbox" in again.err


def test_what_a_hook_asks_for_and_no_index_has_is_not_known_when_the_answer_is_a_kept_one_too(
    person: Person,
) -> None:
    person.writes("requirements.txt", "apple==1.0\n")
    person.index.add(
        "apple",
        sdist(
            "apple",
            "return ['cherry', 'plum @ https://example.org/plum.zip', '>=2', 'x @ file:x; os_name==\"y\"']\n",
        ),
    )
    for name in ("helper", "cherry"):
        person.index.add(name, plain(name))
    person.index.add("helper", make_wheel("helper", "1.0"))
    for options in ((), ("--offline",)):
        found = locks(person, "--run-hooks", *options)
        assert found.code == 0, found.told
        assert "cherry==1.0" in pins(found.out)
        told = " ".join(found.out.split())
        assert "not known: its hook asks for plum from a URL, which is in no index" in told.replace("# ", "")
        assert "its hook asks for '>=2', which is no requirement" in told.replace("# ", "")
        assert "asks for x" not in told


def test_a_hook_that_reaches_out_is_named_in_a_warning_and_in_the_lock(person: Person) -> None:
    person.writes("requirements.txt", "apple==1.0\nbanana==1.0\n")
    person.index.add("apple", sdist("apple", f"return [open('{person.home}/secret').read()]\n"))
    person.index.add("banana", sdist("banana", "import urllib.request as u; u.urlopen('http://example.org')\n"))
    person.index.add("helper", make_wheel("helper", "1.0"))
    person.index.add("helper", plain("helper"))
    found = locks(person, "--run-hooks")
    assert found.code == 0, found.told
    for text in (found.out, found.err.replace("\n", " ")):
        assert "its hook was ended: it looked for the host 'example.org' (banana-1.0.tar.gz)" in text
        assert "its hook was ended: " in text
        assert "(apple-1.0.tar.gz)" in text


def test_the_project_itself_is_asked_for_both_ways_of_installing_it(person: Person) -> None:
    person.writes("pyproject.toml", TABLE.replace('["helper"]', "[]"))
    editable = OF_WHEEL.replace("wheel", "editable")
    person.writes("own.py", f"{OF_WHEEL}return ['a']\n{editable}return ['b']\n")
    for name in ("a", "b"):
        person.index.add(name, plain(name))
    found = locks(person, "--run-hooks")
    assert found.code == 0, found.told
    assert pins(found.out) == ["a==1.0", "b==1.0"]
    assert sorted(path.name for path in person.source.iterdir()) == ["own.py", "pyproject.toml"]


def test_without_a_wheel_of_what_it_is_built_with_it_is_not_asked(person: Person) -> None:
    person.writes("requirements.txt", "apple==1.0\n")
    person.index.add("apple", sdist("apple", "return []\n"))
    person.index.add("helper", plain("helper"))
    found = locks(person, "--run-hooks")
    assert found.code == 0, found.told
    assert "its hook was not called: helper 1.0 has no wheel to call it with (apple-1.0.tar.gz)" in found.out


def test_a_machine_or_a_tool_that_is_not_here_is_refused(person: Person) -> None:
    person.writes("requirements.txt", "apple==1.0\n")
    person.index.add("apple", sdist("apple", "return []\n"))
    person.index.add("helper", make_wheel("helper", "1.0"))
    person.index.add("helper", plain("helper"))
    words = ("--source", person.source, "--run-hooks", "pip", "--target")
    version = ".".join(map(str, sys.version_info[:2]))
    found = person.runs("lock-build-deps", *words, f"python={version},platform=win_amd64")
    assert (found.code, "nothing on this machine runs what is built for win_amd64" in found.err) == (3, True)
    found = locks(person, "--run-hooks", "--tools", "no-such-tool")
    assert (found.code, "there is no no-such-tool on this machine" in found.err) == (2, True)
