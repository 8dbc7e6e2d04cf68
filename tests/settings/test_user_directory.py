"""Where the user's directories are: as platformdirs says, which is asked where the usual rule does not tell."""

from __future__ import annotations

import sys

import pytest
from platformdirs import user_cache_path, user_config_path

from cachi2ish.settings.config_file import user_directory

VARIABLES = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere platformdirs is asked")
@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"HOME": "/home/me"},
        {"HOME": "/home/me/"},
        {"HOME": "/"},
        {"HOME": ""},
        {"HOME": "relative"},
        {"HOME": "/home/me", "XDG_CACHE_HOME": "/caches", "XDG_CONFIG_HOME": "/configurations/"},
        {"HOME": "/home/me", "XDG_CACHE_HOME": "relative", "XDG_CONFIG_HOME": ""},
        {"HOME": "/home/me", "XDG_CACHE_HOME": " /caches", "XDG_CONFIG_HOME": "~/configurations"},
        {"XDG_CACHE_HOME": "/caches", "XDG_CONFIG_HOME": "/configurations"},
    ],
)
def test_directories_are_those_that_platformdirs_names(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert user_directory("cache") == user_cache_path("cachi2ish", appauthor=False)
    assert user_directory("config") == user_config_path("cachi2ish", appauthor=False)
