"""File names are read as pip reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from cachi2ish.core.distributions import (
    SDIST_EXTENSIONS,
    SdistName,
    WheelName,
    by_version,
    is_wheel,
    plain_name,
    possible_names,
    read_name,
    same_version,
    sdist_extension,
    wheel_tags,
    which_are,
)


@pytest.mark.parametrize(
    ("filename", "project", "version", "extension"),
    [
        ("foo-1.0.tar.gz", "foo", "1.0", ".tar.gz"),
        ("Foo.Bar-1.0.zip", "foo-bar", "1.0", ".zip"),
        ("foo__bar-1.0.tgz", "foo-bar", "1.0", ".tgz"),
        ("foo-bar-1.0.tar.bz2", "foo-bar", "1.0", ".tar.bz2"),
        ("foo-2-1.0.tar.xz", "foo-2", "1.0", ".tar.xz"),
        ("foo-1.0-1.tar.gz", "foo", "1.0-1", ".tar.gz"),
        ("foo-1.0+cpu.tar.gz", "foo", "1.0+cpu", ".tar.gz"),
        ("foo-1.0.TAR.GZ", "foo", "1.0", ".tar.gz"),
        ("foo-bar-1.0.tar.gz", "foo", "bar-1.0", ".tar.gz"),
    ],
)
def test_the_version_of_an_sdist_stands_behind_the_name(
    filename: str, project: str, version: str, extension: str
) -> None:
    assert read_name(filename, canonicalize_name(project)) == SdistName(version, extension)


@pytest.mark.parametrize(
    ("filename", "project"),
    [
        ("foo-1.0.tar.gz", "bar"),
        ("foo-1.0.tar.gz", "foo-1"),
        ("foobar-1.0.tar.gz", "foo"),
        ("foo.tar.gz", "foo"),
        ("foo-.tar.gz", "foo"),
        ("foo_1.0.tar.gz", "foo"),  # pip takes no other separator than "-", so it could not install this
        (".tar.gz", "foo"),
        ("foo-1.0", "foo"),
        ("foo-1.0.exe", "foo"),
        ("foo-1.0-py3.8.egg", "foo"),
        ("foo-1.0.tar.gz.asc", "foo"),
        ("foo-1.0-py3-none-any.whl.metadata", "foo"),
        ("foo-1.0.whl", "foo"),
        ("foo-1.0-py3-none.whl", "foo"),
        ("foo-legacy-py3-none-any.whl", "foo"),
        ("foo-1.0-x-py3-none-any.whl", "foo"),
        ("foo__bar-1.0-py3-none-any.whl", "foo-bar"),
        ("bar-1.0-py3-none-any.whl", "foo"),
        ("", "foo"),
    ],
)
def test_a_name_of_something_else_says_nothing(filename: str, project: str) -> None:
    assert read_name(filename, canonicalize_name(project)) is None


@pytest.mark.parametrize(
    ("filename", "project", "version", "tags"),
    [
        ("foo-1.0-py3-none-any.whl", "foo", "1.0", {"py3-none-any"}),
        ("foo-1.0-py2.py3-none-any.whl", "foo", "1.0", {"py2-none-any", "py3-none-any"}),
        ("Foo_Bar-1.0-1-py3-none-any.whl", "foo-bar", "1.0", {"py3-none-any"}),
        ("foo-1.0+cu118-cp311-cp311-linux_x86_64.whl", "foo", "1.0+cu118", {"cp311-cp311-linux_x86_64"}),
        ("foo-1.0.post1-py3-none-any.WHL", "foo", "1.0.post1", {"py3-none-any"}),
    ],
)
def test_a_wheel_says_its_version_and_its_tags(filename: str, project: str, version: str, tags: set[str]) -> None:
    name = read_name(filename, canonicalize_name(project))
    assert isinstance(name, WheelName)
    assert name.version == version
    assert {str(tag) for tag in name.tags} == tags


@given(st.text(max_size=40), st.sampled_from(["foo", "foo-bar"]))
def test_any_name_can_be_read(filename: str, project: str) -> None:
    for ending in ("", ".whl", ".tar.gz", "-py3-none-any.whl"):
        read_name(filename + ending, canonicalize_name(project))


@given(
    st.from_regex(r"\A[A-Za-z0-9]([A-Za-z0-9._-]{0,10}[A-Za-z0-9])?\Z"),
    st.sampled_from(["0", "1.0", "1.0rc1", "2!3.4.post5.dev6", "1.0+abc.1"]),
    st.sampled_from(SDIST_EXTENSIONS),
)
def test_what_is_named_by_the_rule_is_read_back(project: str, version: str, extension: str) -> None:
    escaped = canonicalize_name(project).replace("-", "_")  # PEP 625
    name = read_name(f"{escaped}-{version}{extension}", canonicalize_name(project))
    assert name == SdistName(version, extension)


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        *((f"a-1{extension}", extension) for extension in SDIST_EXTENSIONS),
        ("A.TAR.BZ2", ".tar.bz2"),
        ("a.gz", None),
        ("a.whl", None),
        ("targz", None),
    ],
)
def test_an_archive_is_known_by_its_ending(filename: str, expected: str | None) -> None:
    assert sdist_extension(filename) == expected


def test_a_tar_gz_is_preferred_to_a_zip_and_that_to_the_rest() -> None:
    assert SDIST_EXTENSIONS[:2] == (".tar.gz", ".zip")


def test_a_wheel_is_known_by_its_ending() -> None:
    assert is_wheel("a.whl")
    assert is_wheel("a.WHL")
    assert not is_wheel("whl")
    assert not is_wheel("a.whl.zip")


@pytest.mark.parametrize(
    ("stated", "wanted"),
    [
        ("1.0", "1.0"),
        ("1.0.0", "1"),
        ("1", "1.0.0"),
        ("01.0", "1.0"),
        ("1.0rc1", "1.0.RC.1"),
        ("1.0_rc1", "1.0rc1"),
        ("1.0_post1", "1.0.post1"),
        ("1.0-1", "1.0.post1"),
        ("v1.0", "1.0"),
        ("1!1.0", "1!1"),
        ("1.0+cpu", "1.0"),
        ("1.0+cpu", "1.0+CPU"),
        ("1.0_cpu", "1.0+cpu"),
        ("1.0+cu_11.8", "1.0+cu.11-8"),
        ("2004d", "2004d"),
        ("2004D", "2004d"),
        ("1-beta-x", "1-beta-x"),
        ("1_beta_x", "1-beta-x"),
    ],
)
def test_versions_are_the_same_as_versions(stated: str, wanted: str) -> None:
    assert same_version(stated, wanted)


@pytest.mark.parametrize(
    ("stated", "wanted"),
    [
        ("1.0", "1.0.1"),
        ("1.0", "1.0rc1"),
        ("1.0.post1", "1.0"),
        ("1.0_post1", "1.0"),
        ("1.0-1", "1.0"),
        ("1.0_rc1", "1.0"),
        ("1.0.dev1", "1.0"),
        ("1!1.0", "1.0"),
        ("1.0", "1.0+cpu"),
        ("1.0+cu118", "1.0+cu117"),
        ("bar-1.0", "1.0"),
        ("2004d", "2004"),
        ("", "1.0"),
    ],
)
def test_other_versions_are_not_the_same(stated: str, wanted: str) -> None:
    assert not same_version(stated, wanted)


@pytest.mark.parametrize(
    ("stated", "wanted", "expected"),
    [
        ("1.0", "1.0", True),
        ("1.0.0", "1.0", False),
        ("1.0", "1.0.0", False),
        ("1.0-dev1", "1.0.dev1", True),
        ("1.0dev1", "1.0.DEV1", True),
        ("1.0+cpu", "1.0", False),
        ("1.0+cpu", "1.0+cpu", True),
        ("1.0-odd", "1.0-odd", True),
        ("1.0_odd", "1.0-odd", True),
        ("1.0-Odd", "1.0-odd", True),
    ],
)
def test_arbitrary_equality_compares_text(stated: str, wanted: str, expected: bool) -> None:
    assert same_version(stated, wanted, arbitrary=True) is expected


VERSIONS = st.builds(
    "{}{}{}{}".format,
    st.lists(st.integers(0, 20), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts))),
    st.sampled_from(["", "a1", "rc2"]),
    st.sampled_from(["", ".post1"]),
    st.sampled_from(["", ".dev3"]),
)


@given(VERSIONS, VERSIONS, st.sampled_from(["", "+x", "+x.1"]))
def test_without_a_local_label_it_is_pep_440s_equality(stated: str, wanted: str, label: str) -> None:
    assert same_version(stated + label, wanted) is (Version(stated) == Version(wanted))


@pytest.mark.parametrize(
    "filename", ["a.tar.gz", "a b.zip", "é.zip", ".hidden", "a%2Fb.zip", "...", "-a.zip", "x" * 255]
)
def test_a_plain_name_can_be_a_file(filename: str) -> None:
    assert plain_name(filename)


@pytest.mark.parametrize(
    "filename",
    [
        "",
        ".",
        "..",
        "/",
        "a/b",
        "../a",
        "a/",
        "/a",
        "a\\b",
        "a\0b",
        "a\nb",
        "\x1b[31m",
        "x" * 256,
        "é" * 128,
        "\ud800",
    ],
)
def test_anything_else_is_refused(filename: str) -> None:
    assert not plain_name(filename)


@pytest.mark.parametrize(
    "filename",
    [
        "a-1.0-py3-none-any.whl",
        "a-1.0-1b-py2.py3-none-any.whl",
        "A.b-1.0+local-cp312-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.WHL",
        "a-b-1.0-1-py3-none-any.whl",
        "a-1.0-b-py3-none-any.whl",
        "a__b-1.0-py3-none-any.whl",
        "a-one-py3-none-any.whl",
        "a-1.0-py3-none.whl",
        "py3-none-any.whl",
        "a-1.0-py3--any.whl",
        "-----.whl",
        ".whl",
    ],
)
def test_a_wheel_is_read_as_packaging_reads_it(filename: str) -> None:
    try:
        project, _, build, tags = parse_wheel_filename(filename[:-4] + ".whl")
    except ValueError:
        assert wheel_tags(filename) == frozenset()
        return
    name = read_name(filename, project)
    assert isinstance(name, WheelName)
    assert (name.version, name.tags, name.build) == (filename.split("-")[1], tags, build)
    assert wheel_tags(filename) == tags


def simple_version(filename: str, project: str) -> str | None:
    """The rule as one would write it for one name."""
    if filename.lower().endswith(".whl"):
        stem, _, rest = filename[:-4].partition("-")
        return rest.partition("-")[0] if canonicalize_name(stem) == project else None
    extension = sdist_extension(filename)
    parts = filename[: -len(extension)].split("-") if extension else []
    for count in range(1, len(parts)):
        name, version = "-".join(parts[:count]), "-".join(parts[count:])
        if canonicalize_name(name) == project and version:
            return version
    return None


_BEGINNINGS = st.sampled_from(["foo", "Foo", "foo-bar", "foo_bar", "foo-foo", "bar", "foo--bar", "", "foo.tar.gz"])
_MIDDLES = st.sampled_from(
    ["-1.0", "-1.0-1", "-", "--", "", "-2.0-py3-none-any", "-bar-1.0", "-1.0-", "\n-1.0", "-ü"]
)
_ENDS = st.sampled_from([".tar.gz", ".TAR.gz", ".zip", ".whl", ".WHL", ".tar.gz.whl", ".whl.tar.gz", "", ".gz"])


@given(
    st.lists(st.builds("{}{}{}".format, _BEGINNINGS, _MIDDLES, _ENDS) | st.text("fo-.1whltargzW\n", max_size=12)),
    st.sampled_from(["foo", "foo-bar", "foo-foo", "foo-tar-gz"]),
)
def test_all_names_of_a_page_are_read_as_each_alone(names: list[str], project: str) -> None:
    expected: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        if (version := simple_version(name, project)) is not None:
            expected.setdefault(version, []).append(position)
    assert by_version(names, canonicalize_name(project)) == expected


_NUMBERS = st.sampled_from(["0", "1", "2", "10", "01", "00", "001", "21", "026", "2024"])
_RELEASES = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "v", "V", " ", "0!", "1!"]),
    st.lists(_NUMBERS, min_size=1, max_size=4).map(".".join),
    st.sampled_from(["", "rc1", "-1", ".post1", "+cpu", "_cpu", ".dev0", "."]),
    st.sampled_from(["", " "]),
)


@given(_RELEASES, _RELEASES, st.booleans())
def test_a_name_of_the_version_is_among_those_that_are_possible(
    declared: str, wanted: str, arbitrary: bool
) -> None:
    name = f"foo-{declared}.tar.gz"
    if which_are(wanted, [declared], arbitrary=arbitrary):
        assert list(possible_names([name], wanted)) == [0]


def test_names_with_other_numbers_are_not_possible() -> None:
    names = ["foo-1.26.4.tar.gz", "foo-1.26.3.tar.gz", "foo-2.26.4.zip", "foo-1.026.04.zip", "foo-1.27.4.zip"]
    assert list(possible_names(names, "1.26.4")) == [0, 3]
