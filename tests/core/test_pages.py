"""The files of a version are found among thousands by their names, and none of them is overlooked."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from cachi2ish.core.digests import Digest
from cachi2ish.core.distributions import read_name, same_version
from cachi2ish.core.pages import IndexFile, Page

DEMO = canonicalize_name("demo-app")


def page_of(*filenames: str) -> Page:
    files = tuple(IndexFile(filename=name, url=f"https://files.example/{name}") for name in filenames)
    return Page(project=DEMO, index="https://index.example/simple/", files=files)


def declared_version(filename: str) -> str | None:
    """The version that a name states, by looking at this one name alone."""
    if filename.lower().endswith(".whl"):
        stem, _, rest = filename[:-4].partition("-")
        return rest.partition("-")[0] if canonicalize_name(stem) == DEMO else None
    name = read_name(filename, DEMO)
    return name.version if name else None


@pytest.mark.parametrize(
    ("filename", "is_of"),
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
def test_a_name_is_read_as_it_is_when_it_is_chosen(filename: str, *, is_of: bool) -> None:
    page = page_of(filename)
    assert page.files_of("1.0") == (page.files if is_of else ())


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
_NAMES = st.builds(
    "{}-{}{}".format,
    st.sampled_from(["demo_app", "Demo-App", "demo.-app", "demo", "demo-app-1", "other"]),
    _VERSIONS,
    st.sampled_from(["-py3-none-any.whl", "-1-py3-none-any.whl", ".tar.gz", ".zip", ".TGZ", ".whl", ".egg"]),
)


@given(names=st.lists(_NAMES, max_size=6), wanted=_VERSIONS, arbitrary=st.booleans())
@example(names=["demo_app-1.0000000000000000001.tar.gz"], wanted="1.1", arbitrary=False)
@example(names=["demo_app-0!1.0.tar.gz"], wanted="1", arbitrary=False)
@example(names=[f"demo_app-{'9' * 5000}.tar.gz"], wanted="1", arbitrary=False)
@example(names=["demo_app- 1.tar.gz"], wanted="1", arbitrary=False)
@example(names=["demo_app-2024.07.04.tar.gz"], wanted="2024.7.4", arbitrary=False)
def test_the_files_of_a_version_are_those_whose_names_state_it(
    names: list[str], wanted: str, arbitrary: bool
) -> None:
    page = page_of(*names)
    expected = [
        name
        for name in names
        if (version := declared_version(name)) is not None and same_version(version, wanted, arbitrary=arbitrary)
    ]
    for _ in range(2):
        assert [file.filename for file in page.files_of(wanted, arbitrary=arbitrary)] == expected


def test_files_can_be_compared_and_put_into_sets() -> None:
    one, same = (page_of("demo_app-1.0.zip").files[0] for _ in range(2))
    other = page_of("demo_app-1.1.zip").files[0]
    assert (one, {one, same, other}) == (same, {one, other})


def test_only_hashes_that_can_be_checked_are_digests() -> None:
    declared = (("SHA-256", "AB" * 32), ("md5", "xyz"), ("blake99", "ab"), ("sha512", ""))
    file = IndexFile(filename="demo_app-1.0.zip", url="https://files.example/x", hashes=declared)
    assert file.digests == {Digest("sha256", "ab" * 32)}


def test_the_address_of_a_file_is_not_in_its_repr() -> None:
    file = IndexFile(filename="demo_app-1.0.zip", url="https://files.example/x?token=hunter2")
    assert "hunter2" not in repr(file)
