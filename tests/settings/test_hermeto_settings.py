"""What was said to Hermeto, in variables and in YAML: what holds, what is passed over, and what is refused."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cachi2ish.core.modes import Mode
from cachi2ish.core.urls import Address
from cachi2ish.errors import Cachi2ishError, InputError, leaves
from cachi2ish.files.foreign import read
from cachi2ish.settings.flags import Flags
from cachi2ish.settings.hermeto import HermetoSettings
from cachi2ish.settings.hermeto_sources import EARLIER, KEYS, variable
from cachi2ish.settings.settings import Settings, load_settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PROXY = "https://nexus.example/repository/pypi/simple/"


def loaded(home: Path, text: str | None = None, **environ: str) -> Settings:
    file = Path(os.devnull)
    if text is not None:
        file = home / "config.yaml"
        file.write_text(text)
    return flagged(home, Flags(config_file=file), **environ)


def flagged(home: Path, flags: Flags, **environ: str) -> Settings:
    return load_settings(flags, {"PIP_CONFIG_FILE": os.devnull, **environ}, home, NOW)


def told(home: Path, text: str | None = None, **environ: str) -> list[Cachi2ishError]:
    with pytest.raises(Cachi2ishError) as caught:
        loaded(home, text, **environ)
    assert all(isinstance(error, InputError) for error in leaves(caught.value))
    return list(leaves(caught.value))


YAML = f"""\
pip: {{proxy_url: "{PROXY}", proxy_login: bot, proxy_password: "p@ss"}}
http: {{connect_timeout: 3, read_timeout: 300, max_retries: 0}}
runtime: {{concurrency_limit: 5, subprocess_timeout: 60}}
mode: permissive
"""

VARIABLES = {
    "HERMETO_PIP__PROXY_URL": PROXY,
    "HERMETO_PIP__PROXY_LOGIN": "bot",
    "HERMETO_PIP__PROXY_PASSWORD": "p@ss",
    "HERMETO_HTTP__CONNECT_TIMEOUT": "3",
    "hermeto_http__read_timeout": "300",
    "HERMETO_HTTP__MAX_RETRIES": "0",
    "HERMETO_RUNTIME__CONCURRENCY_LIMIT": "5",
    "HERMETO_RUNTIME__SUBPROCESS_TIMEOUT": "60",
    "HERMETO_MODE": "Permissive",
}

EARLIER_YAML = f"""\
pip: {{proxy_url: "{PROXY}", proxy_login: bot, proxy_password: "p@ss"}}
http: {{connect_timeout: 3, max_retries: 0}}
requests_timeout: 300
concurrency_limit: 5
subprocess_timeout: 60
mode: permissive
"""


@pytest.mark.parametrize(("text", "environ"), [(YAML, {}), (None, VARIABLES), (EARLIER_YAML, {})])
def test_each_setting_holds_wherever_it_is_said(tmp_path: Path, text: str | None, environ: dict[str, str]) -> None:
    said = loaded(tmp_path, text, **environ)
    assert said.index_proxy == Address(PROXY)
    assert said.http.credentials == (Address("https://bot:p%40ss@nexus.example/repository/pypi/simple/"),)
    assert (said.http.connect_timeout, said.http.read_timeout, said.http.retries) == (3, 300, 0)
    assert said.concurrency == said.http.connections == 5
    assert said.git_timeout == 60
    assert said.mode is Mode.PERMISSIVE


def test_every_key_has_its_field_and_its_words() -> None:
    fields = set(HermetoSettings.__struct_encode_fields__)
    assert fields == set(KEYS)
    assert set(EARLIER.values()) <= fields


def test_a_variable_is_stronger_than_the_file_and_an_option_stronger_than_both(tmp_path: Path) -> None:
    said = loaded(tmp_path, YAML, HERMETO_RUNTIME__CONCURRENCY_LIMIT="7", HERMETO_MODE="strict")
    assert (said.concurrency, said.mode) == (7, Mode.STRICT)
    flags = Flags(config_file=tmp_path / "config.yaml", concurrency=9, mode=Mode.PERMISSIVE)
    said = flagged(tmp_path, flags, HERMETO_RUNTIME__CONCURRENCY_LIMIT="7", HERMETO_MODE="strict")
    assert (said.concurrency, said.mode) == (9, Mode.PERMISSIVE)


def test_our_own_file_is_weaker_than_the_variables_and_stronger_than_pips(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('concurrency = 3\nmode = "permissive"\n')
    flags = Flags(config_file=file)
    assert flagged(tmp_path, flags).mode is Mode.PERMISSIVE
    said = flagged(tmp_path, flags, HERMETO_RUNTIME__CONCURRENCY_LIMIT="4", HERMETO_MODE="strict")
    assert (said.concurrency, said.mode) == (4, Mode.STRICT)
    assert loaded(tmp_path, PIP_TIMEOUT="8", HERMETO_HTTP__READ_TIMEOUT="9").http.read_timeout == 9


def test_a_new_name_holds_where_the_old_one_stands_beside_it(tmp_path: Path) -> None:
    text = "http:\n  read_timeout: 20\n  timeout: 30\nrequests_timeout: 10\n"
    assert loaded(tmp_path, text).http.read_timeout == 20
    assert loaded(tmp_path, "http: {timeout: 30}\n").http.read_timeout == 30


def test_a_section_may_stand_in_one_variable_as_json(tmp_path: Path) -> None:
    assert loaded(tmp_path, HERMETO_HTTP='{"read_timeout": 12}').http.read_timeout == 12
    assert "not a JSON object" in told(tmp_path, HERMETO_HTTP="12")[0].problem
    assert "http.timout" in told(tmp_path, HERMETO_HTTP='{"timout": 12}')[0].problem


def test_what_is_empty_says_nothing(tmp_path: Path) -> None:
    empty = dict.fromkeys(VARIABLES, "")
    for text in ("", "---\n", "pip:\nhttp:\n", "pip: {proxy_url: null, proxy_login: ''}\n"):
        said = loaded(tmp_path, text, **empty)
        assert (said.index_proxy, said.http.credentials, said.mode) == (None, (), Mode.STRICT)


def test_more_files_at_once_than_there_may_be_are_as_many_as_there_may_be(tmp_path: Path) -> None:
    assert loaded(tmp_path, HERMETO_RUNTIME__CONCURRENCY_LIMIT="1000").concurrency == 256


FOREIGN = """\
gomod: {proxy_url: "https://go.example", download_max_tries: 3}
goproxy_url: https://go.example
gomod_strict_vendor: true
default_environment_variables: {gomod: {GOSUMDB: "off"}}
allow_yarnberry_processing: false
npm: {proxy_url: "https://npm.example"}
"""


def test_keys_of_other_package_managers_are_named_in_one_line_and_passed_over(tmp_path: Path) -> None:
    said = loaded(tmp_path, FOREIGN, HERMETO_CARGO__PROXY_URL="https://c.example", HERMETO_GOPROXY_URL="x")
    (line,) = said.remarks
    assert line.endswith(
        "HERMETO_CARGO__PROXY_URL, HERMETO_GOPROXY_URL, allow_yarnberry_processing, default_environment_variables,"
        " gomod, gomod_strict_vendor, goproxy_url, npm"
    )
    assert said.notes == ()


def test_crates_that_somebody_counts_on_are_spoken_of(tmp_path: Path) -> None:
    assert "never fetched" in loaded(tmp_path, "ignore_pip_dependencies_crates: false\n").notes[0]
    assert loaded(tmp_path, "pip: {ignore_dependencies_crates: true}\n").notes == ()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("HERMETO_PIP__PROXY_ULR", "HERMETO_PIP__PROXY_URL"),
        ("HERMETO_PIP_PROXY_URL", "HERMETO_PIP__PROXY_URL"),
        ("HERMETO_HTTP__READTIMEOUT", "HERMETO_HTTP__READ_TIMEOUT"),
        ("HERMETO_RUNTIM__CONCURRENCY_LIMIT", "HERMETO_RUNTIME__CONCURRENCY_LIMIT"),
    ],
)
def test_a_misspelled_variable_is_refused_with_what_was_meant(tmp_path: Path, name: str, meant: str) -> None:
    (error,) = told(tmp_path, None, **{name: "1"})
    assert name in error.problem
    assert error.hint == f"did you mean {meant!r}?"


@pytest.mark.parametrize("name", ["HERMETO_VERSION", "HERMETO_IMAGE", "HERMETO_CONAN__PROXY_URL", "HERMETO_"])
def test_variables_that_are_no_settings_are_left_alone(tmp_path: Path, name: str) -> None:
    said = loaded(tmp_path, None, **{name: "1"})
    assert (said.notes, said.remarks) == ((), ())


@pytest.mark.parametrize("key", [key for key in KEYS if not key.startswith("pip.proxy")])
def test_a_value_that_makes_no_sense_is_refused_by_the_name_it_was_given(tmp_path: Path, key: str) -> None:
    (error,) = told(tmp_path, None, **{variable(key): "-1"})
    assert error.problem.startswith(f"{variable(key)}: ")
    assert KEYS[key] in error.problem


def test_all_that_is_wrong_comes_at_once_with_the_file(tmp_path: Path) -> None:
    text = "http: {read_timeout: true, connect_timeout: [1]}\nruntime: 5\nmod: strict\n"
    errors = told(tmp_path, text, HERMETO_MODE="lax")
    assert {error.problem.split(":")[0].split(" ")[0] for error in errors} == {
        "http.read_timeout",
        "http.connect_timeout",
        "runtime",
        "key",
        "HERMETO_MODE",
    }
    assert [str(error.origin) for error in errors].count(str(tmp_path / "config.yaml")) == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pip: {proxy_login: bot}\n", ("pip.proxy_password is missing",)),
        ("pip: {proxy_password: s3cret}\n", ("pip.proxy_login is missing",)),
        ("pip: {proxy_login: bot, proxy_password: s3cret}\n", ("no pip.proxy_url",)),
        ("pip: {proxy_url: 'https://bot:s3cret@nexus.example/'}\n", ("credentials in it", "PROXY_LOGIN")),
        ("pip: {proxy_url: nexus.example}\n", ("not the address of an index",)),
        ("pip: {proxy_url: 5}\n", ("not the address of an index",)),
        ("pip: {proxy_url: ['https://bot:s3cret@nexus.example/']}\n", ("not the address of an index",)),
    ],
)
def test_half_a_proxy_is_refused_and_no_secret_is_told(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    text_of = "\n".join(f"{error} {error.hint}" for error in told(tmp_path, text))
    assert all(word in text_of for word in words)
    assert "s3cret" not in text_of


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("pip:\n  a: b: c\n", "not valid YAML", 2),
        ("pip: {a\n", "not valid YAML", 2),
        ("- pip\n", "holds no keys", None),
        ("pip: !!python/object:os.system x\n", "not valid YAML", 1),
        ("pip: \x00\n", "not valid YAML", None),
        ("[" * 1200, "nested too deeply", None),
    ],
)
def test_a_file_that_is_not_understood_is_refused_with_its_line(
    tmp_path: Path, text: str, words: str, line: int | None
) -> None:
    (error,) = told(tmp_path, text)
    assert words in error.problem
    assert error.origin is not None
    assert error.origin.line == line


def test_keys_that_stand_twice_are_refused_with_their_lines_all_at_once(tmp_path: Path) -> None:
    text = (
        'mode: strict\n"mode": permissive\n'
        "http:\n  max_retries: 1\n  max_retries: 2\n"
        "gomod: {a: [{b: 1, b: 2}]}\nx: 1\n"
    )
    errors = told(tmp_path, text)
    assert [(error.origin.line, error.problem) for error in errors[:3] if error.origin] == [
        (2, "the key 'mode' stands twice, first in line 1"),
        (5, "the key 'max_retries' stands twice, first in line 4"),
        (6, "the key 'b' stands twice, first in line 6"),
    ]
    assert "key 'x' is not a setting" in errors[3].problem


def test_what_is_referred_to_several_times_stands_there_once(tmp_path: Path) -> None:
    text = (
        "gomod: {x: &a {<<: {k: 1}, k: 2}, y: {<<: *a, k: 3}, z: *a}\n"
        "npm: &itself [*itself]\n"
        "http: &b {max_retries: 1}\nruntime: {concurrency_limit: 3}\n"
    )
    assert loaded(tmp_path, text).concurrency == 3


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        flagged(tmp_path, Flags(config_file=tmp_path / "gone.yml"))
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(InputError, match="not UTF-8"):
        flagged(tmp_path, Flags(config_file=tmp_path / "bytes.yaml"))
    with pytest.raises(InputError, match="cannot be read"):
        flagged(tmp_path, Flags(config_file=tmp_path, drop_in=True))


def test_neither_password_nor_address_stands_in_a_representation(tmp_path: Path) -> None:
    assert "p@ss" not in repr(read({"pip.proxy_password": "p@ss"}, HermetoSettings))
    said = loaded(tmp_path, YAML)
    assert "p%40ss" not in repr(said)
