"""The argument of ``fetch-deps`` on its own: its forms, what its keys become, and all that is wrong at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from cachi2ish.core.choose.checks import Policy
from cachi2ish.core.targets.machine import Target
from cachi2ish.errors import Cachi2ishError, InputError, leaves
from cachi2ish.lockfiles.interface import Lock
from cachi2ish.lockfiles.readers import LOCK_NAMES
from cachi2ish.services.fetch.input.input_argument import input_of_files, read_input
from cachi2ish.services.fetch.input.input_problems import _ELSEWHERE, OPTIONS
from cachi2ish.services.fetch.input.package_input import (
    PackageInput,
    RequestInput,
    policy_of,
    policy_warnings,
)
from cachi2ish.settings.flags import RUN_SETTINGS
from tests.core.one_project import pin

PIP = RequestInput(packages=(PackageInput(type="pip"),))
LINUX = {"python": "3.12", "platform": "manylinux_2_28_x86_64"}


def package(**keys: object) -> PackageInput:
    (found,) = read_input(json.dumps({"type": "pip", **keys})).packages
    return found


def problems(argument: object) -> list[str]:
    with pytest.raises(Cachi2ishError) as caught:
        read_input(argument if isinstance(argument, str) else json.dumps(argument))
    errors = leaves(caught.value)
    assert all(isinstance(error, InputError) for error in errors)
    return [error.problem for error in errors]


def package_problems(**keys: object) -> list[str]:
    place = "the input, packages[0]"
    found = problems({"type": "pip", **keys})
    assert all(problem.startswith(place) for problem in found)
    return [problem.removeprefix(place) for problem in found]


@pytest.mark.parametrize(
    "argument",
    [
        "pip",
        " pip\n",
        '"pip"',
        '{"type": "pip"}',
        '[{"type": "pip"}]',
        '{"packages": [{"type": "pip"}]}',
        '{"packages": [{"type": "pip"}], "flags": []}',
        '\ufeff{"type": "pip"}',
    ],
)
def test_the_input_has_many_forms_on_the_command_line_and_in_a_file(argument: str, tmp_path: Path) -> None:
    file = tmp_path / "input.json"
    file.write_text(argument, encoding="utf-8")
    assert read_input(argument) == read_input(str(file)) == PIP


def test_a_file_cannot_take_the_place_of_the_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pip").write_text("npm")
    (tmp_path / "other").write_text("pip")
    assert read_input("pip") == read_input("other") == PIP


def test_flags_of_hermeto_are_accepted_and_mean_nothing_here() -> None:
    found = read_input('{"packages": [{"type": "pip"}], "flags": ["cgo-disable", "gomod-vendor"]}')
    assert found.packages == PIP.packages


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xff\xfe", "the file is not UTF-8 text"),
        (b" \n", "the input is empty"),
        (b"{", "{} is not valid JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        (b'{"type": "pip", "type": "pip"}', "{}: the key 'type' stands twice in one JSON object"),
        (b'{"type": "pip", "pth": "."}', "{}, packages[0].pth: unknown key 'pth'"),
    ],
)
def test_a_file_that_is_wrong_is_named(tmp_path: Path, content: bytes, problem: str) -> None:
    file = tmp_path / "input.json"
    file.write_bytes(content)
    assert problems(str(file)) == [problem.format(file)]


def test_a_file_that_is_no_json_at_all_is_perhaps_a_requirements_file_of_another_name(tmp_path: Path) -> None:
    file = tmp_path / "pins"
    file.write_text("apple==1.0\n")
    with pytest.raises(InputError) as caught:
        read_input(str(file))
    assert "with -r" in (caught.value.hint or "")


def test_a_folder_is_no_input_and_what_is_nothing_at_all_is_told_so(tmp_path: Path) -> None:
    for name in ("service", "npm"):
        (tmp_path / name).mkdir()
    for argument in (str(tmp_path), "service", "./service/"):
        with pytest.raises(InputError, match="is a folder") as caught:
            read_input(argument, tmp_path)
        assert "--source" in (caught.value.hint or "")
    with pytest.raises(InputError, match="not npm"):
        read_input("npm", tmp_path)
    assert problems("nowhere.json") == [
        "the input 'nowhere.json' is neither a package type, nor JSON, nor a file that exists"
    ]
    assert problems("") == ["the input is empty"]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    value = {"packages": [{"type": "npm"}, {"type": "pip", "path": 1}, {"path": "."}], "flags": ["odd", 2]}
    assert problems(value) == [
        "cachi2ish prefetches packages of type pip, not npm (the input, packages[0])",
        "the input, flags[0]: 'odd' is not a flag",
        "the input, packages[1].path: 1 is not a folder relative to the source directory, as text",
        "the input, packages[2].type is missing",
        "the input, flags[1]: 2 is not a text",
    ]


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"requirements_files": None}, ".requirements_files is null"),
        (
            {"requirements_files": "a.txt"},
            '.requirements_files: "a.txt" is not a list of file names (an empty list',
        ),
        ({"requirements_build_files": [1]}, ".requirements_build_files[0]: 1 is not a file name, as text"),
        ({"lockfile": None}, ".lockfile is null"),
        ({"allow_binary": "yes"}, '.allow_binary: "yes" is not true or false'),
        ({"index_date": True}, ".index_date: true is not a date such as"),
        ({"index_date_missing": "guess"}, '.index_date_missing: "guess" is not "refuse" or "allow"'),
        ({"index_date_overrides": {"foo": 1}}, ".index_date_overrides.foo: 1 is not a date such as"),
        ({"targets": []}, ': "targets" is empty'),
        ({"wheels": "best"}, ': "wheels" says how to choose for "targets", of which there are none'),
        ({"targets": [LINUX], "allow_binary": True}, ': "targets" and "allow_binary" both say which wheels'),
        ({"targets": [LINUX], "binary": {}}, ': "targets" and "binary" both say which wheels to take'),
        ({"targets": [{"python": "3.12"}]}, ".targets[0].platform is missing"),
        ({"targets": [LINUX | {"python": "312"}]}, ".targets[0].python: '312' is not a version of Python 3"),
        ({"targets": [LINUX | {"platform": "amiga"}]}, ".targets[0].platform: 'amiga' is not the platform tag"),
        ({"targets": [LINUX | {"abi": "cp39"}]}, ".targets[0]: 'cp39' is not an ABI of this Python"),
        ({"targets": [LINUX | {"arch": "x"}]}, ".targets[0].arch: unknown key 'arch'"),
        ({"binary": {"arch": ","}}, ".binary.arch: ',' names nothing"),
        ({"binary": {"py_version": "3.12"}}, ".binary.py_version: '3.12' is not a version of Python as a wheel's"),
        ({"binary": {"py_version": True}}, ".binary.py_version: true is not a number such as 312"),
        ({"binary": {"platform": "("}}, ".binary.platform: '(' is not a regular expression"),
        ({"binary": {"platform": "x", "os": "macos"}}, '.binary: "platform" stands beside "arch" or "os"'),
        ({"binary": {"archs": "x"}}, ".binary.archs: unknown key 'archs'"),
        ({"binary": 1}, ".binary: 1 is not an object such as {}"),
    ],
)
def test_a_key_that_is_wrong_is_told_with_its_place(keys: dict[str, object], problem: str) -> None:
    (found,) = package_problems(**keys)
    assert found.startswith(problem)


def test_without_any_key_sdists_are_taken_alone() -> None:
    assert policy_of(package()) == Policy()
    assert policy_of(package(allow_binary=False)) == Policy()
    assert policy_of(package(allow_binary=True)) == policy_of(package(allow_binary="true")) == Policy(wheels=True)


def test_targets_are_the_machines_to_choose_for_each_of_them_once() -> None:
    target = Target.parse("3.12", "manylinux_2_28_x86_64")
    assert policy_of(package(targets=[LINUX, LINUX | {"implementation": "cp"}])) == Policy(
        wheels=True, targets=(target,)
    )
    free = LINUX | {"python": "3.13", "abi": "cp313t"}
    assert policy_of(package(targets=[free], wheels="all-compatible")) == Policy(
        wheels=True, targets=(Target.parse("3.13", "manylinux_2_28_x86_64", abi="cp313t"),), every_wheel=True
    )


def test_binary_is_stronger_than_allow_binary_and_takes_the_defaults_of_hermeto() -> None:
    policy = policy_of(package(binary={}, allow_binary=False))
    assert policy.wheels
    assert policy.binary is not None
    assert (policy.binary.packages, policy.binary.arch, policy.binary.os) == (
        None,
        frozenset({"x86_64"}),
        frozenset({"linux"}),
    )
    assert (policy.binary.py_version, policy.binary.py_impl, policy.binary.abi) == (None, frozenset({"cp"}), None)


@pytest.mark.parametrize(("value", "version"), [(3, (3,)), (312, (3, 12)), ("312", (3, 12)), (None, None)])
def test_a_version_of_python_is_read_as_wheels_spell_it(value: object, version: tuple[int, ...] | None) -> None:
    policy = policy_of(package(binary={"py_version": value, "packages": "Foo_Bar, baz", "arch": ":all:,x86_64"}))
    assert policy.binary is not None
    assert policy.binary.py_version == version
    assert policy.binary.packages == frozenset({"foo-bar", "baz"})
    assert policy.binary.arch is None


def test_keys_that_a_careful_person_would_look_at_are_warned_of() -> None:
    locks = [Lock("requirements.txt", (pin(), replace(pin(), name="Bar")))]
    odd = package(binary={"packages": "foo,missing", "os": "lunix"}, allow_binary=True)
    both, word, unused = policy_warnings(odd, "here", locks)
    assert both == 'here: "binary" and "allow_binary" are both there: "binary" says which wheels, as in Hermeto'
    assert word.startswith("here.binary.os: ")
    assert "lunix" in word
    assert unused == "here.binary.packages: no pinned requirement is called missing"
    assert not list(policy_warnings(package(allow_binary=True), "here", locks))
    assert not list(policy_warnings(package(binary={"packages": "foo"}), "here", locks))


#: a key that people write, and a part of the hint
ELSEWHERE = [
    ("index_url", "--index-url"),
    ("index-url", "--index-url"),
    ("extra_index_url", "--extra-index-url"),
    ("extra_index_urls", "--extra-index-url"),
    ("trusted_host", "--trusted-host"),
    ("no_binary", "--no-binary name"),
    ("only_binary", "--only-binary name"),
    ("constraints", "write -c"),
    ("platform", '"targets"'),
    ("python_version", '"targets"'),
    ("extra", 'write "extras"'),
    ("offline", "it is an option of fetch-deps: --offline"),
    ("cache-dir", "it is an option of fetch-deps: --cache-dir"),
    ("requirements_file", "did you mean 'requirements_files'?"),
    ("index_dat", "did you mean 'index_date'?"),
    ("colour", "the keys are type, path, "),
]


@pytest.mark.parametrize(("key", "says"), ELSEWHERE)
@pytest.mark.parametrize("outside", [False, True])
def test_a_key_for_what_is_set_elsewhere_is_answered_with_the_place(key: str, says: str, *, outside: bool) -> None:
    package = {"type": "pip", **({} if outside else {key: "x"})}
    with pytest.raises(InputError, match="unknown key") as caught:
        read_input(json.dumps({"packages": [package], key: "x"} if outside else package))
    if not outside or says.startswith(("write", "it is")) or "--" in says:
        assert says in str(caught.value.hint)


def test_each_option_that_is_no_key_is_known_as_one() -> None:
    keys = set(PackageInput.__struct_fields__)
    assert [name for name in RUN_SETTINGS if name not in {*keys, *OPTIONS, *_ELSEWHERE}] == []


def test_a_word_that_is_longer_than_any_file_name_is_a_type_that_is_not_known() -> None:
    (problem,) = problems("pip" * 100)
    assert problem.startswith("cachi2ish prefetches packages of type pip, not pippip")


def test_files_are_one_package_with_their_paths_from_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, folder = tmp_path / "source", tmp_path / "source" / "sub"
    folder.mkdir(parents=True)
    for path in (source / "a.txt", folder / "a.txt", folder / "pylock.toml", tmp_path / "out.txt"):
        path.write_text("")
    monkeypatch.chdir(folder)
    (tmp_path / "link").symlink_to(source)
    (folder / "requirements.txt").write_text("")
    (source / "requirements.txt").write_text("")
    for root in (source, tmp_path / "link", Path("..")):
        for given, found in (("a.txt", "a.txt"), ("sub/a.txt", "sub/a.txt"), (str(folder / "a.txt"), "sub/a.txt")):
            (one,) = input_of_files([given], root).packages
            assert (one.requirements_files, one.lockfile) == ((found,), None)
            assert read_input(given, root).packages == (one,)
    (one,) = input_of_files(["sub/pylock.toml", "a.txt"], source, LOCK_NAMES).packages
    assert (one.requirements_files, one.lockfile) == (("a.txt",), "sub/pylock.toml")
    for bad in (["../../out.txt"], ["nowhere.txt"], ["a\0.txt"], ["sub/pylock.toml", "pylock.toml", "uv.lock"]):
        with pytest.raises(InputError):
            input_of_files(bad, source, LOCK_NAMES)
    with pytest.raises(InputError, match="one lock file, not 2"):
        input_of_files(["sub/pylock.toml", "pylock.toml"], source, LOCK_NAMES)


def test_the_one_file_that_a_package_has_by_default_stands_for_the_package_in_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "services" / "web"
    folder.mkdir(parents=True)
    for path in (folder / "requirements.txt", folder / "pylock.toml", tmp_path / "requirements.txt"):
        path.write_text("")
    said: list[str] = []
    keys = ("path", "requirements_files", "lockfile")
    expected: dict[str, tuple[object, ...]] = {
        "services/web/requirements.txt": ("services/web", None, None),
        "services/web/pylock.toml": ("services/web", None, "pylock.toml"),
        "requirements.txt": (".", ("requirements.txt",), None),
    }
    for file, values in expected.items():
        (one,) = input_of_files([file], tmp_path, LOCK_NAMES, said.append).packages
        assert tuple(getattr(one, key) for key in keys) == values
    (one,) = input_of_files(["requirements.txt", "services/web/requirements.txt"], tmp_path).packages
    assert one.path == "."
    assert said == [
        f"services/web/{name} is taken for the package in services/web, with what lies beside it"
        for name in ("requirements.txt", "pylock.toml")
    ]


def test_a_requirements_file_that_is_not_there_is_looked_for_below_the_source(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_input("nosuch.txt", tmp_path)
    assert caught.value.problem == f"'nosuch.txt' is no file in the source directory {tmp_path}"
    assert "--source" in (caught.value.hint or "")
