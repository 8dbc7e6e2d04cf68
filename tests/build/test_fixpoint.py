"""The set of versions is a fixpoint of the rule by which pip looks into a directory."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from cachi2ish.build.fixpoint import close
from cachi2ish.build.interface import Release
from cachi2ish.build.planner import BuildPlanner
from tests.build.universe import MACHINE, Entry, Universe, release, root

PLAN = BuildPlanner().plan


def used(universe: Universe, *roots: object, pinned: tuple[Release, ...] = ()) -> set[str]:
    found = close(roots, universe, pinned)  # type: ignore[arg-type]
    assert not found.failed, found.failed
    return set(map(str, found.used))


def test_what_builds_is_built_itself_all_the_way_down() -> None:
    universe = Universe()
    universe.add("hatchling", "1", Entry(needs=("pluggy",), built_with=("flit-core",)))
    universe.add("pluggy", "2", Entry(built_with=("setuptools",)))
    universe.add("setuptools", "80")
    universe.add("flit-core", "3")
    assert used(universe, root("apple", "hatchling")) == {
        "hatchling 1",
        "pluggy 2",
        "setuptools 80",
        "flit-core 3",
    }


def test_a_wheel_ends_it() -> None:
    universe = Universe()
    universe.add("hatchling", "1", Entry(needs=("pluggy",), built_with=("nowhere",), wheel=True))
    universe.add("pluggy", "2", Entry(wheel=True))
    assert used(universe, root("apple", "hatchling")) == {"hatchling 1", "pluggy 2"}


def test_two_versions_are_there_where_two_are_needed_and_the_newest_serves_the_others() -> None:
    universe = Universe()
    for version in ("79", "80", "84"):
        universe.add("setuptools", version)
    roots = root("apple", "setuptools<81"), root("banana", "setuptools>=80"), root("cherry", "setuptools")
    assert used(universe, *roots) == {"setuptools 80", "setuptools 84"}


def test_what_is_beside_for_another_reason_is_taken_where_it_is_newer_and_what_it_needs_is_there() -> None:
    universe = Universe(cutoff=datetime(2024, 6, 1, tzinfo=UTC))
    universe.add("setuptools", "80")
    late = Entry(uploaded=datetime(2025, 1, 1, tzinfo=UTC), built_with=("flit-core",))
    newer = universe.add("setuptools", "84", late)
    universe.add("flit-core", "3")
    assert used(universe, root("apple", "setuptools"), pinned=(newer,)) == {"setuptools 84", "flit-core 3"}


def test_a_newcomer_that_changes_what_others_take_brings_in_what_that_needs() -> None:
    universe = Universe()
    universe.add("pluggy", "1", Entry(wheel=True))
    universe.add("pluggy", "2", Entry(needs=("brandnew",), wheel=True))
    universe.add("brandnew", "1", Entry(wheel=True))
    # As of the index pluggy 1 will do, as it comes first to mind; in the directory there is pluggy 2 as well.
    roots = root("apple", "pluggy<2"), root("banana", "pluggy")
    assert used(universe, *roots) == {"pluggy 1", "pluggy 2", "brandnew 1"}


def test_pre_releases_serve_where_nothing_else_is_there() -> None:
    universe = Universe()
    universe.add("only", "1rc1")
    universe.add("both", "1")
    universe.add("both", "2rc1")
    assert used(universe, root("apple", "only", "both")) == {"only 1rc1", "both 1"}
    assert used(universe, root("apple", "both>=2rc1")) == {"both 2rc1"}


def test_extras_bring_their_requirements_and_markers_decide() -> None:
    universe = Universe()
    needs = ('tomli; extra == "toml"', 'colorama; sys_platform == "win32"', 'docs; extra == "docs"')
    universe.add("scm", "8", Entry(needs=needs))
    universe.add("tomli", "2")
    assert used(universe, root("apple", "scm[toml]", 'win; sys_platform == "win32"')) == {"scm 8", "tomli 2"}


def test_what_nothing_fulfils_is_named_with_what_asks_for_it() -> None:
    universe = Universe()
    universe.add("setuptools", "80")
    found = close((root("apple", "setuptools>=81"), root("banana", "nowhere")), universe, ())
    assert [one.why for one in found.failed] == [
        "nothing fulfils setuptools>=81",
        "there is no file of nowhere that may be taken",
    ]


def test_a_build_that_nothing_serves_as_of_the_date_is_served_as_of_the_day_after_its_own_upload() -> None:
    universe = Universe(cutoff=datetime(2016, 1, 1, tzinfo=UTC))
    universe.add("setuptools", "18", Entry(uploaded=datetime(2015, 1, 1, tzinfo=UTC)))
    universe.add("setuptools", "45", Entry(uploaded=datetime(2020, 1, 20, tzinfo=UTC)))
    universe.add("setuptools", "46", Entry(uploaded=datetime(2020, 3, 1, tzinfo=UTC)))
    old = root("apple", "setuptools>=40.8.0", uploaded=datetime(2015, 6, 1, tzinfo=UTC))
    plan = PLAN((old,), universe, (), {})
    assert plan.used == {release("setuptools 45")}
    assert plan.failed == ()
    assert [(build.name, time) for build, time in plan.fallbacks] == [("apple", datetime(2020, 2, 2, tzinfo=UTC))]


def test_a_build_of_its_own_time_gets_a_stage_with_constraints() -> None:
    universe = Universe()
    universe.add("setuptools", "45", Entry(uploaded=datetime(2020, 1, 20, tzinfo=UTC)))
    universe.add("setuptools", "84")
    old = root("old-1.0.tar.gz", "setuptools", uploaded=datetime(2019, 6, 1, tzinfo=UTC))
    plan = PLAN((old, root("new-1.0.tar.gz", "setuptools")), universe, (), {}, {"old-1.0.tar.gz"})
    assert plan.used == {release("setuptools 45"), release("setuptools 84")}
    assert [(stage.name, stage.constraints) for stage in plan.stages] == [
        ("", ()),
        ("old-1.0.tar.gz", (("setuptools", "==45"),)),
    ]
    assert plan.failed == ()


def test_constraints_hold_for_every_build() -> None:
    universe = Universe()
    universe.add("hatchling", "1", Entry(built_with=("setuptools",)))
    for version in ("80", "84"):
        universe.add("setuptools", version)
    plan = PLAN((root("apple", "hatchling"),), universe, (), {"setuptools": SpecifierSet("<81")})
    assert plan.used == {release("hatchling 1"), release("setuptools 80")}


NAMES = "abcde"
SPECIFIERS = ("", "<2", ">=2", "<3", "!=3", ">=1,<3")
REQUIREMENTS = st.builds("".join, st.tuples(st.sampled_from(NAMES), st.sampled_from(SPECIFIERS)))
SETS = st.lists(REQUIREMENTS, max_size=2).map(tuple)
ENTRIES = st.builds(Entry, needs=SETS, built_with=SETS, wheel=st.booleans())
UNIVERSES = st.dictionaries(st.tuples(st.sampled_from(NAMES), st.sampled_from("123")), ENTRIES, max_size=12)


@given(UNIVERSES, st.lists(SETS, min_size=1, max_size=3), st.sets(st.sampled_from(NAMES), max_size=2))
def test_whatever_pip_takes_from_the_directory_it_can_build_from_the_directory(
    entries: dict[tuple[str, str], Entry], roots: list[tuple[str, ...]], beside: set[str]
) -> None:
    universe = Universe()
    for (name, version), entry in entries.items():
        universe.add(name, version, entry)
    pinned = tuple(one for one in universe.entries if one.project in beside)
    found = close([root(f"r{n}", *requires) for n, requires in enumerate(roots)], universe, pinned)
    failed = {one.build.name for one in found.failed}
    directory = found.used | set(pinned)
    for (build, machine), environment in found.environments.items():
        assert machine == MACHINE
        installed = {Release(project, version) for project, version in environment.installed.items()}
        assert installed <= directory
        for text in build.facts.requires or ():
            assert satisfied(text, installed)
        for one in installed:
            assert all(satisfied(text, installed) for text in universe.dependencies(one))
            if universe.is_built(one, MACHINE) and str(one) not in failed:
                assert any(other.name == str(one) for other, _ in found.environments)
    # The newest versions in the directory, wherever they agree, are what we say.
    for (build, _), environment in found.environments.items():
        greedy = newest_in(directory, universe, build.facts.requires or ())
        if greedy is not None:
            assert greedy == dict(environment.installed), build.name


def satisfied(text: str, installed: set[Release]) -> bool:
    one = Requirement(text)
    return any(each.project == one.name and one.specifier.contains(each.version) for each in installed)


def newest_in(
    directory: set[Release] | frozenset[Release], universe: Universe, requires: tuple[str, ...]
) -> dict[str, Version] | None:
    """The newest version of each project that what asks for it admits, None where they do not agree."""
    chosen: dict[str, Version] = {}
    for _ in range(20):
        texts = [*requires]
        for project, version in chosen.items():
            texts += universe.dependencies(Release(project, version))
        again: dict[str, Version] = {}
        for name in {Requirement(text).name for text in texts}:
            specifiers = [Requirement(text).specifier for text in texts if Requirement(text).name == name]
            fitting = [
                one.version
                for one in directory
                if one.project == name and all(each.contains(one.version) for each in specifiers)
            ]
            if not fitting:
                return None
            again[name] = max(fitting)
        if again == chosen:
            newest = {one.project: one.version for one in sorted(directory)}
            return chosen if all(newest[name] == version for name, version in chosen.items()) else None
        chosen = again
    return None
