"""``targets`` and ``binary`` from the outside: the input, what is fetched, and what is told."""

from __future__ import annotations

import json
import re

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person
from tests.support.distributions import Dist, make_sdist, make_wheel

LINUX = '{"python": "3.12", "platform": "manylinux_2_28_x86_64"}'
WINDOWS = '{"python": "3.12", "platform": "win_amd64"}'
TAGS = ("cp312-cp312-manylinux_2_17_x86_64", "cp312-cp312-win_amd64", "cp312-cp312-macosx_11_0_arm64")


def with_targets(*targets: str, more: str = "") -> str:
    return f'{{"type": "pip", "targets": [{", ".join(targets)}]{more}}}'


def with_binary(binary: str, more: str = "") -> str:
    return f'{{"type": "pip", "binary": {binary}{more}}}'


@pytest.fixture
def apple(person: Person) -> Person:
    """The index has apple 1.0, an sdist and three wheels, and banana 1.0, a wheel for Windows only."""
    person.index.add("apple", make_sdist("apple", "1.0"))
    for tags in TAGS:
        person.index.add("apple", make_wheel("apple", "1.0", tags))
    person.index.add("banana", make_wheel("banana", "1.0", TAGS[1]))
    person.writes("requirements.txt", "apple==1.0\n")
    return person


@pytest.mark.parametrize(
    ("option", "taken"),
    [
        ("", ["banana-1.0-py3-none-any.whl", "cherry-1.0-py3-none-any.whl"]),
        ("--no-binary :all:\n", ["banana-1.0.tar.gz", "cherry-1.0.tar.gz"]),
        ("--no-binary banana\n", ["banana-1.0.tar.gz", "cherry-1.0-py3-none-any.whl"]),
        ("--no-binary :all:\n--only-binary cherry\n", ["banana-1.0.tar.gz", "cherry-1.0-py3-none-any.whl"]),
    ],
)
def test_what_pip_takes_no_wheels_of_comes_as_an_sdist_for_building_too(
    person: Person, option: str, taken: list[str]
) -> None:
    """pip passes the option on to the environments in which it builds."""
    for name in ("apple", "banana", "cherry"):
        person.index.add(name, make_sdist(name, "1.0"))
        person.index.add(name, make_wheel(name, "1.0"))
    person.writes("requirements.txt", f"{option}apple==1.0\n")
    person.writes("requirements-build.txt", "banana==1.0\ncherry==1.0\n")
    targets = '"targets": [{"python": "3.12", "platform": "manylinux_2_28_x86_64"}]'
    done = person.fetches(f'{{"type": "pip", {targets}}}')
    assert done.code == 0, done.told
    assert [name for name in person.deps() if not name.startswith("apple")] == taken


def test_where_only_some_files_take_no_wheels_it_is_told_what_may_come_as_one(person: Person) -> None:
    for name in ("apple", "banana"):
        person.index.add(name, make_sdist(name, "1.0"))
        person.index.add(name, make_wheel(name, "1.0"))
    person.writes("one.txt", "apple==1.0\n")
    person.writes("two.txt", "--no-binary :all:\napple==1.0\n")
    person.writes("requirements-build.txt", "banana==1.0\n")
    done = person.fetches('{"type": "pip", "allow_binary": true, "requirements_files": ["one.txt", "two.txt"]}')
    assert done.code == 0, done.told
    told = "requirements-build.txt:1: banana==1.0 may come as a wheel, which pip does not take for what it builds"
    assert f"{told} with two.txt" in done.err


def test_each_target_gets_its_wheel_and_is_told_with_files_and_bytes(apple: Person) -> None:
    outcome = apple.fetches(with_targets(LINUX, WINDOWS))
    assert outcome.code == 0, outcome.told
    assert apple.deps() == [f"apple-1.0-{TAGS[0]}.whl", f"apple-1.0-{TAGS[1]}.whl"]
    assert "for Python 3.12 on manylinux_2_28_x86_64: 1 file, " in outcome.err
    assert "for Python 3.12 on win_amd64: 1 file, " in outcome.err
    assert "not needed, though all wheels would bring them: 2 files, " in outcome.err


