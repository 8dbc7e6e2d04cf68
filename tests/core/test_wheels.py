"""Hermeto's filter of wheels, by tags instead of by substrings."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from packaging.tags import parse_tag

from cachi2ish.cli.display.hints import hint_of
from cachi2ish.core.choose.checks import Policy
from cachi2ish.core.choose.choice import choose
from cachi2ish.core.choose.explain import words_of
from cachi2ish.core.targets.wheel_filter import WheelFilter
from cachi2ish.errors import UnavailableError
from tests.core.one_project import SDIST, names, page, pin, reasons

DEFAULT = WheelFilter()
EVERY = WheelFilter(arch=None, os=None, py_impl=None)


def words(text: str) -> frozenset[str]:
    return frozenset(text.split(","))


def passes(wheel_filter: WheelFilter, tags: str) -> bool:
    return wheel_filter.why_not(parse_tag(tags)) is None


@pytest.mark.parametrize(
    ("wheel_filter", "tags"),
    [
        (DEFAULT, "py3-none-any"),
        (DEFAULT, "py2.py3-none-any"),
        (DEFAULT, "cp312-cp312-manylinux_2_28_x86_64"),
        (DEFAULT, "cp38-cp38-manylinux_2_17_x86_64.manylinux2014_x86_64"),
        (DEFAULT, "cp313-cp313t-musllinux_1_2_x86_64"),
        (DEFAULT, "cp39-abi3-linux_x86_64"),
        (DEFAULT, "py3-none-manylinux1_x86_64"),
        (EVERY, "pp311-pypy311_pp73-win_amd64"),
        (EVERY, "py2-none-any"),
        (EVERY, "cp27-cp27mu-emscripten_3_1_58_wasm32"),
        (replace(DEFAULT, py_version=(3, 12)), "cp312-cp312-linux_x86_64"),
        (replace(DEFAULT, py_version=(3, 12)), "cp39-abi3-linux_x86_64"),
        (replace(DEFAULT, py_version=(3, 12)), "py39-none-any"),
        (replace(DEFAULT, py_version=(3, 12)), "py38.py39.py310-none-any"),
        (replace(DEFAULT, py_version=(3, 9)), "py3-none-any"),
        (replace(DEFAULT, abi=words("cp312")), "cp39-abi3-linux_x86_64"),
        (replace(DEFAULT, abi=words("cp312")), "py3-none-any"),
        (replace(DEFAULT, abi=words("cp312,cp313t")), "cp313-cp313t-linux_x86_64"),
        (replace(DEFAULT, py_impl=words("pp")), "pp311-pypy311_pp73-linux_x86_64"),
        (replace(DEFAULT, py_impl=words("pp")), "py3-none-any"),
        (replace(DEFAULT, py_impl=words("cp312")), "cp312-cp312-linux_x86_64"),
        (replace(DEFAULT, arch=words("x86_64,aarch64")), "cp312-cp312-manylinux_2_17_aarch64"),
        (replace(DEFAULT, os=words("linux,macosx")), "cp312-cp312-macosx_11_0_x86_64"),
        (replace(DEFAULT, os=words("macosx"), arch=words("arm64")), "cp312-cp312-macosx_11_0_universal2"),
        (replace(DEFAULT, os=words("macos")), "cp312-cp312-macosx_10_9_universal2"),
        (replace(DEFAULT, os=words("win"), arch=words("amd64")), "cp312-cp312-win_amd64"),
        (replace(DEFAULT, os=words("windows"), arch=words("win32")), "cp312-cp312-win32"),
        (replace(DEFAULT, os=words("manylinux")), "cp312-cp312-manylinux2014_x86_64"),
        (replace(DEFAULT, os=words("manylinux2014")), "cp312-cp312-manylinux2014_x86_64"),
        (replace(DEFAULT, os=words("manylinux_2_17")), "cp312-cp312-manylinux_2_17_x86_64"),
        (WheelFilter(platform="manylinux.*_(x86_64|aarch64)$"), "cp312-cp312-manylinux_2_17_aarch64"),
        (WheelFilter(platform="2_17|any"), "py3-none-any"),
    ],
)
def test_a_wheel_passes(wheel_filter: WheelFilter, tags: str) -> None:
    assert passes(wheel_filter, tags)


@pytest.mark.parametrize(
    ("wheel_filter", "tags", "says"),
    [
        (DEFAULT, "cp312-cp312-manylinux_2_17_aarch64", "binary.arch"),
        (DEFAULT, "cp312-cp312-macosx_10_9_x86_64", "binary.os"),
        (DEFAULT, "cp312-cp312-win_amd64", "binary.os"),
        (DEFAULT, "pp311-pypy311_pp73-manylinux_2_17_x86_64", "binary.py_impl"),
        (DEFAULT, "py2-none-any", "binary.py_impl"),
        (replace(DEFAULT, arch=words("arm")), "cp312-cp312-linux_armv7l", "binary.arch"),
        (replace(DEFAULT, arch=words("64")), "cp312-cp312-linux_x86_64", "binary.arch"),
        (replace(DEFAULT, arch=words("ppc64")), "cp312-cp312-manylinux_2_17_ppc64le", "binary.arch"),
        (replace(DEFAULT, os=words("musllinux")), "cp312-cp312-manylinux_2_17_x86_64", "binary.os"),
        (replace(DEFAULT, os=words("manylinux")), "cp312-cp312-musllinux_1_2_x86_64", "binary.os"),
        (replace(DEFAULT, os=words("manylinux_2_1")), "cp312-cp312-manylinux_2_17_x86_64", "binary.os"),
        (replace(DEFAULT, py_version=(3, 1)), "cp312-cp312-linux_x86_64", "Python 3.1 (binary.py_version)"),
        (replace(DEFAULT, py_version=(3, 12)), "cp313-abi3-linux_x86_64", "binary.py_version"),
        (replace(DEFAULT, py_version=(3, 12)), "cp311-cp311-linux_x86_64", "binary.py_version"),
        (replace(DEFAULT, py_version=(3, 12), py_impl=None), "py2-none-any", "binary.py_version"),
        (replace(DEFAULT, py_impl=words("cp31")), "cp312-cp312-linux_x86_64", "binary.py_impl"),
        (replace(DEFAULT, abi=words("cp31")), "cp312-cp312-linux_x86_64", "binary.abi"),
        (replace(DEFAULT, abi=words("cp313")), "cp313-cp313t-linux_x86_64", "binary.abi"),
        (WheelFilter(platform="manylinux"), "py3-none-any", "binary.platform"),
        # one of the tags must pass as a whole
        (replace(DEFAULT, abi=words("cp312")), "cp312-cp311-linux_x86_64", "binary.abi"),
    ],
)
def test_a_wheel_is_left_for_what_its_tags_say(wheel_filter: WheelFilter, tags: str, says: str) -> None:
    why = wheel_filter.why_not(parse_tag(tags))
    assert why is not None
    assert says in words_of(*why)


@pytest.mark.parametrize(
    ("wheel_filter", "marker", "wanted"),
    [
        (DEFAULT, None, True),
        (DEFAULT, 'sys_platform == "win32"', False),
        (DEFAULT, 'platform_machine == "x86_64"', True),
        (DEFAULT, 'platform_machine == "ppc64le"', False),
        (DEFAULT, 'implementation_name == "pypy"', False),
        (DEFAULT, 'python_version < "3"', True),  # py_version says nothing
        (replace(DEFAULT, py_version=(3, 12)), 'python_version < "3"', False),
        (replace(DEFAULT, py_version=(3, 12)), 'python_full_version < "3"', True),
        (replace(DEFAULT, os=words("linux,win")), 'sys_platform == "win32"', True),
        (replace(DEFAULT, os=words("win"), arch=words("amd64")), 'platform_machine == "AMD64"', True),
        (replace(DEFAULT, os=None), 'sys_platform == "win32"', True),
        (replace(DEFAULT, os=words("plan9")), 'sys_platform == "win32"', True),
        (WheelFilter(platform="manylinux"), 'sys_platform == "win32"', True),
        (EVERY, 'sys_platform == "win32" and implementation_name == "pypy"', True),
    ],
)
def test_a_marker_counts_only_where_the_filter_settles_it(
    wheel_filter: WheelFilter, marker: str | None, *, wanted: bool
) -> None:
    assert Policy(wheels=True, binary=wheel_filter).wants(marker) is wanted


@pytest.mark.parametrize(
    ("wheel_filter", "says"),
    [
        (replace(DEFAULT, arch=words("arm")), "did you mean 'arm64' or 'armv7l'?"),
        (replace(DEFAULT, os=words("linus")), "did you mean 'linux'"),
        (replace(DEFAULT, os=words("plan9")), "no tag of a wheel says plan9"),
    ],
)
def test_a_word_that_no_tag_has_is_told(wheel_filter: WheelFilter, says: str) -> None:
    (sentence,) = wheel_filter.unknown_words()
    assert says in sentence


@pytest.mark.parametrize("os", ["linux", "manylinux2014", "musllinux_1_2", "macosx_11_0", "win32", "win_amd64"])
def test_a_word_that_begins_a_tag_is_known(os: str) -> None:
    assert list(replace(DEFAULT, os=words(os)).unknown_words()) == []


LINUX, ARM = "foo-1.0-cp312-cp312-manylinux_2_17_x86_64.whl", "foo-1.0-cp312-cp312-manylinux_2_17_aarch64.whl"


def by(packages: frozenset[str] | None = None) -> Policy:
    return Policy(wheels=True, binary=replace(DEFAULT, packages=packages))


def test_for_all_packages_wheels_that_pass_come_beside_the_sdist() -> None:
    choice = choose(pin(), page(SDIST, LINUX, ARM), by())
    assert names(choice) == [SDIST, LINUX]
    assert reasons(choice) == {ARM: "its platform is not linux on x86_64 (binary.os, binary.arch)"}
    assert [file.filename for file in choice.left] == [ARM]


def test_for_all_packages_the_sdist_serves_where_no_wheel_passes() -> None:
    assert names(choose(pin(), page(SDIST, ARM), by())) == [SDIST]
    assert names(choose(pin(), page(LINUX, ARM), by())) == [LINUX]


def test_a_named_package_comes_as_wheels_only() -> None:
    choice = choose(pin(), page(SDIST, LINUX), by(packages=words("bar,foo")))
    assert names(choice) == [LINUX]
    assert reasons(choice) == {SDIST: "binary.packages names the project, so only its wheels are taken"}
    with pytest.raises(UnavailableError, match=r"binary\.arch") as caught:
        choose(pin(), page(SDIST, ARM), by(packages=words("foo")))
    assert 'change "binary"' in (hint_of(caught.value) or "")


def test_a_package_that_is_not_named_comes_as_an_sdist() -> None:
    choice = choose(pin(), page(SDIST, LINUX), by(packages=words("bar")))
    assert names(choice) == [SDIST]
    with pytest.raises(UnavailableError, match=r"binary\.packages does not name"):
        choose(pin(), page(LINUX), by(packages=words("bar")))
