"""Which pins an old pip gives up. That pip itself does so is what ``integration-tests/test_old_pips.py`` shows."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from packaging.requirements import Requirement as Line
from packaging.specifiers import SpecifierSet

from cachi2ish.core.requirements import Pinned, Requirement
from cachi2ish.core.targets.extras import GivenUp, admits_newer, given_up, machines_of_old_pips
from cachi2ish.core.targets.machine import Target
from cachi2ish.errors import Origin
from tests.support.old_pips import TRAPS, Trap

WINDOWS = Target.parse("3.11", "win_amd64").marker_environment
LINUX = Target.parse("3.11", "manylinux_2_28_x86_64").marker_environment


#: By requirement, as `given_up` takes it.
Dependencies = dict[Requirement, tuple[str, ...]]


def pins(*lines: str) -> tuple[Pinned, ...]:
    found = (Line(line) for line in lines)
    return tuple(
        Pinned(
            name=one.name,
            version="1.0",
            extras=tuple(sorted(one.extras)),
            marker=str(one.marker) if one.marker else None,
            origin=Origin("requirements.txt", number),
        )
        for number, one in enumerate(found, 1)
    )


def found(trap: Trap) -> list[GivenUp]:
    lock = pins(*trap.lines)
    dependencies: Dependencies = {one: trap.dependencies.get(one.project, ()) for one in lock}
    held = {line.partition("==")[0] for line in trap.constraints if "==" in line}
    loose = [one for one in lock if one.project not in held]
    return list(given_up(lock, loose, dependencies, machines_of_old_pips()))


@pytest.mark.parametrize("name", TRAPS)
def test_the_rule_says_what_pip_does(name: str) -> None:
    trap = TRAPS[name]
    assert [one.pin.project for one in found(trap)] == (["core"] if trap.refused else [])


def test_the_first_that_asks_is_named_with_what_it_asks_for() -> None:
    trap = Trap(
        ("core", "one", "two"),
        {"one": ('core[b,a]>=0.9 ; os_name == "posix"',), "two": ("core[a]",)},
        refused=True,
    )
    (one,) = found(trap)
    assert (one.asker.project, one.dependency, one.extras) == ("one", "core[a,b]>=0.9", ("a", "b"))


def test_markers_are_judged_for_the_machines_of_the_input() -> None:
    lock = pins("core", 'tool ; sys_platform == "win32"')
    dependencies: Dependencies = {lock[1]: ('core[a] ; sys_platform != "darwin"',)}
    assert list(given_up(lock, lock, dependencies, [LINUX])) == []
    assert len(list(given_up(lock, lock, dependencies, [LINUX, WINDOWS]))) == 1


def test_all_markers_must_hold_on_one_machine() -> None:
    lock = pins('core ; sys_platform == "linux"', "tool")
    dependencies: Dependencies = {lock[1]: ('core[a] ; sys_platform == "win32"',)}
    assert list(given_up(lock, lock, dependencies, [LINUX, WINDOWS])) == []


def test_a_dependency_that_nobody_can_read_counts_for_nothing() -> None:
    lock = pins("core", "tool")
    dependencies: Dependencies = {
        lock[1]: ("core[a", "core[a] >= x ; what", "[a]", 'core[a] ; os_name == "' + "(" * 200)
    }
    assert list(given_up(lock, lock, dependencies, [LINUX])) == []


def test_extras_in_markers_are_compared_in_their_normal_form() -> None:
    lock = pins("core", "tool[A.B]")
    for marker in ("extra == 'a_b'", '"a--b" == extra', 'os_name == "posix" and extra == "A-B"'):
        assert len(list(given_up(lock, lock, {lock[1]: (f"core[x] ; {marker}",)}, [LINUX]))) == 1


def test_extras_that_ask_for_each_other_come_to_an_end() -> None:
    lock = pins("core", "tool[a]")
    around = ('tool[b] ; extra == "a"', 'tool[a] ; extra == "b"', 'core[x] ; extra == "b"')
    assert len(list(given_up(lock, lock, {lock[1]: around}, [LINUX]))) == 1


@pytest.mark.parametrize(
    ("specifier", "version", "expected"),
    [
        ("", "1.0", True),
        (">=1", "1.0", True),
        ("<1.0.1", "1.0", True),
        ("<2", "1!1.0", False),
        ("~=1.0", "1.0.post1", True),
        ("<=1.0", "1.0", False),
        ("==1.0", "1.0", False),
        ("===1.0", "1.0", False),
        ("==1.0.*", "1.0", True),
        (">=1.0rc1", "1.0rc1", True),
        ("", "no-version", False),
        ("", "1." + "0" * 9000 + "1", False),
    ],
)
def test_whether_a_newer_release_would_do(specifier: str, version: str, expected: bool) -> None:
    assert admits_newer(SpecifierSet(specifier), version) is expected


def test_a_pin_that_is_no_version_is_left_alone() -> None:
    core, tool = pins("core", "tool")
    odd = replace(core, version="1.0-odd-one", arbitrary=True)
    assert list(given_up((odd, tool), [odd], {tool: ("core[a]",)}, [LINUX])) == []
