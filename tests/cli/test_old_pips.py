"""A lock that pip before 23.3 will refuse one day is warned of when it is fetched, from the outside."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Person
from tests.support.distributions import Dist, core_metadata, make_sdist, make_wheel, sdist_files

READER = make_sdist("reader", "1.0")
CORE = make_sdist("core", "1.0")
TOOL = "core[toml]>=0.9"
WHEELS = '{"type": "pip", "allow_binary": true}'
WARNING = (
    "warning: requirements.txt:1: core==1.0 names no extra, and tool==1.0 at requirements.txt:3 requires"
    " core[toml]>=0.9: with hashes, pip before 23.3 prefers the newest release to the pin, and refuses it; write"
    " core[toml]==1.0, as --no-strip-extras of uv does, or install with --no-deps"
)


def tool_sdist() -> Dist:
    pkg_info = core_metadata("tool", "1.0", f"Requires-Dist: {TOOL}\n")
    return make_sdist("tool", "1.0", files=sdist_files("tool", "1.0", pkg_info=pkg_info))


def tool_wheel() -> Dist:
    return make_wheel("tool", "1.0", requires=(TOOL,))


def lock(person: Person, tool: Dist, core: str = "core==1.0", *, hashes: bool = True) -> None:
    pins = {core: CORE, "reader==1.0": READER, "tool==1.0": tool}
    for pin, dist in pins.items():
        person.index.add(pin.partition("=")[0].partition("[")[0], dist)
    lines = (f"{pin} {dist.hash_option() if hashes else ''}\n" for pin, dist in pins.items())
    person.writes("requirements.txt", "".join(lines))


@pytest.mark.parametrize("tool", [tool_sdist(), tool_wheel()], ids=["sdist", "wheel"])
def test_the_pin_without_the_extra_is_warned_of_with_its_line_at_each_run(person: Person, tool: Dist) -> None:
    lock(person, tool)
    for _ in range(2):
        outcome = person.fetches(WHEELS)
        assert outcome.code == 0
        assert outcome.told.splitlines().count(WARNING) == 1, outcome.told


def test_what_is_remembered_is_of_the_lines_as_they_were(person: Person) -> None:
    lock(person, tool_sdist())
    assert "requirements.txt:1: core" in person.fetches().told
    person.writes("requirements.txt", f"# pins\n{(person.source / 'requirements.txt').read_text()}")
    assert "requirements.txt:2: core" in person.fetches().told


def test_nothing_is_said_where_the_pin_names_the_extra(person: Person) -> None:
    lock(person, tool_sdist(), "core[toml]==1.0")
    outcome = person.fetches()
    assert outcome.code == 0
    assert "pip before" not in outcome.told


def test_nothing_is_said_of_a_lock_without_hashes(person: Person) -> None:
    lock(person, tool_sdist(), hashes=False)
    outcome = person.fetches()
    assert outcome.code == 0
    assert "pip before" not in outcome.told


def test_nothing_is_said_of_a_machine_on_which_the_extra_is_not_asked_for(person: Person) -> None:
    lock(person, make_wheel("tool", "1.0", requires=(f'{TOOL} ; sys_platform == "win32"',)))
    for platform, told in (("manylinux_2_28_x86_64", False), ("win_amd64", True)):
        target = f'"targets": [{{"python": "3.11", "platform": "{platform}"}}]'
        outcome = person.fetches(f'{{"type": "pip", {target}}}')
        assert outcome.code == 0
        assert ("pip before" in outcome.told) is told
