"""Who needs what in a lock: the groups of each package, what the project needs itself, and what packages need."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cachi2ish.core.requirements import Purpose
from cachi2ish.lockfiles.interface import Lock, LockReader, Needs, Selection
from cachi2ish.lockfiles.lock_graph import needs_of, with_all_reached
from cachi2ish.lockfiles.readers import READERS
from tests.lockfiles.reading import A, write
from tests.lockfiles.test_uv_lock import HEAD, edges, package, project
from tests.support import pylocks

DATA = Path(__file__).parent / "data"
EVERYTHING = Selection(groups=(":all:",), extras=(":all:",))


def reader_of(name: str) -> LockReader:
    return next(one for one in READERS if name in one.names)


def told(lock: Lock) -> tuple[dict[str, list[str]], list[str], list[str]]:
    """The groups by name, what the project needs, and ``one > other``."""
    assert lock.needs is not None
    needs = lock.needs()
    names = [one.name for one in lock.requirements]
    groups = {names[number]: sorted(some) for number, some in needs.groups.items()}
    pairs = sorted(f"{names[one]} > {names[other]}" for one, other in needs.edges)
    return groups, sorted(names[number] for number in needs.direct), pairs


def of_data(
    folder: str, name: str, selection: Selection = EVERYTHING
) -> tuple[dict[str, list[str]], list[str], list[str]]:
    return told(reader_of(name).read(DATA / folder, name, Purpose.RUNTIME, {}, selection))


def test_a_workspace_of_uv_needs_what_its_members_and_their_extras_and_groups_do(tmp_path: Path) -> None:
    text = (
        HEAD
        + package("apple", dependencies=edges({"name": "fig", "extra": ["x"]}))
        + package("fig", dependencies=edges("apple"), optional_dependencies={"x": edges("plum")})
        + package("plum")
        + package("pear", dependencies=edges({"name": "plum", "marker": "os_name == 'a' and os_name == 'b'"}))
        + package("kiwi")
        + package("lib", "0", source={"editable": "lib"}, wheels=None, dependencies=edges("kiwi"))
        + project(
            "apple",
            "lib",
            optional_dependencies={"sweet": edges("pear")},
            dev_dependencies={"dev": edges("plum")},
        )
    )
    write(tmp_path, {"uv.lock": text})
    lock = reader_of("uv.lock").read(tmp_path, "uv.lock", Purpose.RUNTIME, {}, Selection(extras=("sweet",)))
    assert told(lock) == (
        {
            "apple": ["project"],
            "fig": ["project"],
            "plum": ["dev", "project"],
            "pear": ["extra:sweet"],
            "kiwi": ["project"],
        },
        ["apple", "kiwi", "pear", "plum"],
        ["apple > fig", "fig > apple", "fig > plum"],
    )


def test_what_a_graph_tells_is_what_the_tool_itself_wrote_down() -> None:
    walked = of_data("pdm-walked", "pdm.lock")
    assert walked == of_data("pdm-4.5.1", "pdm.lock") == of_data("pdm-static", "pdm.lock")
    groups, direct, pairs = walked
    assert groups["cherry"] == ["all", "default", "dev"]
    assert direct == ["apple", "cherry", "elder", "lemon", "torch", "user"]
    assert pairs[:2] == ["apple > banana", "apple > date"]
    assert of_data("poetry-1.1", "poetry.lock") == of_data("poetry-2.0", "poetry.lock")
    groups, direct, pairs = of_data("poetry-2.1", "poetry.lock")
    assert (groups["fig"], groups["apple"]) == (["docs"], ["dev", "main"])
    assert direct == ["apple", "cherry", "date", "elder", "fig", "fig", "user"]
    assert pairs[:3] == ["apple > banana", "apple > date", "banana > cherry"]


def test_pipenv_tells_the_sections_alone() -> None:
    groups, direct, pairs = of_data("pipenv", "Pipfile.lock", Selection(groups=(":all:",)))
    assert groups["apple"] == ["default"]
    assert groups["torch"] == ["docs"]
    assert sorted(groups) == direct
    assert pairs == []


def test_the_standard_has_dependencies_where_a_tool_writes_them(tmp_path: Path) -> None:
    def locked(name: str, **more: object) -> str:
        wheel = {"url": f"https://files.example/{name}-1-py3-none-any.whl", "hashes": {"sha256": A}}
        return pylocks.package(name, "1", wheels=[wheel], **more)

    text = pylocks.pylock(
        locked("apple", dependencies=[{"name": "Fig"}, {"name": "plum", "version": "2"}, {"name": "gone"}]),
        locked("fig"),
        locked("plum"),
    )
    write(tmp_path, {"pylock.toml": text})
    lock = reader_of("pylock.toml").read(tmp_path, "pylock.toml", Purpose.RUNTIME, {})
    assert told(lock) == ({}, ["apple", "plum"], ["apple > fig"])


@given(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5))), st.sets(st.integers(0, 5)))
def test_everything_is_within_reach_whatever_a_lock_says(pairs: set[tuple[int, int]], direct: set[int]) -> None:
    found = with_all_reached(Needs({}, frozenset(direct), frozenset(pairs)), 6)
    assert direct <= found.direct
    after = needs_of({"": found.direct}, lambda one: [b for a, b in pairs if a == one], lambda one: one, 6).groups
    assert sorted(after) == list(range(6))
