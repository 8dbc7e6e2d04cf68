"""``uv.lock`` from the outside: its files are fetched for groups, extras and targets, and no index is asked."""

from __future__ import annotations

import json

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person, tree
from tests.lockfiles.test_uv_lock import HEAD, edges, package, project
from tests.support.distributions import Dist, make_sdist, make_wheel

APPLE = make_sdist("apple", "1.0")
LINUX = make_wheel("fig", "1.0", "cp312-cp312-manylinux_2_28_x86_64")
WINDOWS = make_wheel("fig", "1.0", "cp312-cp312-win_amd64")
PLUM = make_wheel("plum", "1.0")
TARGETS = [
    {"python": "3.12", "platform": "manylinux_2_28_x86_64"},
    {"python": "3.12", "platform": "win_amd64"},
]


def file_of(person: Person, dist: Dist, **more: object) -> dict[str, object]:
    return {
        "url": person.index.serve_file(dist),
        "hash": f"sha256:{dist.sha256}",
        "size": len(dist.content),
        **more,
    }


def a_lock(person: Person, **more: object) -> str:
    index = {"registry": person.index.index_url}
    return (
        HEAD
        + package("apple", source=index, sdist=file_of(person, APPLE, **more), wheels=None)
        + package("fig", source=index, wheels=[file_of(person, LINUX), file_of(person, WINDOWS)])
        + package("plum", source=index, wheels=[file_of(person, PLUM)])
        + project(
            "apple",
            {"name": "fig", "marker": "sys_platform == 'win32'"},
            optional_dependencies={"sweet": edges("plum")},
            metadata={"requires-dist": [{"name": "apple"}]},
        )
    )


@pytest.mark.parametrize(
    "package_input", ["uv", "uv.lock", '{"type": "uv"}', '{"type": "pip", "lockfile": "uv.lock"}']
)
def test_each_way_to_name_it_fetches_its_files_and_asks_for_no_page(person: Person, package_input: str) -> None:
    person.writes("uv.lock", HEAD + package("apple", sdist=file_of(person, APPLE), wheels=None) + project("apple"))
    person.writes("requirements.txt", "not looked at\n")
    outcome = person.fetches(package_input)
    assert outcome.code == 0, outcome.told
    assert person.deps() == [APPLE.filename]
    assert person.index.paths == (f"/files/{APPLE.filename}",)


def test_two_targets_take_one_request_for_each_file(person: Person) -> None:
    person.writes("uv.lock", a_lock(person))
    outcome = person.fetches(json.dumps({"type": "uv", "extras": ["sweet"], "targets": TARGETS}))
    assert outcome.code == 0, outcome.told
    assert person.deps() == sorted([APPLE.filename, PLUM.filename, WINDOWS.filename])
    assert len(person.index.requests) == 3


def test_a_file_that_was_tampered_with_ends_the_run(person: Person) -> None:
    person.writes("uv.lock", a_lock(person, hash=f"sha256:{'0' * 64}"))
    outcome = person.fetches(json.dumps({"type": "uv", "targets": TARGETS}))
    assert outcome.code == ExitCode.DIGEST
    assert not person.output.exists()


def test_an_index_date_is_compared_with_the_upload_times(person: Person) -> None:
    person.writes("uv.lock", a_lock(person, **{"upload-time": "2024-05-01T00:00:00Z"}))
    request = json.dumps({"type": "uv", "targets": TARGETS[:1]})
    assert person.fetches(request, "--index-date", "2024-05-01").code == 0
    outcome = person.fetches(request, "--index-date", "2024-04-30")
    assert outcome.code == ExitCode.UNAVAILABLE
    assert "uv.lock:5: " in outcome.err


def test_a_lock_that_does_not_fit_its_project_is_a_warning_or_an_error(person: Person) -> None:
    person.writes("uv.lock", a_lock(person))
    person.writes(
        "pyproject.toml", '[project]\nname = "own"\nversion = "0"\ndependencies = ["apple", "pear>=2"]\n'
    )
    request = json.dumps({"type": "uv", "targets": TARGETS[:1]})
    says = "it does not fit pyproject.toml any more, which declares pear>=2, other than when it was locked"
    outcome = person.fetches(request)
    assert outcome.code == 0
    assert f"warning: uv.lock: {says}: run `uv lock`" in outcome.err
    outcome = person.fetches(request, "--require-fresh")
    assert outcome.code == ExitCode.LOCKFILE
    assert f"error: uv.lock: {says}" in outcome.err
    assert "hint: run `uv lock`, and commit what it writes" in outcome.err


def test_a_member_of_the_project_is_named_with_what_it_is_built_with(person: Person) -> None:
    kiwi = package("kiwi", source={"editable": "libs/kiwi"}, wheels=None)
    person.writes(
        "uv.lock", HEAD + package("apple", sdist=file_of(person, APPLE), wheels=None) + kiwi + project("kiwi")
    )
    person.writes("libs/kiwi/pyproject.toml", '[build-system]\nrequires = ["hatchling>=1", "apple"]\n')
    person.index.add("hatchling", make_wheel("hatchling", "1.0"))
    says = (
        "uv.lock:11: kiwi is not fetched: it is the folder 'libs/kiwi' of the source, and is built with"
        " hatchling>=1, apple\n"
    )
    lacks = "the project in libs/kiwi is built with hatchling>=1, apple, which nothing in the output satisfies"
    outcome = person.fetches("uv")
    assert outcome.code == 0, outcome.told
    assert says in outcome.err
    assert lacks in outcome.err
    person.writes("requirements-build.txt", "hatchling==1.0\napple==1.0\n")
    person.index.add("apple", APPLE)
    outcome = person.fetches('{"type": "uv", "allow_binary": true}')
    assert outcome.code == 0, outcome.told
    assert says in outcome.err
    assert "the project in libs/kiwi" not in outcome.err


