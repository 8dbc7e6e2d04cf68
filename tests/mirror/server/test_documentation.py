"""The pages about the mirror have what the code has."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

from cachi2ish.mirror import accepted, application, looking, page_desk, pins
from cachi2ish.mirror.server import door_protocol, gate, serving
from cachi2ish.mirror.web import uploads
from cachi2ish.settings.flags import SETTINGS, option_of

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/reference/mirror.md").read_text(encoding="utf-8")

LIMITS: list[tuple[str, float]] = [
    ("bytes of a request's line and headers", door_protocol.LONGEST_HEAD),
    ("seconds for them", door_protocol.HEAD_SECONDS),
    ("bytes of a path", gate._LONGEST_PATH),
    ("connections at once", serving._CONNECTIONS),
    ("pages that are asked of upstreams at once", application._ASKERS),
    ("seconds that a client waits for an upstream", looking.PATIENCE),
    ("files that are downloaded at once", application._CARRIERS),
    ("seconds for which a page that may change is served without asking again", page_desk.REFRESHED_AFTER),
    ("bytes of a form with a lock", uploads.MOST_BYTES),
    ("seconds for it", uploads.MOST_SECONDS),
    ("pins of a lock that is sent", pins.MOST_PINS),
    ("seconds for which a registry's word on a login holds", accepted._HOLDS),
]
ROWS = dict(re.findall(r"^\| (.+?) \| ([0-9,]+) \|$", PAGE, re.MULTILINE))


def test_the_page_has_each_limit_with_its_number_and_no_other() -> None:
    assert {what: f"{most:,.0f}" for what, most in LIMITS} == ROWS


@pytest.mark.parametrize(
    "page",
    ["docs/how-to/mirror.md", "docs/old-example.md", "docs/mirror-tutorials.md", "docs/reference/mirror.md"],
)
def test_options_and_keys_that_a_page_names_are_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "mirror serve" in line]
    options = {f"--{option_of(name)}" for name in SETTINGS}
    assert {word for line in lines for word in re.findall(r"--[a-z-]+", line)} <= options
    keys = {name.replace("_", "-") for name in SETTINGS}
    assert set(re.findall(r"^(mirror-[a-z-]+) = ", text, re.MULTILINE)) <= keys


def test_the_unit_runs_the_mirror_as_nobody_in_particular_and_lets_it_write_one_place() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # names have capitals
    unit.read_string((ROOT / "containers/cachi2ish-mirror.service").read_text())
    service = unit["Service"]
    assert "mirror serve" in service["ExecStart"]
    assert service["DynamicUser"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["StateDirectory"] in service["ExecStart"]
