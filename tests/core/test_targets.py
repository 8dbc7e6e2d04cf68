"""A target says which tags, Pythons and markers hold on a machine."""

from __future__ import annotations

import pytest
from packaging.tags import parse_tag

from cachi2ish.core.targets.machine import Target
from cachi2ish.core.targets.markers import holds
from cachi2ish.errors import InputError
from tests.core.machines import ALPINE, LINUX, MAC, PYPY, THREADED, WINDOWS


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
        ("3.12", "manylinux_2_28_amd64", "cp", None, ("amd64", "did you mean 'manylinux_2_28_x86_64'?")),
        ("3.12", "manylinux_2_28_x86-64", "cp", None, ("x86-64", "'manylinux_2_28_x86_64'")),
        ("3.12", "manylinux_x86_64", "cp", None, ("manylinux_x86_64", "did you mean 'manylinux")),
        ("3.12", "manylinux2014_2_28_x86_64", "cp", None, ("manylinux2014_2_28_x86_64", "did you mean")),
        ("3.12", "win64", "cp", None, ("win64", "did you mean 'win")),
        ("3.12", "linux", "cp", None, ("linux", "did you mean 'manylinux_2_28_x86_64'?")),
        ("3.12", "any", "cp", None, ("any", "manylinux_2_28_x86_64")),
        ("3.12", "macosx_arm64", "cp", None, ("macosx_arm64", "'macosx_14_0_arm64'")),
        ("3.12", "macosx_14_0_aarch64", "cp", None, ("aarch64", "arm64")),
        ("3.12", "manylinux_3_0_x86_64", "cp", None, ("manylinux_3_0_x86_64", "did you mean")),
        ("3.12", "manylinux_2_99999999_x86_64", "cp", None, ("manylinux_2_99999999_x86_64", "did you mean")),
        ("3.12", "macosx_99999999_0_arm64", "cp", None, ("macosx_99999999_0_arm64", "did you mean")),
        (
            "3.12",
            f"musllinux_1_{'9' * 5000}_x86_64",
            "cp",
            None,
            ("musllinux_1_9", "did you mean 'musllinux_1_2_x86_64'?"),
        ),
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
        ('python_full_version >= "3.12.1"', LINUX, True),
        ('python_full_version == "3.12.7"', LINUX, True),
        ('python_full_version < "3.12"', LINUX, False),
        ('python_full_version <= "3.12.0a6"', LINUX, False),
        ('python_full_version > "3.12.1" and python_full_version < "3.12.3"', LINUX, True),
        ('implementation_version >= "3.12.1"', LINUX, True),
        ('python_full_version >= "3.12.5"', Target.parse("3.12.4", "win_amd64"), False),
        ('python_full_version >= "3.12.1" and sys_platform == "win32"', LINUX, False),
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


@pytest.mark.parametrize(
    ("marker", "target", "decided"),
    [
        (None, LINUX, True),
        ('python_full_version >= "3.12.1"', LINUX, False),
        ('python_full_version >= "3.12"', LINUX, True),
        ('python_full_version < "3.12"', LINUX, True),
        ('python_full_version != "3.12.3"', LINUX, False),
        ('python_full_version >= "3.12.1" and sys_platform == "win32"', LINUX, True),
        ('python_full_version >= "3.12.1"', Target.parse("3.12.4", "win_amd64"), True),
    ],
)
def test_a_target_without_a_patch_version_may_leave_a_marker_open(
    marker: str | None, target: Target, *, decided: bool
) -> None:
    assert target.decides(marker) is decided


def test_two_markers_hold_together_only_with_one_and_the_same_patch_version() -> None:
    older, newer = 'python_full_version < "3.12.4"', 'python_full_version >= "3.12.4"'
    assert LINUX.wants(older)
    assert LINUX.wants(newer)
    assert not LINUX.wants(older, newer)
    assert LINUX.wants(newer, 'python_full_version < "3.12.5"')


@pytest.mark.parametrize(
    ("requires_python", "first"),
    [
        ("!=3.12.0,!=3.12.1,>=3.7", "3.12.2"),
        (">=3.12.11", "3.12.11"),
        (None, "3.12.0"),
        (">=3.13", None),
        ("three", None),
    ],
)
def test_the_first_patch_version_that_would_do_is_known(requires_python: str | None, first: str | None) -> None:
    assert LINUX.first_patch(requires_python) == first
    assert Target.parse("3.12.0", "win_amd64").first_patch(requires_python) is None


def test_nothing_of_this_machine_answers_for_another() -> None:
    assert holds('sys_platform == "no such"', [{}])
    assert not holds('sys_platform == "no such"', [{"sys_platform": "win32"}])
    assert holds('sys_platform == "win32"', [{"sys_platform": "linux"}, {"sys_platform": "win32"}])
