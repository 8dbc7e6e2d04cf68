"""Options stand anywhere: before the command's name, behind it, and behind its argument."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person

#: For each command, words that it understands; none of them needs a network.
COMMANDS = {
    "generate-env": ("generate-env", "OUT", "--format", "env"),
    "inject-files": ("inject-files", "OUT", "--for-output-dir=/tmp/out"),
    "merge-sboms": ("merge-sboms", "OUT/bom.json", "OUT/second.json"),
    "cache path": ("cache", "path"),
    "cache prune": ("cache", "prune", "--older-than", "3 days"),
}


@pytest.fixture
def fetched(person: Person) -> Person:
    person.writes("requirements.txt", "")
    assert person.fetches().code == 0
    (person.output / "second.json").write_bytes((person.output / "bom.json").read_bytes())
    return person


def words_of(person: Person, command: str) -> list[str]:
    return [word.replace("OUT", str(person.output)) for word in COMMANDS[command]]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "options", [("--mode", "strict"), ("--mode=strict",), ("--config-file", "/dev/null"), ("--log-level=error",)]
)
def test_options_of_the_program_stand_anywhere(fetched: Person, command: str, options: tuple[str, ...]) -> None:
    words = words_of(fetched, command)
    expected = fetched.runs(*words)
    assert expected.code == 0, expected.told
    value_places = {number + 1 for number, word in enumerate(words) if word in {"--format", "--older-than"}}
    for place in range(len(words) + 1):
        if place not in value_places:
            done = fetched.runs(*words[:place], *options, *words[place:])
            assert (done.code, done.out) == (0, expected.out), (place, done.told)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_value_is_refused_wherever_it_stands(fetched: Person, command: str) -> None:
    words = words_of(fetched, command)
    for done in (fetched.runs("--mode", "lax", *words), fetched.runs(*words, "--mode", "lax")):
        assert done.code == ExitCode.USAGE
        assert "'lax' is not one of strict, permissive" in done.err


def test_the_version_may_be_asked_for_behind_a_command(person: Person) -> None:
    assert person.runs("fetch-deps", "--version").out == person.runs("--version").out


def test_options_of_a_command_in_a_group_stand_before_the_group(person: Person, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for words in (
        ("--older-than", "3 days", "--cache-dir", str(cache), "cache", "prune"),
        ("cache", "--older-than=3 days", "--dry-run", "prune", "--cache-dir", str(cache)),
        ("--dry-run", "cache", "--cache-dir", str(cache), "prune", "--older-than", "3 days"),
    ):
        done = person.runs(*words)
        assert done.code == 0, (words, done.told)


def test_what_follows_two_hyphens_is_no_option(person: Person) -> None:
    done = person.runs("generate-env", "--", "--mode")
    assert done.code == ExitCode.INPUT
    assert "--mode is no output of fetch-deps" in done.err
    done = person.runs("merge-sboms", "--", "--mode", "strict")
    assert "--mode does not exist" in done.err


def test_a_value_that_looks_like_an_option_is_a_value(fetched: Person) -> None:
    done = fetched.runs("generate-env", fetched.output, "--for-output-dir", "--mode", "-f", "env")
    assert done.code == 0
    assert "/--mode/deps/pip" in done.out


@pytest.mark.parametrize(
    "words",
    [
        ("--source", ".", "--typo", "fetch-deps", "pip"),
        ("fetch-deps", "pip", "--mode", "strict", "--typo"),
        ("generate-env", "--mode", "strict", "--typo", "out"),
        ("--mode", "strict", "cache", "--typo", "path"),
        ("cache", "path", "--mode", "strict", "--typo"),
    ],
)
def test_the_option_that_is_complained_of_is_the_one_that_nobody_knows(
    person: Person, words: tuple[str, ...]
) -> None:
    done = person.runs(*words)
    assert done.code == ExitCode.USAGE
    assert "No such option: --typo" in done.err


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("fetch-deps", "--sorce", "x", "pip"), "--source"),
        (("fetch-deps", "--indx-date", "2024-01-01", "pip"), "--index-date"),
        (("fetch-deps", "--requirements", "x"), "--requirement"),
        (("verify", "out", "--taret", "x"), "--target"),
        (("mirror", "serve", "--prt", "1"), "--port"),
        (("--mod", "strict", "fetch-deps"), "--mode"),
    ],
)
def test_of_the_options_that_are_like_a_mistyped_one_the_likeliest_is_named(
    person: Person, words: tuple[str, ...], meant: str
) -> None:
    told = person.runs(*words).err
    assert re.findall(r"--[a-z-]+", told.partition("No such option")[2])[1:] == [meant]


def test_help_behind_a_command_is_that_of_the_command(person: Person) -> None:
    for words in (("--mode", "strict", "generate-env", "-h"), ("generate-env", "--mode=strict", "--help")):
        assert "Usage: cachi2ish generate-env" in person.runs(*words).out
    assert "Usage: cachi2ish cache path" in person.runs("cache", "path", "--help").out
    assert "Usage: cachi2ish cache [OPTIONS]" in person.runs("cache", "--help").out


def test_what_stands_behind_a_command_is_stronger(person: Person) -> None:
    done = person.runs("--log-level=error", "generate-env", "nowhere", "--log-level=debug", "--mode=strict")
    assert done.code == ExitCode.INPUT
    assert person.runs("cache", "prune", "--log-level", "info", "--mode", "strict").err
    assert person.runs("--log-level", "info", "cache", "prune", "--log-level", "error").err == ""


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nosuch", "--help"), "No such command 'nosuch'."),
        (("fetchdeps", "--help"), "No such command 'fetchdeps'. Did you mean 'fetch-deps'?"),
        (("--help", "fetchdeps"), ""),  # the help that was wanted
        (("--mode", "strict", "nosuch", "-h"), "No such command 'nosuch'."),
        (("cache", "verfy", "--help"), "No such command 'verfy'. Did you mean 'verify'?"),
    ],
)
def test_a_command_that_does_not_exist_has_no_help(person: Person, words: tuple[str, ...], says: str) -> None:
    done = person.runs(*words)
    assert done.code == (ExitCode.USAGE if says else 0)
    assert says in done.err
    assert bool(done.out) == (not says)


def test_a_word_too_many_is_refused_and_json_without_quotation_marks_told_how_to_have_them(person: Person) -> None:
    for words, says in (
        (["{type:", "pip}"], "(pip}); put JSON between single quotes"),
        (["pip", "x", "y"], "(x y)\n"),
    ):
        done = person.runs("fetch-deps", *words)
        assert done.code == ExitCode.USAGE
        assert f"unexpected extra argument(s) {says}" in done.err