def test_the_plan_tells_the_same(apple: Person) -> None:
    outcome = apple.fetches(with_targets(LINUX), "--dry-run")
    assert outcome.code == 0, outcome.told
    assert re.search(
        rf"^  leave \d files: no target accepts its tags \(.*apple-1.0-{TAGS[1]}.whl", outcome.out, re.MULTILINE
    )
    assert "for Python 3.12 on manylinux_2_28_x86_64: 1 file, " in outcome.out
    assert "not needed, though all wheels would bring them: 3 files, " in outcome.out


def test_without_them_nothing_of_this_is_told(apple: Person) -> None:
    for given in ("pip", '{"type": "pip", "allow_binary": true}'):
        outcome = apple.fetches(given)
        assert "not needed" not in outcome.err
        assert "for Python" not in outcome.err


def test_a_requirement_that_no_target_needs_is_left_out_and_recorded_nowhere(apple: Person) -> None:
    apple.writes(
        "requirements.txt", 'apple==1.0\nbanana==1.0 ; sys_platform == "win32"\npear==3 ; os_name == "nt"\n'
    )
    outcome = apple.fetches(with_targets(LINUX))
    assert outcome.code == 0, outcome.told
    assert apple.deps() == [f"apple-1.0-{TAGS[0]}.whl"]
    assert 'left out: banana==1.0 (requirements.txt:2), needed nowhere: sys_platform == "win32"' in outcome.err
    document = json.loads((apple.output / "bom.json").read_text())
    assert [one["name"] for one in document["components"]] == ["apple"]
    assert not any("pear" in path or "banana" in path for path in apple.index.paths)


def test_markers_are_not_evaluated_without_targets(apple: Person) -> None:
    apple.writes("requirements.txt", 'apple==1.0 ; sys_platform == "no such"\n')
    assert apple.fetches().code == 0
    assert apple.deps() == ["apple-1.0.tar.gz"]


def test_build_requirements_are_chosen_for_the_targets_too(apple: Person) -> None:
    apple.writes("requirements.txt", "")
    apple.writes("requirements-build.txt", 'apple==1.0\nbanana==1.0 ; sys_platform == "win32"\n')
    assert apple.fetches(with_targets(LINUX)).code == 0
    assert apple.deps() == [f"apple-1.0-{TAGS[0]}.whl"]


def test_a_wheel_for_one_target_only_is_an_error_that_names_the_other(apple: Person) -> None:
    apple.writes("requirements.txt", "apple==1.0\nbanana==1.0\n")
    outcome = apple.fetches(with_targets(LINUX, WINDOWS))
    assert outcome.code == ExitCode.UNAVAILABLE
    assert "requirements.txt:2: banana==1.0 has no file on " in outcome.err
    assert " for Python 3.12 on manylinux_2_28_x86_64: " in outcome.err
    assert apple.deps() == []


def test_all_compatible_wheels_are_taken_where_that_is_wanted(apple: Person) -> None:
    apple.index.add("apple", make_wheel("apple", "1.0"))
    assert apple.fetches(with_targets(LINUX, more=', "wheels": "all-compatible"')).code == 0
    assert apple.deps() == [f"apple-1.0-{TAGS[0]}.whl", "apple-1.0-py3-none-any.whl"]


def test_each_package_of_the_input_has_its_own_targets(apple: Person) -> None:
    apple.writes("other/requirements.txt", "apple==1.0\n")
    packages = f'[{with_targets(LINUX)}, {{"type": "pip", "path": "other"}}]'
    assert apple.fetches(packages).code == 0
    assert apple.deps() == [f"apple-1.0-{TAGS[0]}.whl", "apple-1.0.tar.gz"]


