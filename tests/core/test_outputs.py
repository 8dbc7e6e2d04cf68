"""Archives from a URL or from git get a name that carries their digest or commit; wheels keep theirs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachi2ish.core.digests import Digest
from cachi2ish.core.distributions import SDIST_EXTENSIONS, plain_name
from cachi2ish.core.outputs import DEPS, name_of_git, name_of_url, url_basename
from cachi2ish.core.requirements import Git, Url
from cachi2ish.core.urls import Address
from cachi2ish.errors import LockFileError, Origin

SHA256 = Digest("sha256", "ab" * 32)
ORIGIN = Origin("requirements.txt", 3)


def url(address: str, *, name: str = "Foo.Bar", digest: Digest = SHA256) -> Url:
    return Url(name=name, url=Address(address), digest=digest, origin=ORIGIN)


@pytest.mark.parametrize("extension", SDIST_EXTENSIONS)
def test_an_archive_is_named_by_project_and_digest(extension: str) -> None:
    assert name_of_url(url(f"https://h.example/main{extension}")) == f"foo-bar-url-sha256-{'ab' * 32}{extension}"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://h.example/x/V1.TAR.GZ?download=1", f"foo-bar-url-sha256-{'ab' * 32}.tar.gz"),
        ("https://h.example/a%20b.zip", f"foo-bar-url-sha256-{'ab' * 32}.zip"),
        ("https://h.example/foo_bar-1.0-py3-none-any.whl", "foo_bar-1.0-py3-none-any.whl"),
        ("https://h.example/foo_bar-1.0%2Bcpu-py3-none-any.whl", "foo_bar-1.0+cpu-py3-none-any.whl"),
    ],
)
def test_an_address_gives_a_name(address: str, expected: str) -> None:
    assert name_of_url(url(address)) == expected


@pytest.mark.parametrize(
    "address",
    [
        "https://h.example",
        "https://h.example/",
        "https://h.example/a/",
        "https://h.example/..%2F..%2Fa.zip",
        "https://h.example/a%5Cb.whl",
        "https://h.example/a%00.zip",
        "https://h.example/..",
        "https://h.example/a.exe",
        "https://h.example/a?x=.zip",
        "https://[broken/a.zip",
        "https://h.example:port/a.zip",
    ],
)
def test_an_address_that_is_no_distributions_is_refused_with_its_line(address: str) -> None:
    with pytest.raises(LockFileError) as caught:
        name_of_url(url(address))
    assert caught.value.origin == ORIGIN
    assert caught.value.hint


def test_a_digest_that_no_file_name_can_hold_is_refused() -> None:
    with pytest.raises(LockFileError, match="too long") as caught:
        name_of_url(url("https://h.example/a.zip", digest=Digest("shake_256", "ab" * 200)))
    assert caught.value.origin == ORIGIN


def test_the_credentials_of_an_address_are_not_in_its_message() -> None:
    with pytest.raises(LockFileError) as caught:
        name_of_url(url("https://user:hunter2@h.example/a.exe?token=hunter2"))
    assert "hunter2" not in f"{caught.value}{caught.value.hint}"


def test_a_commit_is_named_by_project_and_commit() -> None:
    requirement = Git(name="Foo.Bar", url=Address("https://git.example/x.git"), commit="c" * 40, origin=ORIGIN)
    assert name_of_git(requirement) == f"foo-bar-git-{'c' * 40}.tar.gz"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://h/a/b.zip?c=d", "b.zip"),
        ("https://h/a%2Fb", "a/b"),
        ("https://h/", ""),
        ("", ""),
        ("http://[", ""),
    ],
)
def test_the_last_segment_of_an_address(address: str, expected: str) -> None:
    assert url_basename(Address(address)) == expected


@given(st.text())
def test_whatever_an_address_says_the_name_stays_in_its_directory(path: str) -> None:
    try:
        name = name_of_url(url(f"https://h.example/{path}"))
    except LockFileError:
        return
    assert plain_name(name)


def test_all_files_lie_in_one_directory() -> None:
    assert DEPS == "deps/pip"
