"""``fetch-deps`` from the outside: what a person gives, and what is there afterwards."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person, tree
from tests.support.distributions import make_sdist, make_wheel, sdist_files
from tests.support.index_server import Fault


def bom(person: Person) -> dict[str, object]:
    document = json.loads((person.output / "bom.json").read_text())
    return {component["name"]: component for component in document["components"]}


def properties(component: object) -> set[tuple[str, str]]:
    assert isinstance(component, dict)
    return {(one["name"], one["value"]) for one in component["properties"]}


def test_a_pinned_requirement_becomes_its_sdist(person: Person) -> None:
    person.index.add("apple", make_sdist("apple", "1.0"))
    person.index.add("apple", make_wheel("apple", "1.0"))
    person.index.add("apple", make_sdist("apple", "2.0"))
    person.writes("requirements.txt", "apple==1.0\n")

    outcome = person.fetches()

    assert outcome.code == 0, outcome.told
    assert person.deps() == ["apple-1.0.tar.gz"]
    assert "1 file, " in outcome.err


def test_wheels_come_too_where_they_are_allowed(person: Person) -> None:
    for dist in (
        make_sdist("apple", "1.0"),
        make_wheel("apple", "1.0"),
        make_wheel("apple", "1.0", "cp312-abi3-win32"),
    ):
        person.index.add("apple", dist)
    person.writes("requirements.txt", "apple==1.0\n")

    assert person.fetches('{"type": "pip", "allow_binary": "true"}').code == 0

    assert person.deps() == ["apple-1.0-cp312-abi3-win32.whl", "apple-1.0-py3-none-any.whl", "apple-1.0.tar.gz"]
    assert ("cachi2ish:pip:package:binary", "true") in properties(bom(person)["apple"])


def test_build_requirements_are_marked_unless_they_are_needed_at_run_time_too(person: Person) -> None:
    for name in ("apple", "banana"):
        person.index.add(name, make_sdist(name, "1.0"))
    person.writes("requirements.txt", "apple==1.0\n")
    person.writes("requirements-build.txt", "apple==1.0\nbanana==1.0\n")

    assert person.fetches().code == 0

    marked = ("cachi2ish:pip:package:build-dependency", "true")
    assert marked in properties(bom(person)["banana"])
    assert marked not in properties(bom(person)["apple"])


def test_the_version_in_the_bill_of_materials_is_the_files_own(person: Person) -> None:
    person.index.add("apple", make_sdist("apple", "1.0"))
    person.writes("requirements.txt", "Apple==1.0.0\n")

    assert person.fetches().code == 0

    component = bom(person)["apple"]
    assert isinstance(component, dict)
    assert component["version"] == "1.0"
    assert component["purl"].startswith("pkg:pypi/apple@1.0?repository_url=")
    assert ("cachi2ish:missing_hash:in_file", "requirements.txt") in properties(component)


def test_a_second_run_asks_nothing_and_gives_the_same_bytes(person: Person) -> None:
    dist = make_sdist("apple", "1.0")
    person.index.add("apple", dist)
    person.writes("requirements.txt", f"apple==1.0 {dist.hash_option()}\n")
    assert person.fetches().code == 0
    first = tree(person.output)
    person.index.forget_requests()

    outcome = person.fetches()

    assert outcome.code == 0
    assert person.index.requests == ()
    assert tree(person.output) == first


def test_runs_with_cache_without_cache_and_with_an_empty_one_give_the_same_bytes(
    person: Person, tmp_path: Path
) -> None:
    for dist in (make_sdist("apple", "1.0"), make_wheel("apple", "1.0")):
        person.index.add("apple", dist)
    person.writes("requirements.txt", "apple==1.0\n")
    allow = '{"type": "pip", "allow_binary": true}'
    trees = []
    for options in ((), (), ("--no-cache",), ("--cache-dir", tmp_path / "empty")):
        assert person.fetches(allow, *options).code == 0
        trees.append(tree(person.output))
    assert trees[0] == trees[1] == trees[2] == trees[3]


def test_the_page_of_a_project_is_asked_for_once_though_two_files_pin_it(person: Person) -> None:
    for version in ("1.0", "2.0"):
        person.index.add("apple", make_sdist("apple", version))
    person.writes("requirements.txt", "apple==1.0\n")
    person.writes("requirements-build.txt", "apple==2.0\n")

    assert person.fetches().code == 0

    assert [path for path in person.index.paths if path.startswith("/simple/")] == ["/simple/apple/"]
    assert person.deps() == ["apple-1.0.tar.gz", "apple-2.0.tar.gz"]


def test_a_tampered_file_is_an_error_of_its_own_and_leaves_the_earlier_output(person: Person) -> None:
    good = make_sdist("apple", "1.0")
    person.index.add("apple", good)
    person.writes("requirements.txt", f"apple==1.0 {good.hash_option()}\n")
    assert person.fetches().code == 0
    before = tree(person.output)
    path = next(path for path in person.index.paths if path.endswith("apple-1.0.tar.gz"))
    person.index.script(path, [Fault.wrong_bytes()] * 3)

    outcome = person.fetches("pip", "--no-cache")

    assert outcome.code == ExitCode.DIGEST
    assert "requirements.txt:1" in outcome.err
    assert tree(person.output) == before


def test_a_tampered_file_leaves_no_output_where_there_was_none(person: Person) -> None:
    good = make_sdist("apple", "1.0")
    person.index.add("apple", good)
    person.writes("requirements.txt", f"apple==1.0 {good.hash_option()}\n")
    person.index.script(f"/files/{good.filename}", [Fault.wrong_bytes()] * 3)

    assert person.fetches().code == ExitCode.DIGEST
    assert not person.output.exists()


def test_an_sdist_that_says_it_is_another_is_refused(person: Person) -> None:
    impostor = make_sdist("apple", "1.0", files=sdist_files("pear", "1.0"))
    older = make_sdist("fig", "2.0", files=sdist_files("fig", "1.9"))
    person.index.add("apple", impostor)
    person.index.add("fig", older)
    person.writes("requirements.txt", "apple==1.0\nfig==2.0\n")

    outcome = person.fetches()

    assert outcome.code == ExitCode.DISTRIBUTION
    assert "requirements.txt:1: apple-1.0.tar.gz says that it is pear" in outcome.err
    assert "requirements.txt:2: fig-2.0.tar.gz says that it is version 1.9" in outcome.err


def test_the_first_index_that_has_the_project_wins(person: Person) -> None:
    private = make_sdist("apple", "1.0")
    person.index.add("apple", private)
    public = make_sdist("apple", "1.0", padding=10)
    with type(person.index)() as extra:
        extra.add("apple", public)
        extra.add("banana", make_sdist("banana", "1.0"))
        person.writes("requirements.txt", f"--extra-index-url {extra.index_url}\napple==1.0\nbanana==1.0\n")
        assert person.fetches().code == 0
    assert (person.output / "deps/pip/apple-1.0.tar.gz").read_bytes() == private.content
    assert person.deps() == ["apple-1.0.tar.gz", "banana-1.0.tar.gz"]


def test_an_index_that_fails_does_not_let_the_next_one_answer(person: Person) -> None:
    with type(person.index)() as extra:
        extra.add("apple", make_sdist("apple", "1.0"))
        person.writes("requirements.txt", f"--extra-index-url {extra.index_url}\napple==1.0\n")
        person.index.script("/simple/apple/", [Fault.status(403)] * 9)
        outcome = person.fetches()
        assert extra.requests == ()
    assert outcome.code == ExitCode.UNAVAILABLE


def test_credentials_of_the_index_reach_neither_output_nor_messages(person: Person) -> None:
    with type(person.index)(credentials=("user", "s3cret")) as private:
        private.add("apple", make_sdist("apple", "1.0"))
        person.environ["PIP_INDEX_URL"] = private.index_url_with_credentials
        person.writes("requirements.txt", "apple==1.0\n")
        outcome = person.fetches("pip", "--log-level", "debug")
    assert outcome.code == 0, outcome.told
    written = b"".join([*tree(person.output).values(), *tree(person.home).values()])
    assert b"s3cret" not in written
    assert "s3cret" not in outcome.told


def test_a_yanked_file_is_taken_with_a_warning(person: Person) -> None:
    person.index.add("apple", make_sdist("apple", "1.0"), yanked="bad seeds")
    person.writes("requirements.txt", "apple==1.0\n")

    outcome = person.fetches()

    assert outcome.code == 0
    assert "warning: requirements.txt:1: apple-1.0.tar.gz is yanked today: bad seeds" in outcome.err


def test_a_file_without_any_digest_is_told_to_be_unverified(person: Person) -> None:
    person.index.add("apple", make_sdist("apple", "1.0"), digests=())
    person.writes("requirements.txt", "apple==1.0\n")

    outcome = person.fetches()

    assert outcome.code == 0
    assert "apple-1.0.tar.gz is unverified" in outcome.err
    assert ("cachi2ish:pip:package:unverified", "apple-1.0.tar.gz") in properties(bom(person)["apple"])


@pytest.mark.parametrize("algorithm", ["sha512", "SHA512", "sha384", "sha3_256", "blake2b"])
def test_a_hash_of_another_algorithm_than_the_indexs_is_proved_by_the_file(person: Person, algorithm: str) -> None:
    dist = make_sdist("apple", "1.0")
    person.index.add("apple", dist)
    person.writes("requirements.txt", f"apple==1.0 {dist.hash_option(algorithm).replace('sha512', algorithm)}\n")
    assert person.fetches().code == 0
    person.writes("requirements.txt", f"apple==1.0 {make_sdist('apple', '2.0').hash_option(algorithm)}\n")
    assert person.fetches().code == ExitCode.DIGEST


def test_wheels_that_the_lock_does_not_name_are_left_though_only_their_bytes_can_tell(person: Person) -> None:
    sdist, wheel = make_sdist("apple", "1.0"), make_wheel("apple", "1.0")
    for dist in (sdist, wheel):
        person.index.add("apple", dist)
    person.writes("requirements.txt", f"apple==1.0 {sdist.hash_option('sha512')}\n")
    outcome = person.fetches('{"type": "pip", "allow_binary": true}')
    assert outcome.code == 0, outcome.told
    assert person.deps() == [sdist.filename]


def test_an_index_that_is_busy_once_is_asked_again(person: Person) -> None:
    dist = make_sdist("apple", "1.0")
    person.index.add("apple", dist)
    person.index.script("/simple/apple/", [Fault.status(503, retry_after="0")])
    person.index.script(f"/files/{dist.filename}", [Fault.status(429, retry_after="0")])
    person.writes("requirements.txt", "apple==1.0\n")

    assert person.fetches().code == 0


def test_all_that_is_wrong_is_told_at_once(person: Person) -> None:
    person.index.add("apple", make_sdist("apple", "1.0"))
    person.writes("requirements.txt", "apple==9.0\npear==1.0\nplum==1.0\n")

    outcome = person.fetches()

    assert outcome.code == ExitCode.UNAVAILABLE
    for line in (1, 2, 3):
        assert f"error: requirements.txt:{line}: " in outcome.err
    assert "3 errors" in outcome.err


def test_a_dry_run_prints_the_plan_and_writes_nothing(person: Person) -> None:
    person.index.add("apple", make_sdist("apple", "1.0"))
    person.index.add("apple", make_wheel("apple", "1.0"))
    person.writes("requirements.txt", "apple==1.0\n")

    outcome = person.fetches("pip", "--dry-run")

    assert outcome.code == 0
    assert "fetch apple-1.0.tar.gz" in outcome.out
    assert "leave apple-1.0-py3-none-any.whl: wheels are not allowed" in outcome.out
    assert not person.output.exists()
    assert tree(person.home) == {}
    assert not any(path.startswith("/files/") for path in person.index.paths)


def test_the_same_package_may_be_given_twice_with_different_files(person: Person) -> None:
    for name in ("apple", "banana"):
        person.index.add(name, make_sdist(name, "1.0"))
    person.writes("a.txt", "apple==1.0\n")
    person.writes("b.txt", "banana==1.0\n")
    packages = [{"type": "pip", "requirements_files": [file]} for file in ("a.txt", "b.txt")]

    assert person.fetches(json.dumps(packages)).code == 0

    assert person.deps() == ["apple-1.0.tar.gz", "banana-1.0.tar.gz"]


def test_a_package_in_a_folder_reads_the_files_of_that_folder(person: Person) -> None:
    person.index.add("apple", make_sdist("apple", "1.0"))
    person.writes("services/api/requirements.txt", "apple==1.0\n")
    person.writes("services/api/pyproject.toml", '[project]\nname = "api"\nversion = "3"\n')

    assert person.fetches('{"type": "pip", "path": "services/api"}').code == 0

    assert person.deps() == ["apple-1.0.tar.gz"]
    document = json.loads((person.output / "bom.json").read_text())
    assert any(one["name"] == "api" and one["version"] == "3" for one in document["components"])


def test_several_versions_of_a_build_backend_come_together(person: Person) -> None:
    for version in ("1.0", "2.0"):
        person.index.add("apple", make_sdist("apple", version))
    person.writes("requirements-build.txt", "apple==1.0\napple==2.0\napple==2.0.0\n")
    outcome = person.fetches()
    assert outcome.code == 0, outcome.told
    assert person.deps() == ["apple-1.0.tar.gz", "apple-2.0.tar.gz"]


@pytest.mark.parametrize("asked", ["[]", '{"packages": []}', '{"packages": [], "flags": ["gomod-vendor"]}'])
def test_an_input_without_packages_is_refused_with_the_way_to_allow_it(person: Person, asked: str) -> None:
    outcome = person.fetches(asked)
    assert outcome.code == ExitCode.INPUT
    assert "the input lists no package" in outcome.err
    assert "--allow-empty" in outcome.err
    assert not person.output.exists()


def test_an_empty_list_of_packages_gives_an_empty_output_where_that_is_allowed(person: Person) -> None:
    outcome = person.fetches('{"packages": []}', "--allow-empty")
    assert outcome.code == 0
    assert sorted(tree(person.output)) == [".build-config.json", "bom.json"]


@pytest.mark.parametrize("text", [None, "", "# nothing yet\n", "apple==1.0 ; python_version < '3'\n"])
def test_an_output_with_files_is_not_replaced_by_one_without(person: Person, text: str | None) -> None:
    person.index.add("apple", make_sdist("apple", "1.0"))
    person.writes("requirements.txt", "apple==1.0\n")
    assert person.fetches().code == 0
    before = tree(person.output)
    (person.source / "requirements.txt").unlink()
    if text is not None:
        person.writes("requirements.txt", text)
    targets = '{"type": "pip", "targets": [{"python": "3.12", "platform": "manylinux_2_28_x86_64"}]}'

    refused = person.fetches(targets if text and "python_version" in text else "pip")

    assert refused.code == ExitCode.INPUT, refused.told
    assert f"the output {person.output} has files" in refused.err
    assert "--allow-empty" in refused.err
    assert tree(person.output) == before
    assert person.fetches("pip", "--allow-empty").code == 0 or text
    if not text:
        assert person.deps() == []


def test_where_there_is_no_output_yet_one_without_files_is_made(person: Person) -> None:
    person.writes("requirements.txt", "")
    for _ in range(2):  # in its own place, too
        outcome = person.fetches()
        assert outcome.code == 0
        assert "warning: nothing is to be fetched" in outcome.err


def test_the_source_is_only_read(person: Person) -> None:
    person.index.add("apple", make_sdist("apple", "1.0"))
    person.writes("requirements.txt", "apple==1.0\n")
    before = tree(person.source)
    assert person.fetches().code == 0
    assert tree(person.source) == before


def test_it_is_said_in_one_line_how_many_pins_the_index_alone_vouches_for(person: Person) -> None:
    apple = make_sdist("apple", "1.0")
    for name in ("banana", "cherry"):
        person.index.add(name, make_sdist(name, "1.0"))
    person.index.add("apple", apple)
    person.writes("requirements.txt", f"apple==1.0 {apple.hash_option()}\n")
    assert "hash" not in person.fetches().err
    person.writes("requirements.txt", "apple==1.0\n")
    assert "1 of 1 pin has no hash: the index is trusted for it\n" in person.fetches().err
    person.writes("requirements.txt", f"apple==1.0 {apple.hash_option()}\n")
    person.writes("requirements-build.txt", "banana==1.0\n")
    assert "1 of 2 pins has no hash: the index is trusted for it\n" in person.fetches().err
    person.writes("requirements-build.txt", "banana==1.0\ncherry==1.0\n")
    for options in ((), ("--dry-run",)):
        told = person.fetches("pip", *options).err
        assert told.count("2 of 3 pins have no hash: the index is trusted for them\n") == 1
    assert "hash" not in person.fetches("pip", "--log-level", "warning").err


def test_only_binary_and_no_binary_decide_what_is_taken(person: Person) -> None:
    for name in ("apple", "banana"):
        person.index.add(name, make_sdist(name, "1.0"))
        person.index.add(name, make_wheel(name, "1.0"))
    person.writes("requirements.txt", "--only-binary apple\n--no-binary banana\napple==1.0\nbanana==1.0\n")

    assert person.fetches('{"type": "pip", "allow_binary": true}').code == 0
    assert person.deps() == ["apple-1.0-py3-none-any.whl", "banana-1.0.tar.gz"]

    outcome = person.fetches()
    assert outcome.code == ExitCode.UNAVAILABLE
    assert "--only-binary" in outcome.err


def test_a_file_name_that_leaves_the_directory_is_refused(person: Person) -> None:
    dist = make_sdist("apple", "1.0")
    hostile = "../apple-1.0.tar.gz"
    page = {
        "meta": {"api-version": "1.1"},
        "name": "apple",
        "files": [{"filename": hostile, "url": "/files/x", "hashes": {"sha256": dist.sha256}}],
    }
    person.index.serve_page("/simple/apple/", json.dumps(page).encode(), "application/vnd.pypi.simple.v1+json")
    person.writes("requirements.txt", "apple==1.0\n")

    assert person.fetches().code == ExitCode.UNAVAILABLE
    assert not person.output.exists()


@pytest.mark.parametrize(
    "words",
    [
        ["requirements.txt"],
        ["-r", "requirements.txt"],
        ["--requirement=requirements.txt", "-r", "requirements.txt"],
        ["-r", "{source}/requirements.txt"],
        ["{source}/requirements.txt"],
    ],
)
def test_a_requirements_file_is_an_input_of_one_package(person: Person, words: list[str]) -> None:
    apple, fig = make_sdist("apple", "1.0"), make_sdist("fig", "1.0")
    person.index.add("apple", apple)
    person.index.add("fig", fig)
    person.writes("requirements.txt", f"apple==1.0 {apple.hash_option()}\n")
    person.writes("requirements-build.txt", f"fig==1.0 {fig.hash_option()}\n")
    assert person.fetches('{"type": "pip", "requirements_files": ["requirements.txt"]}').code == 0
    expected = tree(person.output)
    shutil.rmtree(person.output)

    given = [word.format(source=person.source) for word in words]
    done = person.runs("fetch-deps", "--source", person.source, "--output", person.output, *given)

    assert done.code == 0, done.told
    assert tree(person.output) == expected


def test_several_requirements_files_are_one_package(person: Person) -> None:
    for name in ("apple", "fig"):
        person.index.add(name, make_sdist(name, "1.0"))
        person.writes(f"{name}.txt", f"{name}==1.0\n")
    given = ("-r", "apple.txt", "-r", "fig.txt")
    done = person.runs("fetch-deps", "--source", person.source, "--output", person.output, *given)
    assert done.code == 0, done.told
    assert person.deps() == ["apple-1.0.tar.gz", "fig-1.0.tar.gz"]


def test_a_text_file_that_holds_an_input_is_read_as_one(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(person.home)
    person.index.add("apple", make_sdist("apple", "1.0"))
    person.writes("requirements.txt", "apple==1.0\n")
    for content in ('{"type": "pip"}', "pip\n", '[{"type": "pip"}]'):
        (person.home / "input.txt").write_text(content)
        done = person.fetches("input.txt")
        assert done.code == 0, done.told
