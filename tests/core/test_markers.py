"""What is left of a marker once extras and dependency groups are chosen (PEP 751)."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker, default_environment

from cachi2ish.core.targets.markers import settle

NOTHING: dict[str, frozenset[str]] = {"extras": frozenset(), "dependency_groups": frozenset()}


@pytest.mark.parametrize(
    ("marker", "left"),
    [
        ("os_name == 'nt'", 'os_name == "nt"'),
        ("'s3' in extras", False),
        ("'s3' not in extras", True),
        ("'Main_Group' in dependency_groups", True),
        ("'main-group' in dependency_groups and os_name == 'nt'", 'os_name == "nt"'),
        ("'dev' in dependency_groups or os_name == 'nt'", 'os_name == "nt"'),
        ("('dev' in dependency_groups) and (python_version >= '3.10')", False),
        (
            "'main-group' in dependency_groups and (os_name == 'nt' or python_version < '3.12')",
            'os_name == "nt" or python_version < "3.12"',
        ),
        (
            "python_version not in '3.8 3.9' and ('x' in extras or 'linux' in sys_platform)",
            'python_version not in "3.8 3.9" and "linux" in sys_platform',
        ),
        ("os_name == 'extras'", 'os_name == "extras"'),
        ("""os_name == 'a "b" in'""", """os_name == 'a "b" in'"""),
    ],
)
def test_set_variables_are_settled_and_the_rest_stays(marker: str, left: str | bool) -> None:
    assert settle(Marker(marker), {**NOTHING, "dependency_groups": {"main-group"}}) == left


@pytest.mark.parametrize("marker", ["extras == 's3'", "'s3' >= extras", "extras in 's3'"])
def test_a_set_is_not_compared_with_anything(marker: str) -> None:
    with pytest.raises(ValueError, match="is no comparison with a set"):
        settle(Marker(marker), NOTHING)


ATOMS = st.sampled_from(
    [
        "'a' in extras",
        "'B_b' not in extras",
        "'dev' in dependency_groups",
        "'dev' not in dependency_groups",
        "os_name == 'posix'",
        "os_name != 'posix'",
        "python_version > '3.9'",
        "sys_platform in 'linux darwin'",
    ]
)
MARKERS = st.recursive(
    ATOMS,
    lambda inner: st.builds(lambda a, word, b: f"({a}) {word} {b}", inner, st.sampled_from(["and", "or"]), inner),
    max_leaves=12,
)
NAMES = st.frozensets(st.sampled_from(["a", "b-b", "dev"]))


@given(MARKERS, NAMES, NAMES)
def test_what_is_left_holds_where_the_whole_does(
    text: str, extras: frozenset[str], groups: frozenset[str]
) -> None:
    marker = Marker(text)
    sets = {"extras": extras, "dependency_groups": groups}
    left = settle(marker, sets)
    environment = cast("dict[str, str | frozenset[str]]", default_environment())
    whole = marker.evaluate({**environment, **sets}, context="lock_file")
    assert (left if isinstance(left, bool) else Marker(left).evaluate()) == whole
