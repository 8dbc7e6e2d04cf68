"""The configuration file: its keys, its place among the settings, and what is said of mistakes in it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cachi2ish.core.urls import Address
from cachi2ish.errors import Cachi2ishError, InputError, exit_code_of, leaves
from cachi2ish.exit_codes import ExitCode
from cachi2ish.settings.config_file import read_config_file
from cachi2ish.settings.flags import Flags
from cachi2ish.settings.settings import Settings, load_settings
from tests.cli.conftest import Person
from tests.support.distributions import make_sdist

NOW = datetime(2026, 1, 1, tzinfo=UTC)

WHOLE = """\
index-url = "https://a.example/simple/"
extra-index-url = ["https://b.example/simple/", "https://c.example/simple/"]
index-date = 2024-10-01
cache-dir = "cache"
concurrency = 7

[index-date-missing]
"https://b.example/simple/" = "allow"
"""


def loaded(file: Path, text: str, flags: Flags | None = None, **environ: str) -> Settings:
    file.write_text(text)
    chosen = flags or Flags(config_file=file)
    return load_settings(chosen, {"PIP_CONFIG_FILE": os.devnull, **environ}, file.parent, NOW)


def test_each_key_is_the_option_of_its_name(tmp_path: Path) -> None:
    said = loaded(tmp_path / "config.toml", WHOLE)
    assert said.indexes.index_url == Address("https://a.example/simple/")
    assert said.indexes.extra_index_urls == (
        Address("https://b.example/simple/"),
        Address("https://c.example/simple/"),
    )
    assert str(said.dates.cutoff) == "2024-10-02T00:00:00Z"
    assert [address for address, _ in said.dates.missing.by_index] == ["https://b.example/simple"]
    assert said.cache_dir == tmp_path / "cache"
    assert said.concurrency == said.http.connections == 7


def test_it_is_stronger_than_pips_settings_and_weaker_than_options(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    pip = {"PIP_INDEX_URL": "https://pip.example/", "PIP_EXTRA_INDEX_URL": "https://pip2.example/"}
    assert loaded(file, WHOLE, None, **pip).indexes.index_url == Address("https://a.example/simple/")
    flags = Flags(
        config_file=file,
        index_url="https://o.example/",
        extra_index_url=("https://p.example/",),
        index_date="P7D",
        index_date_missing=("allow",),
        cache_dir=Path("/elsewhere"),
        concurrency=3,
    )
    said = loaded(file, WHOLE, flags, **pip)
    assert said.indexes.index_url == Address("https://o.example/")
    assert said.indexes.extra_index_urls == (Address("https://p.example/"),)
    assert str(said.dates.cutoff) == "2025-12-25T00:00:00Z"
    assert said.dates.missing.by_index == ()
    assert (said.cache_dir, said.concurrency) == (Path("/elsewhere"), 3)


def test_what_options_say_of_one_index_joins_what_the_file_says_of_another(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    flags = Flags(config_file=file, index_date_missing=("https://d.example/simple=allow",))
    by_index = loaded(file, WHOLE, flags).dates.missing.by_index
    assert [address for address, _ in by_index] == ["https://b.example/simple", "https://d.example/simple"]


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("2024-10-01", "2024-10-02T00:00:00Z"),
        ('"2024-10-01"', "2024-10-02T00:00:00Z"),
        ("2024-10-01T12:00:00Z", "2024-10-01T12:00:00Z"),
        ("2024-10-01T12:00:00.5+02:00", "2024-10-01T10:00:00.500000Z"),
        ('"7 days"', "2025-12-25T00:00:00Z"),
    ],
)
def test_a_date_may_be_written_as_text_or_as_toml_writes_it(tmp_path: Path, value: str, instant: str) -> None:
    said = loaded(tmp_path / "config.toml", f"index-date = {value}\n")
    assert str(said.dates.cutoff) == instant


def test_one_extra_index_and_one_word_need_no_brackets(tmp_path: Path) -> None:
    text = 'extra-index-url = "https://b.example/"\nindex-date-missing = "allow"\nno-cache = true\n'
    said = loaded(tmp_path / "config.toml", text)
    assert said.indexes.extra_index_urls == (Address("https://b.example/"),)
    assert said.dates.missing.everywhere.value == "allow"
    assert said.cache_dir is None


def test_an_option_for_the_cache_is_stronger_than_no_cache_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    assert loaded(file, "no-cache = true\n", Flags(config_file=file, cache_dir=tmp_path)).cache_dir == tmp_path


def test_a_file_that_nobody_named_may_be_missing(tmp_path: Path) -> None:
    assert read_config_file(tmp_path / "config.toml", required=False).flags == Flags()
    (tmp_path / "file").write_text("")
    assert read_config_file(tmp_path / "file" / "config.toml", required=False).flags == Flags()
    with pytest.raises(InputError, match="does not exist"):
        read_config_file(tmp_path / "config.toml", required=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("index-url = \n", ("config.toml:1: ", "not valid TOML")),
        ('a = "b"\n\nindex-date = soon\n', ("config.toml:3: ", "not valid TOML")),
        ('index-url = "a"\nindex-url = "b"\n', ("config.toml:2: ", "not valid TOML")),
        ("x = " + "[" * 50_000, ("config.toml", "not valid TOML")),
        ("index_date = 2024-10-01\n", ("unknown key 'index_date'", "did you mean 'index-date'?")),
        ("index-dat = 2024-10-01\n", ("unknown key 'index-dat'", "did you mean 'index-date'?")),
        ("[fetch]\nconcurrency = 3\n", ("unknown key 'fetch'", "the keys are index-url")),
        ("index-url = 3\n", ("index-url is not the address of an index",)),
        ('index-url = "host"\n', ("not the address of an index",)),
        ("extra-index-url = [1]\n", ("extra-index-url is not the address",)),
        ("index-date = 20241001\n", ("index-date is not a date",)),
        ("index-date = 12:00:00\n", ("index-date is not a date",)),
        ("index-date = 2024-10-01T12:00:00\n", ("no offset from UTC",)),
        ('index-date-missing = "maybe"\n', ('index-date-missing is not "refuse" or "allow"',)),
        ('index-date-missing = {"https://h.example/" = "maybe"}\n', ("index-date-missing is not",)),
        ('index-date-missing = {"h" = "allow"}\n', ("index-date-missing: 'h' is not the address of an index",)),
        ("concurrency = 0\n", ("concurrency is not a whole number from 1 to 256",)),
        ('concurrency = "3"\n', ("concurrency is not",)),
        ("no-cache = 1\n", ("no-cache is not true or false",)),
        ("cache-dir = 1\n", ("cache-dir is not the path of a folder",)),
        ("concurrency = 0\nno-cache = 1\nx = 1\n", ("concurrency is not", "no-cache is not", "unknown key 'x'")),
    ],
)
def test_mistakes_are_told_with_the_file_and_all_at_once(tmp_path: Path, text: str, says: tuple[str, ...]) -> None:
    with pytest.raises(Cachi2ishError) as caught:
        loaded(tmp_path / "config.toml", text)
    assert exit_code_of(caught.value) == ExitCode.INPUT
    told = "\n".join(f"{error} | {error.hint}" for error in leaves(caught.value))
    for part in says:
        assert part in told


def test_a_file_that_is_no_text_or_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="UTF-8"):
        read_config_file(tmp_path / "binary", required=False)
    with pytest.raises(InputError, match="cannot be read"):
        read_config_file(tmp_path, required=False)


def test_a_password_in_a_bad_value_is_not_shown(tmp_path: Path) -> None:
    text = 'extra-index-url = [["https://user:s3cret@host/simple/"]]\n'
    with pytest.raises(Cachi2ishError) as caught:
        loaded(tmp_path / "config.toml", text)
    assert "s3cret" not in str(caught.value)


def test_the_users_file_is_read_without_being_named(person: Person) -> None:
    person.index.add("apple", make_sdist("apple", "1.0"), upload_time="2024-09-01T00:00:00Z")
    person.writes("requirements.txt", "apple==1.0\n")
    folder = person.home / ".config" / "cachi2ish"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("index-date = 2024-10-01\n")
    person.environ["XDG_CONFIG_HOME"] = str(person.home / ".config")
    outcome = person.fetches()
    assert outcome.code == 0, outcome.told
    assert "index date: 2024-10-01" in outcome.err
    (folder / "config.toml").write_text("index-dat = 2024-10-01\n")
    outcome = person.fetches()
    assert outcome.code == ExitCode.INPUT
    assert f"{folder / 'config.toml'}: unknown key 'index-dat'" in outcome.err
    assert person.fetches("pip", "--config-file", os.devnull).code == 0


def test_an_option_is_stronger_than_its_variable_and_that_than_the_file(person: Person) -> None:
    person.writes("config.toml", "cache-dir = 'file'\n")
    named = ("cache", "path", "--config-file", str(person.source / "config.toml"))
    assert person.runs(*named).out == f"{person.source / 'file'}\n"
    person.environ["CACHI2ISH_CACHE_DIR"] = "/variable"
    assert person.runs(*named).out == "/variable\n"
    assert person.runs(*named, "--cache-dir", "/option").out == "/option\n"
