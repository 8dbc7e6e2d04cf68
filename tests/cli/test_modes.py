"""Strict and permissive: what becomes a warning, that it is recorded, and what never becomes one."""

from __future__ import annotations

import json

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person
from tests.support.distributions import Dist, make_sdist, pack_tar


def bare(name: str, version: str) -> Dist:
    """An sdist in which nothing tells what it is."""
    return Dist(f"{name}-{version}.tar.gz", pack_tar({f"{name}-{version}/code.py": b""}))


def relaxations(person: Person) -> list[str]:
    document = json.loads((person.output / "bom.json").read_text())
    return [
        one["value"]
        for one in document["metadata"].get("properties", [])
        if one["name"] == "cachi2ish:permissive:relaxation"
    ]


def test_an_sdist_without_metadata_is_let_pass_told_and_recorded(person: Person) -> None:
    person.index.add("pear", bare("pear", "1.0"))
    person.writes("requirements.txt", "pear==1.0\n")

    strict = person.fetches()
    assert strict.code == ExitCode.DISTRIBUTION
    assert not person.output.exists()

    outcome = person.fetches("pip", "--mode", "permissive")
    assert outcome.code == 0, outcome.told
    sentence = "pear-1.0.tar.gz has no PKG-INFO, so nothing shows that it is pear==1.0"
    assert (
        f"warning: permissive mode goes on (sdist-without-metadata): requirements.txt:1: {sentence}" in outcome.err
    )
    assert relaxations(person) == [f"sdist-without-metadata pear-1.0.tar.gz: {sentence}"]
    component = json.loads((person.output / "bom.json").read_text())["components"][0]
    assert (component["name"], component["version"]) == ("pear", "1.0")


def test_metadata_of_the_project_that_cannot_be_read_is_done_without(person: Person) -> None:
    person.index.add("apple", make_sdist("apple", "1.0"))
    person.writes("requirements.txt", "apple==1.0\n")
    person.writes("pyproject.toml", "[project\n")

    assert person.fetches().code == ExitCode.INPUT

    outcome = person.fetches("pip", "--mode", "permissive")
    assert outcome.code == 0, outcome.told
    assert outcome.err.count("permissive mode goes on (project-metadata-unreadable): pyproject.toml") == 1
    (recorded,) = relaxations(person)
    assert recorded.startswith("project-metadata-unreadable .: ")


def test_a_checkout_whose_origin_cannot_be_read_is_done_without(person: Person) -> None:
    person.index.add("apple", make_sdist("apple", "1.0"))
    person.writes("requirements.txt", "apple==1.0\n")
    person.writes(".git/HEAD", "ref: refs/heads/main\n")
    person.writes(".git/config", "[remote\n")
    for folder in ("objects", "refs"):
        person.writes(f".git/{folder}/keep", "")

    assert person.fetches().code == ExitCode.GIT

    outcome = person.fetches("pip", "--mode", "permissive")
    assert outcome.code == 0, outcome.told
    assert [one.split(":")[0] for one in relaxations(person)] == ["git-origin-unreadable ."]


def test_strict_mode_and_a_clean_permissive_run_record_nothing(person: Person) -> None:
    person.index.add("apple", make_sdist("apple", "1.0"))
    person.writes("requirements.txt", "apple==1.0\n")
    assert person.fetches("pip", "--mode=STRICT").code == 0
    strict = (person.output / "bom.json").read_bytes()
    assert person.fetches("pip", "--mode=permissive").code == 0
    assert relaxations(person) == []
    assert (person.output / "bom.json").read_bytes() == strict


@pytest.mark.parametrize("case", ["digest", "other version", "not pinned"])
def test_what_is_wrong_is_wrong_in_permissive_mode_too(person: Person, case: str) -> None:
    line, code = "apple==1.0\n", ExitCode.DISTRIBUTION
    dist = make_sdist("apple", "1.0")
    if case == "digest":
        line, code = f"apple==1.0 --hash=sha256:{'0' * 64}\n", ExitCode.UNAVAILABLE
        person.index.add("apple", dist, digests=())
        code = ExitCode.DIGEST
    elif case == "other version":
        person.index.add("apple", Dist("apple-1.0.tar.gz", make_sdist("apple", "2.0").content))
    else:
        line, code = "apple\n", ExitCode.LOCKFILE
    person.writes("requirements.txt", line)

    assert person.fetches("pip", "--mode", "permissive").code == code
    assert not person.output.exists()


def test_the_mode_is_an_option_before_or_behind_and_a_variable_that_is_weaker(person: Person) -> None:
    person.index.add("pear", bare("pear", "1.0"))
    person.writes("requirements.txt", "pear==1.0\n")
    words = ("fetch-deps", "--source", person.source, "--output", person.output, "pip")
    assert person.runs("--mode", "permissive", *words).code == 0
    assert person.runs("--mode", "permissive", *words, "--mode", "strict").code == ExitCode.DISTRIBUTION
    person.environ["CACHI2ISH_MODE"] = "permissive"
    assert person.runs(*words).code == 0
    assert person.runs("--mode", "strict", *words).code == ExitCode.DISTRIBUTION
    assert person.runs(*words, "--mode", "strict").code == ExitCode.DISTRIBUTION
    person.environ["CACHI2ISH_MODE"] = "lax"
    refused = person.runs(*words)
    assert refused.code == ExitCode.USAGE
    assert "'lax' is not one of strict, permissive" in refused.err


def test_a_variable_for_the_level_is_weaker_than_an_option_before_the_command(person: Person) -> None:
    person.writes("requirements.txt", "")
    person.environ["CACHI2ISH_LOG_LEVEL"] = "error"
    words = ("fetch-deps", "--source", person.source, "--output", person.output, "--dev-package-managers", "pip")
    assert person.runs(*words).err == ""
    assert "debug: " in person.runs("--log-level", "debug", *words).err
    assert "debug: " in person.runs(*words, "--log-level", "debug").err


def test_a_file_named_before_the_command_is_stronger_than_the_variable(person: Person) -> None:
    person.writes("requirements.txt", "")
    file = person.writes("bad.toml", "concurency = 3\n")
    person.environ["CACHI2ISH_CONFIG_FILE"] = str(file)
    words = ("fetch-deps", "--source", person.source, "--output", person.output, "pip")
    assert person.runs(*words).code == ExitCode.INPUT
    assert person.runs("--config-file", "/dev/null", *words).code == 0
    assert person.runs(*words, "--config-file", "/dev/null").code == 0


def test_options_of_a_command_that_nobody_knows_are_refused_wherever_they_stand(person: Person) -> None:
    outcome = person.runs("--sauce", person.source, "fetch-deps", "pip")
    assert outcome.code == ExitCode.USAGE
    assert "No such option: --sauce" in outcome.err
    assert person.runs("--output").code == ExitCode.USAGE
    assert person.runs("--mode", "strict").code == ExitCode.USAGE
