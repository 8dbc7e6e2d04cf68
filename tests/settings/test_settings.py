"""What the user has said, and which of it holds."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cachi2ish.core.urls import Address
from cachi2ish.errors import InputError
from cachi2ish.settings.flags import Flags
from cachi2ish.settings.pip_settings import read_pip_configuration
from cachi2ish.settings.settings import Settings, load_settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def settings(home: Path, flags: Flags | None = None, **environ: str) -> Settings:
    nobodys = (flags or Flags()).replaced(config_file=Path(os.devnull))
    return load_settings(nobodys, {"PIP_CONFIG_FILE": os.devnull, **environ}, home, NOW)


def test_an_option_is_stronger_than_pips_variable(tmp_path: Path) -> None:
    said = settings(
        tmp_path, Flags(index_url="https://a.example/simple"), PIP_INDEX_URL="https://b.example/simple"
    )
    assert said.indexes.index_url == Address("https://a.example/simple")
    assert settings(tmp_path, PIP_INDEX_URL="https://b.example/").indexes.index_url == Address(
        "https://b.example/"
    )
    assert settings(tmp_path).indexes.index_url is None


def test_pips_files_are_read_in_pips_order(tmp_path: Path) -> None:
    explicit = tmp_path / "explicit.conf"
    user = tmp_path / ".config" / "pip" / "pip.conf"
    user.parent.mkdir(parents=True)
    user.write_text("[global]\nindex_url = https://user.example/\ntimeout = 7\n[download]\nproxy = http://p:1\n")
    environ = {"PIP_CONFIG_FILE": str(explicit), "PIP_DEFAULT_TIMEOUT": "9", "VIRTUAL_ENV": str(tmp_path)}
    explicit.write_text("[global]\nindex-url = https://explicit.example/\n")
    found = read_pip_configuration(environ, tmp_path)
    assert (found["index-url"], found["timeout"], found["proxy"]) == (
        "https://explicit.example/",
        "9",
        "http://p:1",
    )


def test_no_files_are_read_where_pip_is_told_to_read_none(tmp_path: Path) -> None:
    (tmp_path / ".pip").mkdir()
    (tmp_path / ".pip" / "pip.conf").write_text("[global]\nindex-url = https://user.example/\n")
    assert read_pip_configuration({"PIP_CONFIG_FILE": os.devnull}, tmp_path) == {}


def test_extra_indexes_that_are_folders_are_left_out_and_told(tmp_path: Path) -> None:
    said = settings(tmp_path, PIP_EXTRA_INDEX_URL="file:///srv/simple https://e.example/simple")
    assert said.indexes.extra_index_urls == (Address("https://e.example/simple"),)
    assert any("file:///srv/simple" in note for note in said.notes)


def test_find_links_and_no_index_are_not_followed_and_told(tmp_path: Path) -> None:
    notes = settings(tmp_path, PIP_FIND_LINKS="/srv", PIP_NO_INDEX="1").notes
    assert [note.split()[2] for note in notes] == ["find-links", "no-index"]


def test_a_note_on_a_setting_of_pip_says_where_it_is_set(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nfind-links = /srv\nno-index = 1\nextra-index-url = file:///srv\n")
    notes = settings(tmp_path, PIP_NO_INDEX="1", PIP_CONFIG_FILE=str(file)).notes
    places = {note.split()[2]: note.split()[4] for note in notes}
    assert (
        places.items()
        >= {"find-links": str(file), "no-index": "PIP_NO_INDEX", "extra-index-url": str(file)}.items()
    )


@pytest.mark.parametrize("name", ["PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_certificates_come_from_where_other_tools_look(tmp_path: Path, name: str) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("x")
    assert settings(tmp_path, None, **{name: str(bundle)}).http.ca_bundle == str(bundle)
    with pytest.raises(InputError, match="does not exist"):
        settings(tmp_path, None, **{name: str(tmp_path / "nowhere.pem")})


def test_the_least_speed_is_that_of_the_strongest_source(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('least-speed = "10kB"\n')
    environ = {"PIP_CONFIG_FILE": os.devnull}

    def least_speed(flags: Flags) -> float:
        return load_settings(flags, environ, tmp_path, NOW).http.least_speed

    assert settings(tmp_path).http.least_speed == 1000
    assert least_speed(Flags(config_file=file)) == 10_000
    assert least_speed(Flags(config_file=file, least_speed=0)) == 0


def test_netrc_is_the_stated_one_or_the_users(tmp_path: Path) -> None:
    assert settings(tmp_path).http.netrc is None
    (tmp_path / ".netrc").write_text("")
    assert settings(tmp_path).http.netrc == str(tmp_path / ".netrc")
    assert settings(tmp_path, NETRC="/elsewhere").http.netrc == "/elsewhere"


@pytest.mark.parametrize("value", ["soon", "-1", "inf", "nan"])
def test_a_timeout_that_is_no_number_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(InputError, match="timeout"):
        settings(tmp_path, PIP_TIMEOUT=value)


@pytest.mark.parametrize("url", ["host", "ftp://host/simple", "https://", "https://host:port/"])
def test_an_index_that_is_no_address_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(InputError, match="not the address of an index"):
        settings(tmp_path, Flags(index_url=url))


def test_a_password_in_a_refused_address_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        settings(tmp_path, Flags(index_url="ftp://user:s3cret@host/simple"))
    assert "s3cret" not in str(caught.value)


def test_no_cache_is_stronger_than_a_place_for_it(tmp_path: Path) -> None:
    assert settings(tmp_path, Flags(cache_dir=tmp_path, no_cache=True)).cache_dir is None
    assert settings(tmp_path, Flags(cache_dir=tmp_path)).cache_dir == tmp_path


TOO_LONG = "n" * 300


def test_a_home_and_certificates_of_names_that_no_file_has_are_not_there(tmp_path: Path) -> None:
    assert settings(tmp_path / TOO_LONG).http.netrc is None
    assert settings(tmp_path / TOO_LONG, Flags(drop_in=True)).http.netrc is None
    with pytest.raises(InputError, match=r"PIP_CERT is 'nnn.*', which does not exist"):
        settings(tmp_path, PIP_CERT=TOO_LONG)