def test_a_digest_that_fits_the_file_of_one_target_only_fails_the_other(apple: Person) -> None:
    """The index names md5 only, so that what the lock means shows when the bytes are here."""
    wheels = [make_wheel("cherry", "1.0", tags) for tags in TAGS]
    for wheel in wheels:
        apple.index.add("cherry", wheel, digests=("md5",))
    apple.writes("requirements.txt", f"cherry==1.0 {wheels[0].hash_option()}\n")
    assert apple.fetches(with_targets(LINUX)).code == 0
    assert apple.fetches(with_targets(LINUX, WINDOWS)).code == ExitCode.DIGEST


def test_direct_requirements_are_looked_at_for_the_targets_too(apple: Person) -> None:
    wheel = make_wheel("cherry", "1.0", TAGS[1])
    apple.index.add("cherry", wheel)
    address = f"{apple.index.url}/files/{wheel.filename}#sha256={wheel.sha256}"
    git = f"git+https://host.invalid/pear.git@{'0' * 40}"
    lines = f"cherry @ {address}\n" + f'pear @ {git} ; sys_platform == "win32"\n'
    apple.writes("requirements.txt", lines)
    outcome = apple.fetches(with_targets(LINUX))
    assert outcome.code == 0, outcome.told
    assert f"requirements.txt:1: {wheel.filename} is a wheel that no target accepts" in outcome.err
    assert "left out: pear @ git 000000000000 (requirements.txt:2)" in outcome.err
    assert apple.runs("inject-files", apple.output, "--for-output-dir", "/tmp/out").code == 0


def test_binary_takes_wheels_as_hermeto_does(apple: Person) -> None:
    assert apple.fetches(with_binary("{}")).code == 0
    assert apple.deps() == [f"apple-1.0-{TAGS[0]}.whl", "apple-1.0.tar.gz"]
    named = '{"packages": "Apple", "os": "linux, win", "arch": "x86_64,amd64", "py_version": "312"}'
    assert apple.fetches(with_binary(named)).code == 0
    assert apple.deps() == [f"apple-1.0-{TAGS[0]}.whl", f"apple-1.0-{TAGS[1]}.whl"]
    assert apple.fetches(with_binary('{"packages": "pear"}')).code == 0
    assert apple.deps() == ["apple-1.0.tar.gz"]
    assert apple.fetches(with_binary("null")).code == 0
    assert apple.deps() == ["apple-1.0.tar.gz"]


def test_binary_of_everything_takes_what_allow_binary_takes(apple: Person) -> None:
    assert apple.fetches('{"type": "pip", "allow_binary": true}').code == 0
    everything = apple.deps()
    assert apple.fetches(with_binary('{"arch": ":all:", "os": ":all:", "py_impl": ":all:"}')).code == 0
    assert apple.deps() == everything


def test_binary_is_stronger_than_allow_binary_and_odd_words_are_told(apple: Person) -> None:
    outcome = apple.fetches(with_binary('{"arch": "arm"}', ', "allow_binary": "true"'))
    assert outcome.code == 0
    assert apple.deps() == ["apple-1.0.tar.gz"]
    assert '"binary" says which wheels' in outcome.err
    assert "packages[0].binary.arch: no tag of a wheel says arm" in outcome.err


def test_a_pattern_that_is_odd_and_valid_is_no_concern_of_the_user(apple: Person) -> None:
    outcome = apple.fetches(with_binary('{"platform": "[[a]"}'))  # of which Python warns
    assert outcome.code == 0
    assert "Warning" not in outcome.told


def test_a_project_that_binary_names_and_no_requirement_is_warned_of(apple: Person) -> None:
    outcome = apple.fetches(with_binary('{"packages": "aple, apple"}'))
    assert outcome.code == 0
    assert "packages[0].binary.packages: no pinned requirement is called aple" in outcome.err
    assert "is called apple" not in outcome.err


@pytest.mark.parametrize(
    "tag",
    [f"cp312-cp312-manylinux_2_{'9' * 5000}_x86_64", f"cp{'9' * 5000}-none-any", f"{'9' * 5000}-py3-none-any"],
)
@pytest.mark.parametrize(
    "package_input",
    [with_binary("{}"), with_binary('{"py_version": 312, "os": "manylinux"}'), with_targets(LINUX)],
    ids=["binary", "version", "targets"],
)
def test_a_wheel_name_of_endless_numbers_does_no_harm(apple: Person, package_input: str, tag: str) -> None:
    apple.index.add("apple", Dist(f"apple-1.0-{tag}.whl", b""))
    apple.index.add("apple", Dist(f"apple-{'9' * 5000}.tar.gz", b""))
    outcome = apple.fetches(package_input)
    assert outcome.code == 0, outcome.told


