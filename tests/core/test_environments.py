"""Markers as sets: what the graph of a lock comes to is what packaging says of the markers on its ways."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.markers import Marker

from cachi2ish.core.targets.environments import EVERYWHERE, MOST_BOXES, NOWHERE, Environments, environments_of

MACHINES = tuple(
    {
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python,
        "sys_platform": system,
        "os_name": "nt" if system == "win32" else "posix",
        "platform_machine": machine,
        "implementation_name": "cpython",
        "extra": "",
    }
    for python, system, machine in product(
        ("2.7.18", "3.8.0", "3.9.7", "3.10.0", "3.11.4", "3.12.1", "4.0.0"),
        ("linux", "darwin", "win32"),
        ("x86_64", "arm64"),
    )
)

COMPARISONS = st.one_of(
    st.builds(
        "python_version {} '{}'".format,
        st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
        st.sampled_from(["3.8", "3.10", "3.11", "4", "3.9.7", "3.10.0"]),
    ),
    st.builds(
        "python_full_version {} '{}'".format,
        st.sampled_from(["<", "<=", ">", ">=", "==", "!=", "~="]),
        st.sampled_from(["3.8.0", "3.9.7", "3.11.4", "3.10"]),
    ),
    st.builds(
        "python_full_version {} '{}.*'".format,
        st.sampled_from(["==", "!="]),
        st.sampled_from(["3.9", "3", "3.11.4"]),
    ),
    st.builds(
        "sys_platform {} '{}'".format, st.sampled_from(["==", "!="]), st.sampled_from(["linux", "win32", "darwin"])
    ),
    st.sampled_from(
        [
            "'3.9' <= python_version",
            "'linux' in sys_platform",
            "platform_machine in 'x86_64 amd64'",
            "platform_machine not in 'arm64'",
            "'win32' == sys_platform",
            "os_name == 'nt'",
            "python_version in '3.8 3.9'",
            "implementation_name != 'pypy'",
        ]
    ),
)
MARKERS = st.recursive(
    COMPARISONS,
    lambda inner: st.builds("({}) {} ({})".format, inner, st.sampled_from(["and", "or"]), inner),
    max_leaves=8,
)


def where(marker: str | None) -> list[bool]:
    parsed = None if marker is None else Marker(marker)
    return [parsed is None or parsed.evaluate(machine) for machine in MACHINES]


def holds(found: Environments) -> list[bool]:
    return [False] * len(MACHINES) if found == NOWHERE else where(found.marker)


@given(MARKERS)
def test_a_set_is_where_its_marker_holds(marker: str) -> None:
    assert holds(environments_of(marker)) == where(marker)


@given(st.lists(MARKERS, min_size=1, max_size=5))
def test_union_and_intersection_are_or_and_and(markers: list[str]) -> None:
    either, both = NOWHERE, EVERYWHERE
    for marker in markers:
        either |= environments_of(marker)
        both &= environments_of(marker)
    assert holds(either) == [any(some) for some in zip(*map(where, markers), strict=True)]
    assert holds(both) == [all(some) for some in zip(*map(where, markers), strict=True)]


@given(st.lists(MARKERS, max_size=6))
@example(
    [
        "sys_platform == 'win32'",
        "python_full_version <= '3.10' and sys_platform == 'win32'",
        "python_full_version <= '3.10' and sys_platform == 'linux'",
    ]
)
def test_what_is_in_a_union_already_does_not_change_it(markers: list[str]) -> None:
    union = NOWHERE
    for marker in markers:
        union |= environments_of(marker)
    for marker in markers:
        assert union | environments_of(marker) == union


@pytest.mark.parametrize(
    ("marker", "left"),
    [
        ("os_name == 'nt' or os_name != 'nt'", None),
        ("python_version < '3.11' or python_full_version >= '3.11'", None),
        ("python_full_version >= '3.11' and python_full_version < '3.12'", 'python_version == "3.11"'),
        ("python_version < '3.9' or python_version == '3.9.*'", 'python_version < "3.10"'),
        ("os_name == '\"'", "os_name == '\"'"),
        ("sys_platform == 'b' or sys_platform == 'a'", 'sys_platform == "a" or sys_platform == "b"'),
        (
            "os_name == 'nt' and python_version < '3.11' or os_name == 'nt' and python_version >= '3.11'",
            'os_name == "nt"',
        ),
    ],
)
def test_a_marker_is_written_as_short_as_it_can_be(marker: str, left: str | None) -> None:
    assert environments_of(marker).marker == left


def test_what_cannot_be_is_nowhere() -> None:
    assert environments_of("python_version < '3.9' and python_version >= '3.10'") == NOWHERE
    assert environments_of("sys_platform == 'linux' and sys_platform == 'win32'") == NOWHERE


def test_extras_are_those_that_are_selected() -> None:
    marker = "extra == 'extra-3-foo-gpu' and sys_platform == 'linux' or extra != 'extra-3-foo-cpu'"
    for selected, left in (
        ({"extra-3-foo-gpu"}, None),
        ({"extra-3-foo-cpu"}, NOWHERE),
        ({"extra-3-foo-cpu", "extra-3-foo-gpu"}, 'sys_platform == "linux"'),
    ):
        found = environments_of(marker, selected.__contains__)
        assert found == left if isinstance(left, Environments) else found.marker == left


def test_a_union_of_too_many_is_everywhere_and_an_intersection_keeps_what_it_knows() -> None:
    many = NOWHERE
    for number in range(MOST_BOXES + 1):
        many |= environments_of(f"os_name == '{number}' and sys_platform == '{number}'")
    assert many == EVERYWHERE
    wide = NOWHERE
    for number in range(10):
        wide |= environments_of(f"os_name == '{number}' and sys_platform == '{number}'")
    other = NOWHERE
    for number in range(10):
        other |= environments_of(f"platform_machine == '{number}' and implementation_name == '{number}'")
    assert wide & other == wide


@pytest.mark.parametrize("marker", ["nonsense", "os_name ==", "os_name == 'a' and (os_name == 'b'"])
def test_what_is_no_marker_is_refused(marker: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (packaging words it)
        environments_of(marker)