@pytest.mark.parametrize(
    ("request_text", "says"),
    [
        ('{"type": "uv", "extras": ["swete"]}', "the lock has no extra 'swete'"),
        ('{"type": "pip", "extras": ["x"]}', '"extras" choose from a lock file, and none is named'),
        ('{"type": "uv", "extras": "x"}', """"x" is not a list of names, or [":all:"]"""),
        ('{"type": "uv", "packages": [5]}', "5 is not a name, as text"),
        ('{"type": "pylock", "packages": ["x"]}', '"packages" of the input mean nothing for a lock file'),
        ('{"type": "uv", "path": "sub"}', "does not exist"),
    ],
)
def test_what_is_wrong_in_the_input_is_said(person: Person, request_text: str, says: str) -> None:
    person.writes("uv.lock", a_lock(person))
    person.writes("pylock.toml", 'lock-version = "1.0"\ncreated-by = "x"\npackages = []\n')
    outcome = person.fetches(request_text)
    assert outcome.code == ExitCode.INPUT
    assert says in outcome.err


def test_what_was_fetched_is_found_in_the_lock_and_all_comes_back(person: Person) -> None:
    """Two packages of the input want different parts of one lock: the addresses of both are rewritten."""
    text = a_lock(person)
    person.writes("uv.lock", text)
    request = [{"type": "uv", "targets": TARGETS[1:]}, {"type": "uv", "extras": ["sweet"], "targets": TARGETS[:1]}]
    assert person.fetches(json.dumps(request)).code == 0
    first = tree(person.output)
    lock = person.source / "uv.lock"
    for place in ("/a", "/b c"):
        outcome = person.runs("inject-files", person.output, "--for-output-dir", place)
        assert outcome.code == 0, outcome.told
        assert f"rewrote {lock}" in outcome.err
        there = f"file://{place.replace(' ', '%20')}/deps/pip"
        expected = text
        for dist in (APPLE, WINDOWS, PLUM):
            expected = expected.replace(person.index.serve_file(dist), f"{there}/{dist.filename}")
        assert lock.read_text() == expected
    assert LINUX.filename in lock.read_text()
    assert person.fetches(json.dumps(request)).code == 0
    assert tree(person.output) == first
    outcome = person.runs("inject-files", person.output, "--revert")
    assert (outcome.code, lock.read_text()) == (0, text)
    assert sorted(path.name for path in person.source.iterdir()) == ["uv.lock"]


def test_a_lock_that_has_changed_since_is_not_rewritten(person: Person) -> None:
    person.writes("uv.lock", a_lock(person))
    assert person.fetches(json.dumps({"type": "uv", "targets": TARGETS})).code == 0
    person.writes("uv.lock", text := a_lock(person) + "\n# more\n")
    outcome = person.runs("inject-files", person.output)
    assert outcome.code == ExitCode.INPUT
    assert "has changed since fetch-deps read it" in outcome.err
    assert (person.source / "uv.lock").read_text() == text


def test_a_lock_of_which_nothing_was_fetched_is_left_alone(person: Person) -> None:
    person.writes("uv.lock", text := HEAD + project(source={"virtual": "."}))
    assert person.fetches("uv").code == 0
    outcome = person.runs("inject-files", person.output)
    assert outcome.err == "no file had to be written: none has an address of a file\n"
    assert (person.source / "uv.lock").read_text() == text


def test_the_bill_says_which_lock_and_group_and_source_and_who_needs_whom(person: Person) -> None:
    index = {"registry": "https://me:secret@index.example/simple"}
    text = (
        HEAD
        + package("apple", source=index, sdist=file_of(person, APPLE), wheels=None, dependencies=edges("plum"))
        + package("plum", source=index, wheels=[file_of(person, PLUM)])
        + project("apple", dev_dependencies={"dev": edges("plum")})
    )
    person.writes("uv.lock", text)
    person.writes("requirements-build.txt", "")
    request = json.dumps({"type": "uv", "targets": TARGETS[:1]})
    assert person.fetches(request).code == 0
    bill = json.loads((person.output / "bom.json").read_text())
    found = {one["name"]: one for one in bill["components"]}
    facts = {
        name: sorted(
            (each["name"].rpartition(":")[2], each["value"])
            for each in found[name]["properties"]
            if each["name"].rpartition(":")[2] in {"lock_file", "group", "source"}
        )
        for name in ("apple", "plum")
    }
    source = ("source", "https://index.example/simple")
    assert facts == {
        "apple": [("group", "uv.lock project"), ("lock_file", "uv.lock"), source],
        "plum": [("group", "uv.lock dev"), ("group", "uv.lock project"), ("lock_file", "uv.lock"), source],
    }
    needs = {one["ref"]: one.get("dependsOn", []) for one in bill["dependencies"]}
    root = bill["metadata"]["component"]["bom-ref"]
    apple, plum = found["apple"]["bom-ref"], found["plum"]["bom-ref"]
    assert needs[root] == [apple, plum]  # plum by its group
    assert (needs[apple], needs[plum]) == ([plum], [])
    assert person.fetches(request, "--sbom-output-type", "spdx").code == 0
    document = json.loads((person.output / "bom.json").read_text())
    names = {one["SPDXID"]: one["name"] for one in document["packages"]}
    depends = {
        (names[one["spdxElementId"]], names[one["relatedSpdxElement"]])
        for one in document["relationships"]
        if one["relationshipType"] == "DEPENDS_ON"
    }
    assert ("apple", "plum") in depends
    assert "secret" not in json.dumps([bill, document])