@pytest.mark.parametrize(
    ("package_input", "says"),
    [
        (with_targets(), ("packages[0]", '"targets" is empty')),
        ('{"type": "pip", "targets": null}', ("targets is null",)),
        ('{"type": "pip", "targets": {}}', ("not a list such as",)),
        (with_targets('"win_amd64"'), ("targets[0]", "an object such as")),
        (with_targets('{"python": "3.12"}'), ("targets[0].platform is missing", "manylinux_2_28_x86_64")),
        (with_targets('{"platform": "win_amd64"}'), ("targets[0].python is missing", '"python": "3.12"')),
        (with_targets('{"python": 3.12, "platform": "win_amd64"}'), ("targets[0].python", "in quotes")),
        (with_targets('{"python": "312", "platform": "win_amd64"}'), ("targets[0].python", '"3.12"')),
        (with_targets('{"python": "3.12", "platform": "win64"}'), ("targets[0].platform", "did you mean 'win")),
        (
            with_targets('{"python": "3", "platform": "win64"}'),
            ("targets[0].python", "targets[0].platform", "2 errors"),
        ),
        (
            with_targets('{"python": "3.12", "platform": "win_amd64", "arch": "x"}'),
            ("targets[0].arch: unknown key 'arch'", "the keys are python, platform, implementation, abi"),
        ),
        (
            with_targets('{"python": "3.12", "platform": "win_amd64", "abi": "cp313t"}'),
            ("targets[0]: 'cp313t'", "cp312"),
        ),
        (
            with_targets('{"python": "3.12", "platform": "win_amd64", "implementation": "jy"}'),
            ("targets[0].implementation", '"cp" or "pp"'),
        ),
        (with_targets(LINUX, more=', "wheels": "worst"'), ("wheels", '"best" or "all-compatible"')),
        ('{"type": "pip", "wheels": "best"}', ('"wheels" says how', "give targets too")),
        ('{"type": "pip", "target": []}', ("unknown key 'target'", "did you mean 'targets'?")),
        (with_targets(LINUX, more=', "allow_binary": true'), ('"targets" and "allow_binary"',)),
        (with_targets(LINUX, more=', "binary": {}'), ('"targets" and "binary"',)),
        (with_binary("true"), ("binary", "an object such as")),
        (with_binary('{"arc": "x86_64"}'), ("binary.arc: unknown key", "did you mean 'arch'?")),
        (with_binary('{"arch": ["x86_64"]}'), ("binary.arch", "as one text")),
        (with_binary('{"packages": 1}'), ("binary.packages", "names with commas between them")),
        (with_binary('{"os": " , "}'), ("binary.os", "names nothing", ":all:")),
        (with_binary('{"py_version": 3.12}'), ("binary.py_version", "write 312")),
        (with_binary('{"py_version": true}'), ("binary.py_version", "a number such as 312")),
        (with_binary('{"platform": "("}'), ("binary.platform", "not a regular expression")),
        (with_binary('{"platform": "a{4294967296}"}'), ("binary.platform", "not a regular expression")),
        (with_binary(f'{{"platform": "{"(" * 3000}"}}'), ("binary.platform", "not a regular expression")),
        (with_binary('{"platform": "x", "arch": "arm64"}'), ("binary: ", '"platform" stands beside')),
    ],
)
def test_what_is_wrong_with_them_is_told(apple: Person, package_input: str, says: tuple[str, ...]) -> None:
    outcome = apple.fetches(package_input)
    assert outcome.code == ExitCode.INPUT, outcome.told
    assert all(word in outcome.err for word in says), outcome.err
    assert "hint: " in outcome.err
    assert "Traceback" not in outcome.err
