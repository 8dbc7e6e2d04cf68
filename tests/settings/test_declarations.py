"""Each setting is declared once: its option, variable, key of the file and lines of the reference follow."""

from __future__ import annotations

import re
from datetime import date
from inspect import signature
from pathlib import Path

import pytest

from cachi2ish.cli.commands.options import with_settings
from cachi2ish.settings.config_file import read_config_file
from cachi2ish.settings.flags import RUN_SETTINGS, SETTINGS, Flags, option_of
from cachi2ish.settings.values import key_of, variable_of
from tests.docs import options_page

#: A value of each setting that the configuration file may have: in TOML, and in the field.
IN_FILE: dict[str, tuple[str, object]] = {
    "index_url": ('"https://a.example/"', "https://a.example/"),
    "extra_index_url": ('["https://b.example/"]', ("https://b.example/",)),
    "index_date": (date(2024, 10, 1).isoformat(), "2024-10-01"),
    "index_date_missing": ('{"https://a.example/" = "allow"}', ("https://a.example/=allow",)),
    "index_digest": ('{"https://a.example/" = "sha256:00"}', ("https://a.example/=sha256:00",)),
    "moved_host": ('{"files.example" = "https://a.example/"}', ("files.example=https://a.example/",)),
    "cache_dir": ('"cache"', Path("FOLDER/cache")),
    "cache_key": ('"key"', Path("FOLDER/key")),
    "no_cache": ("true", True),
    "offline": ("false", False),
    "require_fresh": ("true", True),
    "concurrency": ("7", 7),
    "least_speed": ('"10kB"', 10_000),
    "keyring_provider": ('"subprocess"', "subprocess"),
    "sbom_output_type": ('"spdx"', "spdx"),
    "mode": ('"permissive"', "permissive"),
    "mirror_directory": ('"mirror"', Path("FOLDER/mirror")),
    "mirror_database": ('"postgresql://a.example/mirror"', "postgresql://a.example/mirror"),
    "mirror_host": ('"::1"', "::1"),
    "mirror_port": ("8000", 8000),
    "mirror_registry": ('{work = "https://a.example/"}', ("work=https://a.example/",)),
    "mirror_private": ('["work"]', ("work",)),
    "mirror_registry_token": ('{work = "token"}', ("work=token",)),
    "mirror_first_seen": ('"work"', ("work",)),
    "mirror_exempt": ('["demo"]', ("demo",)),
    "mirror_require_coverage": ('"observed"', "observed"),
    "mirror_token_file": ('"tokens"', Path("FOLDER/tokens")),
    "mirror_open": ("true", True),
    "mirror_files": ('"s3://files/mirror"', "s3://files/mirror"),
    "mirror_local_size": ('"5GB"', 5_000_000_000),
    "mirror_memory": ('"10MB"', 10_000_000),
    "mirror_follow": ("false", False),
}

OPTIONS = options_page.generated()
ENVIRONMENT = options_page.ENVIRONMENT_PAGE.read_text(encoding="utf-8")


@with_settings(*SETTINGS)
def command(*, flags: Flags) -> None: ...


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_an_option_with_its_text_in_the_help(name: str) -> None:
    assert name in signature(command).parameters
    command_name = "fetch-deps" if name in RUN_SETTINGS else "mirror serve"
    [section] = re.findall(rf"## cachi2ish {command_name}\n(.*?)(?:\n## |\Z)", OPTIONS, re.DOTALL)
    words = " ".join(section.split())
    assert re.search(rf"--{option_of(name)}[ /]", words)
    assert SETTINGS[name].help in words


@pytest.mark.parametrize("name", SETTINGS)
def test_every_variable_is_in_the_help_and_in_the_reference(name: str) -> None:
    variable = variable_of(name)
    assert (variable in " ".join(OPTIONS.split())) == SETTINGS[name].variable
    assert (f"| `{variable}` |" in ENVIRONMENT) == SETTINGS[name].variable


@pytest.mark.parametrize("name", SETTINGS)
def test_every_key_of_the_file_fills_its_field_and_is_in_the_reference(name: str, tmp_path: Path) -> None:
    in_file = SETTINGS[name].toml is not None
    assert (name in IN_FILE) == in_file
    assert (f"| `{key_of(name)}` | {SETTINGS[name].wanted} |" in ENVIRONMENT) == in_file
    if in_file:
        text, expected = IN_FILE[name]
        file = tmp_path / "config.toml"
        file.write_text(f"{key_of(name)} = {text}\n")
        if isinstance(expected, Path):
            expected = tmp_path / expected.relative_to("FOLDER")
        assert getattr(read_config_file(file, required=True).flags, name) == expected
