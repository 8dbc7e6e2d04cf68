"""What an option cannot have is refused in one way: exit status 2, the value, and what was probably meant."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person

UNKNOWN = {
    "CACHI2ISH_CACHEDIR": "did you mean 'CACHI2ISH_CACHE_DIR'?",
    "CACHI2ISH_MIRROR_FILE": "did you mean 'CACHI2ISH_MIRROR_FILES'?",
    "CACHI2ISH_mode": "did you mean 'CACHI2ISH_MODE'?",
    "CACHI2ISH_NO_CACHE": "there is an option for it alone: --no-cache",
    "CACHI2ISH_UNHEARD_OF": "the reference lists all",
    "CACHI2ISH_MIRROR_PORTAL": "did you mean 'CACHI2ISH_MIRROR_PORT'?",
    "CACHI2ISH_MIRROR_PORT_8417": "did you mean 'CACHI2ISH_MIRROR_PORT'?",
    "CACHI2ISH_SUPPORT": "the reference lists all",
}

#: Of others, and what Kubernetes sets for Services called cachi2ish, cachi2ish-mirror, and cachi2ish-service.
FOREIGN = (
    "CACHI2ISH_SERVICE_HOST",
    "CACHI2ISH_SERVICE_PORT",
    "CACHI2ISH_SERVICE_PORT_HTTP",
    "CACHI2ISH_PORT",
    "CACHI2ISH_PORT_80_TCP",
    "CACHI2ISH_PORT_80_TCP_PROTO",
    "CACHI2ISH_SERVICE_SERVICE_HOST",
    "CACHI2ISH_SERVICE_PORT_443_TCP_ADDR",
    "CACHI2ISH_MIRROR_SERVICE_HOST",
    "CACHI2ISH_MIRROR_SERVICE_PORT_HTTP",
    "CACHI2ISH_MIRROR_PORT_8417_TCP_ADDR",
    "MY_CACHI2ISH_MODE",
    "CACHI2ISH",
)


def test_a_variable_that_is_misspelled_is_named_by_every_command_and_changes_nothing(person: Person) -> None:
    person.environ.update(dict.fromkeys((*UNKNOWN, *FOREIGN), "hidden-7"))
    for command in (("cache", "path"), ("generate-env", "out"), ("mirror", "status", "--directory", "nowhere")):
        told = person.runs(*command).err.splitlines()
        warnings = [line for line in told if line.startswith("warning: unknown variable ")]
        assert sorted(warnings) == sorted(
            f"warning: unknown variable {name}: {hint}" for name, hint in UNKNOWN.items()
        )
        assert "hidden-7" not in "".join(told)
    assert person.runs("cache", "path", "--log-level", "error").err == ""
    assert person.runs("--version").err == ""


@dataclass(frozen=True)
class Refused:
    """A command line, and what must be told. variables: of the environment."""

    words: tuple[str, ...]
    says: tuple[str, ...]
    variables: dict[str, str] = field(default_factory=dict)


FETCH = ("fetch-deps", "pip")

REFUSED = {
    "level": Refused(("--log-level", "inof", *FETCH), ("--log-level", "'inof'", "did you mean 'info'?")),
    "level behind": Refused((*FETCH, "--log-level", "inof"), ("--log-level", "'inof'", "did you mean 'info'?")),
    "no level": Refused(("--log-level", "", *FETCH), ("--log-level", "it is empty; is a variable not set?")),
    "mode": Refused((*FETCH, "--mode", "stric"), ("--mode", "'stric'", "did you mean 'strict'?")),
    "mode of another command": Refused(
        ("cache", "path", "--mode", "stric"), ("'stric'", "did you mean 'strict'?")
    ),
    "mode in a variable": Refused(FETCH, ("CACHI2ISH_MODE", "'lax' is not one of"), {"CACHI2ISH_MODE": "lax"}),
    "kind": Refused(
        (*FETCH, "--sbom-output-type", "spdx3"),
        ("--sbom-output-type", "'spdx3' is not one of cyclonedx, spdx", "did you mean 'spdx'?"),
    ),
    "keyring as pip imports it": Refused(
        (*FETCH, "--keyring-provider", "import"),
        ("'import' is not one of disabled, subprocess", "write subprocess: the program keyring is asked"),
    ),
    "keyring as pip guesses": Refused(
        (*FETCH, "--keyring-provider", "auto"),
        ("'auto' is not one of", "write subprocess where", "leave the option out"),
    ),
    "format": Refused(
        ("generate-env", ".", "--format", "docker"),
        ("'docker' is not one of env, sh, json, dockerfile, github", "did you mean 'dockerfile'?"),
    ),
    "format of info": Refused(("cache", "info", "--format", "jsno"), ("'jsno'", "text, json", "mean 'json'?")),
    "concurrency": Refused((*FETCH, "--concurrency", "many"), ("'many' is not a whole number from 1 to 256",)),
    "no concurrency": Refused((*FETCH, "--concurrency", "0"), ("'0' is not a whole number from 1 to 256",)),
    "too much": Refused((*FETCH, "--concurrency", "257"), ("'257' is not a whole number from 1 to 256",)),
    "concurrency in a variable": Refused(
        FETCH, ("CACHI2ISH_CONCURRENCY", "'1.5'"), {"CACHI2ISH_CONCURRENCY": "1.5"}
    ),
    "offline": Refused(
        FETCH, ("CACHI2ISH_OFFLINE", "'perhaps' is neither true nor false"), {"CACHI2ISH_OFFLINE": "perhaps"}
    ),
    "index": Refused((*FETCH, "--index-url", "host"), ("--index-url", "'host'", "https://host/simple/")),
    "no index": Refused((*FETCH, "--index-url", ""), ("--index-url", "''", "https://host/simple/")),
    "index in a variable": Refused(FETCH, ("--index-url", "'host'"), {"CACHI2ISH_INDEX_URL": "host"}),
    "other index": Refused((*FETCH, "--extra-index-url", "host"), ("--extra-index-url", "'host'")),
    "date": Refused((*FETCH, "--index-date", "yesterdy"), ("--index-date: 'yesterdy'", "2024-10-01")),
    "missing times": Refused(
        (*FETCH, "--index-date-missing", "alow"), ("--index-date-missing: 'alow'", "did you mean 'allow'?")
    ),
    "missing times of an index": Refused(
        (*FETCH, "--index-date-missing", "host=allow"), ("--index-date-missing: 'host'", "https://host/simple/")
    ),
    "age": Refused(("cache", "prune", "--older-than", "long"), ("--older-than: 'long' is not a duration",)),
    "size": Refused(("cache", "prune", "--max-size", "5"), ("--max-size: '5' has no unit", "5GiB")),
    "speed": Refused((*FETCH, "--least-speed", "10"), ("'10' has no unit; write a number with a unit",)),
    "no date in a variable": Refused(
        FETCH, ("CACHI2ISH_INDEX_DATE", "it is empty; unset it for none"), {"CACHI2ISH_INDEX_DATE": ""}
    ),
    "no date in a variable of blanks": Refused(
        ("lock-build-deps",), ("CACHI2ISH_INDEX_DATE",), {"CACHI2ISH_INDEX_DATE": " "}
    ),
    "no digest in a variable": Refused(
        FETCH, ("CACHI2ISH_INDEX_DIGEST", "it is empty; unset it for none"), {"CACHI2ISH_INDEX_DIGEST": " "}
    ),
    "no tokens in a variable": Refused(
        ("mirror", "serve", "--directory", "nowhere"),
        ("CACHI2ISH_MIRROR_TOKEN_FILE", "it is empty; unset it for none"),
        {"CACHI2ISH_MIRROR_TOKEN_FILE": ""},
    ),
    "empty place": Refused((*FETCH, "--source", ""), ("--source", "it is empty; is a variable not set?")),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_a_value_that_an_option_cannot_have_is_a_matter_of_usage(person: Person, case: Refused) -> None:
    person.environ |= case.variables
    done = person.runs(*case.words)
    assert (done.code, done.out) == (ExitCode.USAGE, ""), done.told
    told = " ".join(done.err.split())
    for words in case.says:
        assert words in told
    assert "Value error" not in told


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ('index-url = "host"', "config.toml: index-url is 'host', which is not the address of an index"),
        ('extra-index-url = "host"', "config.toml: extra-index-url is 'host'"),
        ('index-date = "yesterdy"', "config.toml: index-date: 'yesterdy'"),
        ('mode = "stric"', "config.toml: the value of mode is not"),
    ],
)
def test_the_same_in_the_configuration_file_is_a_setting_that_is_wrong(
    person: Person, line: str, place: str
) -> None:
    file = person.home / "config.toml"
    file.write_text(f"{line}\n")
    done = person.fetches("pip", "--config-file", file)
    assert done.code == ExitCode.INPUT
    assert place in done.err


def test_the_same_in_pips_setting_is_called_by_its_name(person: Person) -> None:
    person.environ["PIP_INDEX_URL"] = "host"
    done = person.fetches()
    assert done.code == ExitCode.INPUT
    assert "pip's setting index-url is 'host', which is not the address of an index" in done.err


def test_the_default_level_has_no_parentheses(person: Person) -> None:
    for words in ((), ("fetch-deps",), ("cache", "path")):
        told = " ".join(person.runs(*words, "--help").out.split())
        assert "[default: info]" in told
        assert "(info)" not in told


def test_the_input_and_requirements_files_are_not_given_together(person: Person) -> None:
    done = person.runs("fetch-deps", "-r", "a.txt", "pip")
    assert done.code == ExitCode.USAGE
    assert "-r and INPUT both say what to prefetch" in done.err


def test_neither_an_input_nor_a_requirements_file_is_a_matter_of_usage(person: Person) -> None:
    done = person.runs("fetch-deps")
    assert done.code == ExitCode.USAGE
    assert "Missing argument 'INPUT', or -r and a requirements file" in done.err


def test_another_empty_variable_is_none_and_an_option_is_stronger_than_an_empty_one(person: Person) -> None:
    person.writes("requirements.txt", "")
    person.environ |= {"CACHI2ISH_INDEX_DATE": "", "CACHI2ISH_CACHE_DIR": "", "CACHI2ISH_CONCURRENCY": ""}
    assert person.fetches("pip", "--index-date", "2024-10-01").code == 0
    assert person.runs("cache", "path").code == 0  # which has nothing to do with dates
