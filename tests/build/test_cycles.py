"""Builds that need each other are found, and resolved where there is a way."""

from __future__ import annotations

from datetime import UTC, datetime

from cachi2ish.build.planner import BuildPlanner
from cachi2ish.services.lock_build_deps.findings import remedies_of
from tests.build.universe import Entry, Universe, release, root

PLAN = BuildPlanner().plan
THEN, LATER = datetime(2022, 1, 1, tzinfo=UTC), datetime(2022, 6, 1, tzinfo=UTC)


def circle() -> Universe:
    universe = Universe(cutoff=datetime(2022, 2, 1, tzinfo=UTC))
    universe.add("flit-core", "3.4", Entry(needs=("tomli",), built_with=("tomli",), uploaded=THEN))
    universe.add("tomli", "1.2.1", Entry(built_with=("flit-core>=3.2",), uploaded=THEN, has_wheel=True))
    return universe


def test_a_newer_release_that_does_without_is_taken_whatever_the_date() -> None:
    universe = circle()
    universe.add("flit-core", "3.5", Entry(uploaded=LATER))
    universe.add("flit-core", "3.6", Entry(uploaded=LATER))
    plan = PLAN((root("apple", "flit-core"),), universe, (), {})
    assert plan.used == {release("flit-core 3.5")}
    (remedy,) = plan.remedies
    assert (str(remedy.cycle), remedy.moved) == ("flit-core 3.4 and tomli 1.2.1", release("flit-core 3.5"))
    assert plan.left == ()


def test_what_has_to_come_as_a_wheel_is_named_in_one_key_of_the_input() -> None:
    universe = Universe()
    for name in ("apple", "banana"):
        universe.add(name, "1.0", Entry(built_with=(name,), uploaded=THEN, has_wheel=True))
    plan = PLAN((root("cherry", "apple", "banana"),), universe, (), {})
    assert ['("binary": {"packages": "apple,banana"})' in one for one in remedies_of(plan)] == [True, True]


def test_a_wheel_is_admitted_where_no_newer_release_does_without() -> None:
    universe = circle()
    universe.add("flit-core", "3.5", Entry(needs=("tomli",), built_with=("tomli",), uploaded=LATER))
    plan = PLAN((root("apple", "flit-core"),), universe, (), {})
    (remedy,) = plan.remedies
    assert remedy.wheel == release("tomli 1.2.1")
    assert plan.wheels == {release("tomli 1.2.1")}
    assert plan.left == ()


def test_a_cycle_without_a_way_out_is_left_and_named() -> None:
    universe = Universe()
    universe.add("hen", "1", Entry(built_with=("egg",)))
    universe.add("egg", "1", Entry(built_with=("hen",)))
    plan = PLAN((root("apple", "egg"),), universe, (), {})
    assert [str(one) for one in plan.left] == ["egg 1 and hen 1"]


def test_what_is_built_with_itself_is_a_cycle_too() -> None:
    universe = Universe()
    universe.add("snake", "1", Entry(built_with=("snake",)))
    universe.add("snake", "2rc1")
    plan = PLAN((root("apple", "snake"),), universe, (), {})
    assert [str(one) for one in plan.left] == ["snake 1"]


def test_what_carries_a_cycle_is_moved_before_its_members() -> None:
    universe = Universe(cutoff=datetime(2022, 2, 1, tzinfo=UTC))
    universe.add("flit-core", "3.4", Entry(needs=("tomli",), uploaded=THEN))
    universe.add("tomli", "1.2", Entry(built_with=("flit-core",), uploaded=THEN))
    universe.add("tomli", "2.0", Entry(built_with=("setuptools",), uploaded=LATER))
    universe.add("flit-core", "3.5", Entry(uploaded=LATER))
    universe.add("setuptools", "60", Entry(uploaded=THEN))
    plan = PLAN((root("apple", "tomli"),), universe, (), {})
    (remedy,) = plan.remedies
    assert (str(remedy.cycle), remedy.moved) == ("tomli 1.2", release("flit-core 3.5"))


def test_what_the_project_itself_pins_is_not_moved() -> None:
    universe = circle()
    universe.add("tomli", "2", Entry(built_with=("setuptools",), uploaded=LATER))
    universe.add("setuptools", "60", Entry(uploaded=THEN))
    pinned = release("tomli 1.2.1")
    plan = PLAN((root("apple", "flit-core", "tomli<2"),), universe, (pinned,), {})
    assert [one.moved for one in plan.remedies] == [None]
    assert plan.wheels == {pinned}
