"""Files of the wanted versions are told by their names, and none of them is overlooked."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from cachi2ish.core.distributions import same_version, stated_version
from cachi2ish.core.interest import Interest

DEMO = canonicalize_name("demo-app")


@pytest.mark.parametrize(
    ("filename", "means"),
    [
        ("demo_app-1.0.tar.gz", True),
        ("demo-app-1.0.0.zip", True),
        ("Demo.App-1.0.TAR.GZ", True),
        ("demo_app-1-py3-none-any.whl", True),
        ("demo_app-1.0+cpu-py3-none-any.WHL", True),
        ("demo_app-1.0_cpu-py3-none-any.whl", True),
        ("demo_app-1.0.whl", True),
        ("demo_app-v1.0.tar.gz", True),
        ("demo_app-0!1.0.tar.gz", True),
        ("demo_app-1.0.1.tar.gz", False),
        ("demo_app-1.0.post1.tar.gz", False),
        ("demo_app-10.tar.gz", False),
        ("demo-1.0.tar.gz", False),
        ("demo_app_extra-1.0-py3-none-any.whl", False),
        ("demo_app-1.0.egg", False),
        ("", False),
    ],
)
def test_a_name_is_read_as_it_is_when_it_is_chosen(filename: str, *, means: bool) -> None:
    assert Interest(DEMO, ["1.0"]).means(filename) is means


_NUMBERS = st.sampled_from(["0", "1", "01", "2", "10", "0000000000000000001", "9" * 20])
_VERSIONS = st.one_of(
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["", "v", "V", "1!", "0!", "00!"]),
        st.lists(_NUMBERS, min_size=1, max_size=4).map(".".join),
        st.sampled_from(["", "rc1", "-rc.1", "_rc1", ".post1", "-1", "_1", ".dev0", "a", "c1"]),
        st.sampled_from(["", "+cpu", "_cpu", "+1.0", "_1.0"]),
    ),
    st.text("01.!v+-_ax", max_size=8),
)
_ENDINGS = st.sampled_from(["-py3-none-any.whl", "-1-py3-none-any.whl", ".tar.gz", ".zip", ".TGZ", ".whl"])


@given(
    stated=_VERSIONS,
    wanted=_VERSIONS,
    ending=_ENDINGS,
    name=st.sampled_from(["demo_app", "Demo-App", "demo.-app"]),
)
@example(stated="1.0000000000000000001", wanted="1.1", ending=".tar.gz", name="demo_app")
@example(stated="0!1.0", wanted="1", ending=".tar.gz", name="demo_app")
@example(stated="9" * 5000, wanted="1", ending=".tar.gz", name="demo_app")
def test_no_file_of_a_wanted_version_is_overlooked(stated: str, wanted: str, ending: str, name: str) -> None:
    filename = f"{name}-{stated}{ending}"
    version = stated_version(filename, DEMO)
    interest = Interest(DEMO, [wanted, "3.14"])
    if version is not None and (same_version(version, wanted) or same_version(version, wanted, arbitrary=True)):
        assert interest.means(filename)
    assert interest.means(filename) is interest.means(filename)


@given(stated=_VERSIONS, wanted=_VERSIONS, ending=_ENDINGS)
@example(stated="0!1.0", wanted="1", ending=".tar.gz")
@example(stated=" 1", wanted="1", ending=".tar.gz")
@example(stated="2024.07.04", wanted="2024.7.4", ending=".tar.gz")
def test_each_name_that_is_meant_has_the_necessary_pattern(stated: str, wanted: str, ending: str) -> None:
    interest = Interest(DEMO, [wanted])
    filename = f"demo_app-{stated}{ending}"
    if interest.necessary_pattern is not None and interest.means(filename):
        assert interest.necessary_pattern.search(filename.encode())


@pytest.mark.parametrize("wanted", [["1!2.0"], ["1.0", "sometime"]])
def test_what_cannot_be_told_by_numbers_has_no_necessary_pattern(wanted: list[str]) -> None:
    assert Interest(DEMO, wanted).necessary_pattern is None
