"""A target says which tags, Pythons and markers hold on a machine."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.tags import Tag, parse_tag
from packaging.utils import parse_wheel_filename

from cachi2ish.core.choose import Choice, Policy, choose
from cachi2ish.core.markers import holds
from cachi2ish.core.requirements import FormatControl
from cachi2ish.core.targets import Target
from cachi2ish.errors import InputError, UnavailableError
from tests.core.test_choose import SDIST, file, md5, names, page, pin, reasons, sha256

LINUX = Target.parse("3.12", "manylinux_2_28_x86_64")
MAC = Target.parse("3.12", "macosx_14_0_arm64")
WINDOWS = Target.parse("3.12", "win_amd64")
ALPINE = Target.parse("3.12", "musllinux_1_2_aarch64")
THREADED = Target.parse("3.13", "manylinux_2_28_x86_64", abi="cp313t")
PYPY = Target.parse("3.11", "manylinux_2_28_x86_64", "pp")


def accepts(target: Target, tags: str) -> bool:
    return target.rank(frozenset(parse_tag(tags))) is not None


@pytest.mark.parametrize(
    ("target", "tags"),
    [
        (LINUX, "cp312-cp312-manylinux_2_28_x86_64"),
        (LINUX, "cp312-cp312-manylinux_2_5_x86_64"),
        (LINUX, "cp312-cp312-manylinux1_x86_64"),
        (LINUX, "cp312-cp312-manylinux2010_x86_64"),
        (LINUX, "cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64"),
        (LINUX, "cp312-cp312-linux_x86_64"),
        (LINUX, "cp38-abi3-manylinux_2_17_x86_64"),
        (LINUX, "py2.py3-none-any"),
        (LINUX, "py38.py39.py310.py311.py312-none-any"),
        (LINUX, "cp312-none-any"),
        (LINUX, "py3-none-manylinux_2_17_x86_64"),
        (ALPINE, "cp312-cp312-musllinux_1_0_aarch64"),
        (ALPINE, "py3-none-any"),
        (MAC, "cp312-cp312-macosx_14_0_arm64"),
        (MAC, "cp312-cp312-macosx_11_0_arm64"),
        (MAC, "cp312-cp312-macosx_10_9_universal2"),
        (MAC, "cp39-abi3-macosx_10_9_x86_64.macosx_11_0_arm64.macosx_10_9_universal2"),
        (Target.parse("3.10", "macosx_12_0_x86_64"), "cp310-cp310-macosx_10_9_universal2"),
        (Target.parse("3.10", "macosx_12_0_x86_64"), "cp310-cp310-macosx_10_6_intel"),
        (WINDOWS, "cp312-cp312-win_amd64"),
        (THREADED, "cp313-cp313t-manylinux_2_17_x86_64"),
        (THREADED, "py3-none-any"),
        (PYPY, "pp311-pypy311_pp73-manylinux_2_17_x86_64"),
        (Target.parse("3.7", "manylinux1_i686"), "cp37-cp37m-manylinux1_i686"),
    ],
)
def test_a_target_accepts_what_pip_accepts_there(target: Target, tags: str) -> None:
    assert accepts(target, tags)


@pytest.mark.parametrize(
    ("target", "tags"),
    [
        (LINUX, "cp312-cp312-manylinux_2_29_x86_64"),
        (LINUX, "cp312-cp312-manylinux_2_28_aarch64"),
        (LINUX, "cp312-cp312-manylinux_2_28_i686"),
        (LINUX, "cp312-cp312-musllinux_1_2_x86_64"),
        (LINUX, "cp312-cp312t-manylinux_2_17_x86_64"),
        (LINUX, "cp313-cp313-manylinux_2_17_x86_64"),
        (LINUX, "cp313-abi3-manylinux_2_17_x86_64"),
        (LINUX, "cp31-cp31-manylinux_2_17_x86_64"),
        (LINUX, "py2-none-any"),
        (ALPINE, "cp312-cp312-manylinux_2_17_aarch64"),
        (ALPINE, "cp312-cp312-musllinux_1_3_aarch64"),
        (MAC, "cp312-cp312-macosx_15_0_arm64"),
        (MAC, "cp312-cp312-macosx_11_0_x86_64"),
        (WINDOWS, "cp312-cp312-win32"),
        (WINDOWS, "cp312-cp312-win_arm64"),
        (THREADED, "cp313-cp313-manylinux_2_17_x86_64"),
        (THREADED, "cp39-abi3-manylinux_2_17_x86_64"),
        (PYPY, "cp311-cp311-manylinux_2_17_x86_64"),
        (Target.parse("3.12", "linux_x86_64"), "cp312-cp312-manylinux_2_17_x86_64"),
    ],
)
def test_a_target_refuses_what_pip_refuses_there(target: Target, tags: str) -> None:
    assert not accepts(target, tags)


def test_glibc_below_the_oldest_of_an_architecture_has_no_tag() -> None:
    arm = Target.parse("3.12", "manylinux_2_18_aarch64").platform_tags()
    assert arm == (
        "linux_aarch64",
        "manylinux_2_18_aarch64",
        "manylinux_2_17_aarch64",
        "manylinux2014_aarch64",
    )


@pytest.mark.parametrize(
    ("python", "platform", "implementation", "abi", "says"),
    [
        ("312", "win_amd64", "cp", None, ("'312'", '"3.12"')),
        ("2.7", "win_amd64", "cp", None, ("'2.7'", "3.12")),
        ("3.x", "win_amd64", "cp", None, ("3.x", "3.12.4")),
        ("3.12", "manylinux_2_28_amd64", "cp", None, ("amd64", "aarch64")),
        ("3.12", "manylinux_2_28_x86-64", "cp", None, ("x86-64", "'manylinux_2_28_x86_64'")),
        ("3.12", "manylinux_x86_64", "cp", None, ("manylinux_x86_64", "did you mean 'manylinux")),
        ("3.12", "win64", "cp", None, ("win64", "did you mean 'win")),
        ("3.12", "linux", "cp", None, ("linux", "'linux_x86_64'")),
        ("3.12", "any", "cp", None, ("any", "manylinux_2_28_x86_64")),
        ("3.12", "macosx_arm64", "cp", None, ("macosx_arm64", "'macosx_14_0_arm64'")),
        ("3.12", "macosx_14_0_aarch64", "cp", None, ("aarch64", "arm64")),
        ("3.12", "manylinux_3_0_x86_64", "cp", None, ("manylinux_3_0_x86_64", "did you mean")),
        ("3.12", "win_amd64", "jy", None, ("'jy'", "pp for PyPy")),
        ("3.12", "win_amd64", "cp", "cp313t", ("cp313t", "cp312")),
        ("3.12", "win_amd64", "cp", "abi3", ("abi3", "leave abi out")),
    ],
)
def test_what_is_no_target_is_told_with_the_nearest_that_is(
    python: str, platform: str, implementation: str, abi: str | None, says: tuple[str, ...]
) -> None:
    with pytest.raises(InputError) as caught:
        Target.parse(python, platform, implementation, abi)
    told = f"{caught.value.problem}\n{caught.value.hint}"
    assert all(word in told for word in says), told


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        (LINUX, "Python 3.12 on manylinux_2_28_x86_64"),
        (THREADED, "Python 3.13 (cp313t) on manylinux_2_28_x86_64"),
        (PYPY, "PyPy 3.11 on manylinux_2_28_x86_64"),
    ],
)
def test_a_target_has_a_name_for_people(target: Target, shown: str) -> None:
    assert str(target) == shown


@pytest.mark.parametrize(
    ("marker", "target", "expected"),
    [
        (None, LINUX, True),
        ('sys_platform == "win32"', LINUX, False),
        ('sys_platform == "win32"', WINDOWS, True),
        ('os_name == "nt" and platform_machine == "AMD64"', WINDOWS, True),
        ('platform_system == "Darwin" and platform_machine == "arm64"', MAC, True),
        ('platform_machine != "ppc64le"', LINUX, True),
        ('platform_machine in "aarch64 arm64"', ALPINE, True),
        ('python_version < "3.11"', LINUX, False),
        ('python_version >= "3.10"', LINUX, True),
        ('python_full_version >= "3.12.1"', LINUX, False),
        ('python_full_version >= "3.12.1"', Target.parse("3.12.4", "win_amd64"), True),
        ('implementation_name == "cpython"', PYPY, False),
        ('platform_python_implementation != "PyPy"', PYPY, False),
        ('extra == "test"', LINUX, False),
        ('platform_release >= "5"', LINUX, True),  # nobody knows
        ("'linux' in sys_platform", LINUX, True),
    ],
)
def test_a_marker_is_evaluated_for_the_target(marker: str | None, target: Target, *, expected: bool) -> None:
    assert target.wants(marker) is expected


def test_nothing_of_this_machine_answers_for_another() -> None:
    assert holds('sys_platform == "no such"', [{}])
    assert not holds('sys_platform == "no such"', [{"sys_platform": "win32"}])
    assert holds('sys_platform == "win32"', [{"sys_platform": "linux"}, {"sys_platform": "win32"}])


# Choosing


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
    assert f"{WIN}: no target accepts its tags" not in caught.value.problem or WIN in caught.value.problem
    assert "marker" in (caught.value.hint or "")


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
    only = replace(for_targets(LINUX), formats=FormatControl(only_binary=frozenset({"foo"})))
    with pytest.raises(UnavailableError, match="--only-binary"):
        choose(pin(), page(SDIST, WIN), only)
    no = replace(for_targets(LINUX), formats=FormatControl(no_binary=frozenset({"foo"})))
    assert names(choose(pin(), page(*ALL), no)) == [SDIST]


@pytest.mark.parametrize(
    "odd", ["foo-1.0-py3-none.whl", "foo-1.0-odd-py3-none-any.whl", "foo-1.0.whl", "foo-1.0-a-b-c-d-e.whl"]
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
