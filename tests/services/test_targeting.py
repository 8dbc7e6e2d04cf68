"""Targeting on its own: what each machine gets, what none of them needs, and which wheels fit nowhere."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from cachi2ish.core.as_of import PackageDates
from cachi2ish.core.choose.candidates import TargetFiles
from cachi2ish.core.choose.checks import Policy
from cachi2ish.core.choose.choice import Choice, ChosenFiles
from cachi2ish.core.digests import Digest
from cachi2ish.core.inventory import MainPackage
from cachi2ish.core.pages import IndexFile
from cachi2ish.core.requirements import Git, Pinned, Purpose, Requirement, Url
from cachi2ish.core.targets.machine import Target
from cachi2ish.core.targets.wheel_filter import WheelFilter
from cachi2ish.core.urls import Address
from cachi2ish.errors import Origin
from cachi2ish.lockfiles.interface import Lock
from cachi2ish.services.fetch.reading import Reading, SourcePackage
from cachi2ish.services.fetch.targeting import (
    Share,
    Shares,
    contradicting,
    left_out,
    shares,
    undecided,
    unfit_wheels,
)
from tests.core.one_project import pin

LINUX = Target.parse("3.12", "manylinux_2_28_x86_64")
WINDOWS = Target.parse("3.12", "win_amd64")
ON_LINUX, ON_WINDOWS, ON_MAC = (f"sys_platform == '{name}'" for name in ("linux", "win32", "darwin"))


def reading(*packages: tuple[Policy, tuple[Requirement, ...]]) -> Reading:
    mains = [MainPackage(name="app", version=None, path=str(number)) for number in range(len(packages))]
    return Reading(
        mains[0],
        tuple(
            SourcePackage(main, (Lock("requirements.txt", requirements),), policy, PackageDates())
            for main, (policy, requirements) in zip(mains, packages, strict=True)
        ),
    )


def targets(*machines: Target) -> Policy:
    return Policy(wheels=True, targets=machines)


def url(filename: str, marker: str | None = None) -> Url:
    digest = Digest("sha256", "0" * 64)
    origin = Origin("requirements.txt", 3)
    return Url(
        name="Foo", url=Address(f"https://files.test/{filename}"), digest=digest, marker=marker, origin=origin
    )


def git(marker: str | None = None) -> Git:
    origin = Origin("requirements.txt", 4)
    return Git(name="Foo", url=Address("https://git.test/foo"), commit="1" * 40, marker=marker, origin=origin)


def pinned(line: int, marker: str | None = None) -> Pinned:
    return replace(pin(), origin=Origin("requirements.txt", line), marker=marker)


def a_file(name: str, size: int | None) -> IndexFile:
    return IndexFile(filename=name, url=f"https://files.test/{name}", size=size)


def test_without_targets_nobody_has_a_share() -> None:
    assert shares(reading((Policy(), (pin(), git()))), [], {}) == Shares()


def test_each_target_gets_the_files_that_were_chosen_for_it() -> None:
    sdist, wheel, exe = a_file("a.tar.gz", 10), a_file("a-linux.whl", 5), a_file("a-win.whl", None)
    choice = Choice(
        requirement=pin(),
        index="",
        files=(sdist, wheel, exe),
        by_target=(TargetFiles(LINUX, (sdist, wheel)), TargetFiles(WINDOWS, (sdist, exe))),
    )
    found = shares(reading((targets(LINUX, WINDOWS), (pin(),))), [ChosenFiles.of(choice)], {})
    assert found.by_target == ((LINUX, Share(2, 15, 0)), (WINDOWS, Share(2, 10, 1)))


def test_the_size_of_what_has_arrived_is_stronger_than_what_the_index_states() -> None:
    file = a_file("a.tar.gz", 10)
    choice = Choice(requirement=pin(), index="", files=(file,), by_target=(TargetFiles(LINUX, (file,)),))
    found = shares(reading((targets(LINUX), (pin(),))), [ChosenFiles.of(choice)], {"a.tar.gz": 11})
    assert found.by_target == ((LINUX, Share(1, 11, 0)),)


def test_a_target_gets_direct_archives_and_the_wheels_that_it_accepts() -> None:
    everything = (
        url("foo-1.0-cp312-cp312-win_amd64.whl"),
        url("foo-1.0-py3-none-any.whl", ON_MAC),
        url("main.zip"),
        git(ON_LINUX),
        pin(),  # choices tell of those
    )
    found = shares(reading((targets(LINUX, WINDOWS), everything)), [], {})
    assert found.by_target == ((LINUX, Share(2, 0, 2)), (WINDOWS, Share(2, 0, 2)))


def test_a_file_that_two_packages_need_on_a_machine_counts_once() -> None:
    both = reading((targets(LINUX), (url("main.zip"),)), (targets(LINUX), (url("main.zip"),)))
    assert shares(both, [], {}).by_target == ((LINUX, Share(1, 0, 1)),)


def test_what_was_left_counts_unless_another_requirement_takes_it() -> None:
    kept, other, third = a_file("a.whl", 1), a_file("b.whl", 20), a_file("c.whl", 300)
    choices = [
        Choice(requirement=pinned(1), index="", files=(kept,), left=(other, third)),
        Choice(requirement=pinned(2), index="", files=(other,), left=(third,)),
    ]
    everything = (pinned(1), pinned(2))
    assert shares(reading((targets(LINUX), everything)), map(ChosenFiles.of, choices), {}).left == Share(1, 300, 0)
    assert shares(
        reading((Policy(wheels=True, binary=WheelFilter()), everything)), map(ChosenFiles.of, choices), {}
    ).left == Share(1, 300, 0)
    assert shares(reading((Policy(wheels=True), everything)), map(ChosenFiles.of, choices), {}).left is None


def test_left_out_is_what_no_package_needs_on_any_of_its_machines() -> None:
    linux, windows, mac = pinned(1, ON_LINUX), pinned(2, ON_WINDOWS), pinned(3, ON_MAC)
    one = (targets(LINUX), (mac, windows, linux))
    assert left_out(reading(one)) == (mac, windows)
    assert left_out(reading(one, (targets(WINDOWS), (windows,)))) == (mac,)
    assert left_out(reading(one, (Policy(), (mac,)))) == (windows,)
    assert shares(reading(one), [], {}).left_out == (mac, windows)


OLDER, NEWER = 'python_full_version < "3.12.4"', 'python_full_version >= "3.12.4"'


def test_a_requirement_that_some_patch_versions_of_a_target_need_is_fetched_with_a_warning() -> None:
    newer, neither, all_of_them = pinned(1, NEWER), pinned(2, f"{NEWER} and {ON_WINDOWS}"), pinned(3, ON_LINUX)
    found = reading((targets(LINUX), (newer, neither, all_of_them)))
    assert left_out(found) == (neither,)
    (warning,) = undecided(found)
    assert warning == (
        "requirements.txt:1: Foo==1.0 is fetched for Python 3.12 on manylinux_2_28_x86_64, though not every Python"
        f' 3.12 needs it ({NEWER}): name an exact "python" to decide'
    )
    exact = Target.parse("3.12.4", "manylinux_2_28_x86_64")
    assert list(undecided(reading((targets(exact), (newer,)), (Policy(), (newer,))))) == []


def two(one: Requirement, other: Requirement, policy: Policy, **of_lock: object) -> list[str]:
    """Warnings of two that contradict each other, in one lock."""
    main = MainPackage(name="app", version=None)
    lock = Lock("requirements.txt", (one, other), **of_lock)  # type: ignore[arg-type]
    return list(contradicting(Reading(main, (SourcePackage(main, (lock,), policy, PackageDates()),))))


@pytest.mark.parametrize(
    ("markers", "policy", "where"),
    [
        ((None, None), targets(LINUX), f"for {LINUX}"),
        ((ON_LINUX, None), targets(WINDOWS, LINUX), f"for {LINUX}"),
        ((ON_LINUX, ON_WINDOWS), targets(WINDOWS, LINUX), None),
        ((OLDER, NEWER), targets(LINUX), None),
        ((NEWER, NEWER), targets(LINUX), f"for {LINUX}"),
        ((None, None), Policy(), "everywhere"),
        ((ON_LINUX, None), Policy(), None),
    ],
)
def test_two_pins_of_one_project_that_both_hold_are_worth_a_warning(
    markers: tuple[str | None, str | None], policy: Policy, where: str | None
) -> None:
    one, other = pinned(1, markers[0]), replace(pinned(2, markers[1]), version="2.0")
    told = (
        f"requirements.txt:2: Foo==2.0 and Foo==1.0 at requirements.txt:1 both hold {where}: both are fetched, and"
        " pip refuses to install the two together"
    )
    assert two(one, other, policy) == ([told] if where else [])


def test_two_lines_that_one_file_serves_do_not_contradict() -> None:
    for version in ("1.0", "1", "1.0+cpu"):
        assert two(pinned(1), replace(pinned(2), version=version), Policy()) == []
    assert two(url("foo-1.0.zip"), url("foo-1.0.zip"), Policy()) == []
    assert two(git(), git(), Policy()) == []
    assert len(two(url("foo-1.0.zip"), url("foo-2.0.zip"), Policy())) == 1
    assert len(two(pinned(1), git(), Policy())) == 1


def test_build_requirements_are_not_installed_together() -> None:
    one, other = (replace(pinned(1), version=version, purpose=Purpose.BUILD) for version in ("1.0", "2.0"))
    assert two(one, other, targets(LINUX)) == []


def test_a_wheel_at_an_address_that_no_target_accepts_is_worth_a_warning() -> None:
    wheel = url("foo-1.0-cp312-cp312-win_amd64.whl")
    (warning,) = unfit_wheels(reading((targets(LINUX), (wheel,))))
    assert warning == (
        "requirements.txt:3: foo-1.0-cp312-cp312-win_amd64.whl is a wheel that no target accepts"
        " (Python 3.12 on manylinux_2_28_x86_64)"
    )


def test_a_wheel_is_not_unfit_where_it_serves_or_is_not_needed_or_nothing_is_said_of_machines() -> None:
    wheel = "foo-1.0-cp312-cp312-win_amd64.whl"
    for policy, requirement in (
        (targets(LINUX, WINDOWS), url(wheel)),
        (targets(LINUX), url(wheel, ON_WINDOWS)),
        (targets(LINUX), url("main.zip")),
        (targets(LINUX), git()),
        (Policy(wheels=True), url(wheel)),
    ):
        assert not list(unfit_wheels(reading((policy, (requirement,)))))
