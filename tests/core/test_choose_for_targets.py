"""For each target the file is chosen that pip would take there, and the rest has its reasons."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.tags import Tag
from packaging.utils import parse_wheel_filename

from cachi2ish.cli.display.hints import hint_of
from cachi2ish.core.choose.checks import Policy
from cachi2ish.core.choose.choice import Choice, ChosenFiles, choose
from cachi2ish.core.requirements import Formats
from cachi2ish.core.targets.machine import Target
from cachi2ish.errors import UnavailableError
from tests.core.machines import ALPINE, LINUX, MAC, PYPY, THREADED, WINDOWS
from tests.core.one_project import SDIST, file, md5, names, page, pin, reasons, sha256


def for_targets(*targets: Target, every: bool = False) -> Policy:
    return Policy(wheels=True, targets=targets, every_wheel=every)


def wheel(tags: str) -> str:
    return f"foo-1.0-{tags}.whl"


GLIBC_17 = wheel("cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64")
GLIBC_28 = wheel("cp312-cp312-manylinux_2_28_x86_64")
ABI3 = wheel("cp39-abi3-manylinux_2_17_x86_64")
UNIVERSAL = wheel("cp312-cp312-macosx_10_13_universal2")
WIN = wheel("cp312-cp312-win_amd64")
PURE = wheel("py3-none-any")
ALL = (SDIST, GLIBC_17, GLIBC_28, ABI3, UNIVERSAL, WIN, PURE)


def per_target(choice: Choice) -> dict[str, list[str]]:
    return {one.target.platform.tag: [each.filename for each in one.files] for one in choice.by_target}


def test_each_target_gets_its_best_wheel_and_no_sdist() -> None:
    choice = choose(pin(), page(*ALL), for_targets(LINUX, MAC, WINDOWS, ALPINE))
    assert per_target(choice) == {
        "manylinux_2_28_x86_64": [GLIBC_28],
        "macosx_14_0_arm64": [UNIVERSAL],
        "win_amd64": [WIN],
        "musllinux_1_2_aarch64": [PURE],
    }
    assert names(choice) == sorted([GLIBC_28, UNIVERSAL, WIN, PURE])
    assert {each.filename for each in choice.left} == {SDIST, GLIBC_17, ABI3}


def test_of_files_that_are_on_their_way_names_and_sizes_are_left() -> None:
    choice = choose(pin(), page(SDIST, replace(file(PURE), size=7), WIN), for_targets(LINUX, MAC))
    left = ChosenFiles.of(choice)
    assert [(one.filename, one.size) for one in left.files] == [(PURE, 7)]
    assert [(target, files) for target, files in left.by_target] == [(LINUX, left.files), (MAC, left.files)]
    assert [one.filename for one in left.left] == [one.filename for one in choice.left]
    assert (left.requirement, left.refused, left.warnings) == (choice.requirement, choice.refused, choice.warnings)


def test_what_is_not_taken_has_its_reason() -> None:
    old = file(wheel("cp312-cp312-manylinux_2_5_x86_64"))
    choice = choose(pin(), page(GLIBC_17, SDIST, WIN, replace(old, requires_python=">=3.13")), for_targets(LINUX))
    assert reasons(choice) == {
        SDIST: f"{GLIBC_17} is preferred",
        WIN: "no target accepts its tags",
        old.filename: "it needs Python >=3.13",
    }


def test_the_sdist_serves_a_target_that_no_wheel_fits() -> None:
    choice = choose(pin(), page(SDIST, WIN), for_targets(LINUX, WINDOWS))
    assert per_target(choice) == {"manylinux_2_28_x86_64": [SDIST], "win_amd64": [WIN]}


def test_all_compatible_takes_every_wheel_that_a_target_accepts() -> None:
    choice = choose(pin(), page(*ALL), for_targets(LINUX, every=True))
    assert per_target(choice) == {"manylinux_2_28_x86_64": [GLIBC_28, GLIBC_17, ABI3, PURE]}


def test_all_compatible_falls_back_to_the_sdist() -> None:
    assert names(choose(pin(), page(SDIST, WIN), for_targets(LINUX, every=True))) == [SDIST]


def test_a_target_without_a_file_is_an_error_that_names_it() -> None:
    with pytest.raises(UnavailableError) as caught:
        choose(pin(), page(WIN), for_targets(LINUX, MAC, WINDOWS))
    assert "for Python 3.12 on manylinux_2_28_x86_64, Python 3.12 on macosx_14_0_arm64" in caught.value.problem
    assert f"{WIN}: its tags are not accepted there" in caught.value.problem
    assert "marker" in (hint_of(caught.value) or "")


def test_a_file_that_serves_only_the_newer_python_has_its_reason_in_the_error() -> None:
    newer = Target.parse("3.13", "manylinux_2_28_x86_64")
    with pytest.raises(UnavailableError) as caught:
        choose(pin(), page(replace(file(SDIST), requires_python=">=3.13")), for_targets(LINUX, newer))
    assert caught.value.problem.endswith(f"{SDIST}: it needs Python >=3.13")


def test_a_version_that_excludes_the_first_patch_versions_says_which_one_would_do() -> None:
    needs = replace(file(GLIBC_28), requires_python="!=3.12.0,!=3.12.1,>=3.7")
    with pytest.raises(UnavailableError) as caught:
        choose(pin(), page(needs, replace(file(SDIST), requires_python=">=3.12.9")), for_targets(LINUX))
    hint = 'name an exact Python: "3.12.2" would do (without a third number it is 0, as for pip)'
    assert hint_of(caught.value) == hint
    for other in (replace(needs, requires_python=">=3.13"), file(WIN)):
        with pytest.raises(UnavailableError) as caught:
            choose(pin(), page(other), for_targets(LINUX))
        assert '"targets"' in (hint_of(caught.value) or "")


def test_a_target_where_the_marker_does_not_hold_needs_no_file() -> None:
    requirement = replace(pin(), marker='sys_platform == "win32"')
    choice = choose(requirement, page(WIN), for_targets(LINUX, WINDOWS))
    assert per_target(choice) == {"win_amd64": [WIN]}


def test_requires_python_is_that_of_the_target() -> None:
    needs = replace(file(GLIBC_28), requires_python=">=3.12.1")
    assert names(choose(pin(), page(needs, GLIBC_17), for_targets(LINUX))) == [GLIBC_17]
    exact = Target.parse("3.12.4", "manylinux_2_28_x86_64")
    assert names(choose(pin(), page(needs, GLIBC_17), for_targets(exact))) == [GLIBC_28]
    nonsense = replace(needs, requires_python="three")
    assert names(choose(pin(), page(nonsense), for_targets(LINUX))) == [GLIBC_28]


def test_of_two_builds_the_greater_is_taken() -> None:
    builds = [f"foo-1.0-{build}-py3-none-any.whl" for build in ("2", "10", "10a", "9")]
    assert names(choose(pin(), page(PURE, *builds), for_targets(LINUX))) == ["foo-1.0-10a-py3-none-any.whl"]


def test_of_two_local_labels_the_greater_is_taken_before_the_better_tag() -> None:
    lesser, greater = "foo-1.0+cpu-cp312-cp312-manylinux_2_28_x86_64.whl", "foo-1.0+cu118-py3-none-any.whl"
    assert names(choose(pin(), page(lesser, greater), for_targets(LINUX))) == [greater]


def test_an_sdist_that_is_not_yanked_is_preferred_to_a_yanked_wheel() -> None:
    choice = choose(pin(), page(SDIST, file(PURE, yanked="bad")), for_targets(LINUX))
    assert names(choice) == [SDIST]
    assert names(choose(pin(), page(file(PURE, yanked="bad")), for_targets(LINUX))) == [PURE]


def test_only_files_that_the_lock_names_are_taken() -> None:
    choice = choose(pin("1.0", sha256(GLIBC_17), sha256(WIN)), page(*ALL), for_targets(LINUX, WINDOWS))
    assert names(choice) == [GLIBC_17, WIN]


def test_a_file_that_the_lock_names_for_certain_comes_before_one_that_it_may_name() -> None:
    unproved = file(GLIBC_28, digests=frozenset({md5(GLIBC_28)}))
    assert names(choose(pin("1.0", sha256(GLIBC_17)), page(unproved, GLIBC_17), for_targets(LINUX))) == [GLIBC_17]


def test_only_binary_and_no_binary_hold_for_targets_too() -> None:
    with pytest.raises(UnavailableError, match="--only-binary"):
        choose(replace(pin(), formats=Formats.WHEELS), page(SDIST, WIN), for_targets(LINUX))
    no = replace(pin(), formats=Formats.SDISTS)
    assert names(choose(no, page(*ALL), for_targets(LINUX))) == [SDIST]


@pytest.mark.parametrize(
    "odd",
    [
        "foo-1.0-py3-none.whl",
        "foo-1.0-odd-py3-none-any.whl",
        "foo-1.0.whl",
        "foo-1.0-a-b-c-d-e.whl",
        f"foo-1.0-{'9' * 5000}-py3-none-any.whl",
    ],
)
@pytest.mark.parametrize("policy", [Policy(), Policy(wheels=True), for_targets(LINUX)])
def test_an_odd_wheel_name_is_left_with_a_reason(odd: str, policy: Policy) -> None:
    choice = choose(pin(), page(odd, SDIST), policy)
    assert names(choice) == [SDIST]
    assert reasons(choice) == {odd: "its name is not that of a wheel (PEP 427)"}


def test_an_odd_wheel_alone_is_an_error_that_names_it() -> None:
    with pytest.raises(UnavailableError, match=r"foo-1\.0-py3-none\.whl: its name is not that of a wheel"):
        choose(pin(), page("foo-1.0-py3-none.whl"), for_targets(LINUX))


_PYTHONS = ("py3", "py2.py3", "cp39", "cp311", "cp312", "cp313", "pp311")
_ABIS = ("none", "abi3", "cp311", "cp312", "cp313", "cp313t", "pypy311_pp73")
_PLATFORMS = (
    "any",
    "linux_x86_64",
    "manylinux1_x86_64",
    "manylinux_2_17_x86_64.manylinux2014_x86_64",
    "manylinux_2_28_x86_64",
    "manylinux_2_34_x86_64",
    "musllinux_1_1_aarch64",
    "macosx_11_0_arm64",
    "macosx_10_9_universal2",
    "win32",
    "win_amd64",
)
_WHEELS = st.tuples(
    st.sampled_from(["", "1-", "2b-"]),
    st.sampled_from(_PYTHONS),
    st.sampled_from(_ABIS),
    st.sampled_from(_PLATFORMS),
).map(lambda parts: f"foo-1.0-{parts[0]}{'-'.join(parts[1:])}.whl")


def plainly_best(wheels: list[str], tags: list[Tag]) -> set[str]:
    """The best wheels for an ordered list of tags: walk down the list, and take what has the first tag met."""
    for tag in tags:
        having = [name for name in wheels if tag in parse_wheel_filename(name)[3]]
        if having:
            greatest = max(parse_wheel_filename(name)[2] for name in having)
            return {name for name in having if parse_wheel_filename(name)[2] == greatest}
    return set()


@given(
    wheels=st.lists(_WHEELS, unique=True, max_size=12),
    target=st.sampled_from([LINUX, MAC, WINDOWS, ALPINE, THREADED, PYPY]),
    sdist=st.booleans(),
)
def test_the_wheel_taken_is_the_one_that_a_plain_walk_down_the_tags_finds(
    wheels: list[str], target: Target, *, sdist: bool
) -> None:
    expected = plainly_best(wheels, list(target.tags())) or ({SDIST} if sdist else set())
    try:
        taken = names(choose(pin(), page(*wheels, *([SDIST] if sdist else [])), for_targets(target)))
    except UnavailableError:
        taken = []
    assert set(taken) <= expected
    assert len(taken) == bool(expected)
