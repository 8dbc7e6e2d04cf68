from __future__ import annotations

import hashlib

import pytest
from pydantic import ValidationError

from benchmarks.failures import BenchmarkError
from benchmarks.workload import ListedFile, Pin, hold, platforms, read_pins

SDIST, PURE = "pear-1.0.tar.gz", "pear-1.0-py3-none-any.whl"
NATIVE = "pear-1.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
STABLE = "pear-1.0-cp39-abi3-manylinux_2_28_x86_64.whl"
NEWER_GLIBC = "pear-1.0-cp312-cp312-manylinux_2_34_x86_64.whl"
OTHER_PYTHON = "pear-1.0-cp313-cp313-manylinux_2_28_x86_64.whl"


def listed(filename: str) -> ListedFile:
    sha256 = hashlib.sha256(filename.encode()).hexdigest()
    return ListedFile(filename=filename, url=f"https://files.example/{filename}", sha256=sha256)


def pin(*filenames: str) -> Pin:
    return Pin("pear", "1.0", frozenset(listed(filename).sha256 for filename in filenames))


def held_wheel(*wheels: str) -> str:
    files = [listed(filename) for filename in (*wheels, SDIST)]
    return hold(pin(*wheels, SDIST), files)[1].file.filename


def test_pins_are_read_with_all_their_digests() -> None:
    one, two = "1" * 64, "2" * 64
    text = f"# by uv\napple==1.0 \\\n    --hash=sha256:{one} \\\n    --hash=sha256:{two}\n    # via pear\n\n"
    assert read_pins(text) == (Pin("apple", "1.0", frozenset({one, two})),)


@pytest.mark.parametrize("line", ["apple==1.0", "apple>=1.0 --hash=sha256:" + "1" * 64, "-r more.txt"])
def test_a_line_that_does_not_say_which_file_is_refused(line: str) -> None:
    with pytest.raises(BenchmarkError, match=r"no pin with sha256 digests: "):
        read_pins(line)


def test_a_file_without_pins_is_refused() -> None:
    with pytest.raises(BenchmarkError, match="pins nothing"):
        read_pins("# nothing\n")


def test_older_platforms_follow_the_best_one() -> None:
    assert platforms()[:2] == ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64")
    place = platforms().index("manylinux2014_x86_64")
    assert platforms()[place - 1 : place + 2 : 2] == ("manylinux_2_17_x86_64", "manylinux_2_16_x86_64")
    assert platforms()[-1] == "linux_x86_64"


@pytest.mark.parametrize(
    ("wheels", "best"),
    [
        ((PURE, NATIVE), NATIVE),
        ((STABLE, NATIVE), NATIVE),
        ((STABLE, PURE), STABLE),
        ((NEWER_GLIBC, OTHER_PYTHON, PURE), PURE),
        (("pear-1.0-2-py3-none-any.whl", "pear-1.0-10-py3-none-any.whl", PURE), "pear-1.0-10-py3-none-any.whl"),
    ],
)
def test_the_wheel_that_pip_would_take_is_held(wheels: tuple[str, ...], best: str) -> None:
    assert held_wheel(*wheels) == best
    assert held_wheel(*reversed(wheels)) == best


def test_a_file_that_is_not_pinned_is_not_held() -> None:
    files = [listed(NATIVE), listed(PURE), listed("pear-1.0.zip"), listed(SDIST)]
    sdist, wheel = hold(pin(PURE, SDIST), files)
    assert (sdist.file.filename, wheel.file.filename) == (SDIST, PURE)


@pytest.mark.parametrize(
    ("there", "missing"), [([PURE], "sdist"), ([SDIST, NEWER_GLIBC], r"wheel for Python 3\.12 on manylinux_2_28")]
)
def test_a_pin_without_both_files_is_refused(there: list[str], missing: str) -> None:
    with pytest.raises(BenchmarkError, match=f"has no {missing}.* of pear 1.0"):
        hold(pin(*there), [listed(filename) for filename in there])


@pytest.mark.parametrize("filename", ["../pear.tar.gz", "a/b.tar.gz", ".hidden", ""])
def test_a_name_that_would_be_another_path_is_refused(filename: str) -> None:
    with pytest.raises(ValidationError):
        listed(filename)
