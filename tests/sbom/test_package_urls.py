"""Package URLs say what was fetched and from where, and a second reader understands them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageurl import PackageURL
from packaging.utils import canonicalize_name

from cachi2ish.core.digests import Digest
from cachi2ish.core.inventory import Dependency, FromGit, FromIndex, FromUrl, MainPackage, Source, VcsOrigin
from cachi2ish.core.urls import redact
from cachi2ish.sbom import package_urls

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SHA = "ab" * 32
DEFAULT = FromIndex(index="https://index.example/simple", default=True)
VCS = VcsOrigin(url="https://git.example/group/x.git", commit=COMMIT)


@pytest.mark.parametrize(
    ("name", "version", "source", "expected"),
    [
        ("requests", "2.32.3", DEFAULT, "pkg:pypi/requests@2.32.3"),
        ("Zope.Interface", "1", DEFAULT, "pkg:pypi/zope-interface@1"),
        ("a__b", "1.0+cpu", DEFAULT, "pkg:pypi/a-b@1.0%2Bcpu"),
        ("a", "1!2.0.post1", DEFAULT, "pkg:pypi/a@1%212.0.post1"),
        ("a", "01.0-RC1", DEFAULT, "pkg:pypi/a@01.0-RC1"),
        ("a", None, DEFAULT, "pkg:pypi/a"),
        (
            "a",
            "1",
            FromIndex(index="https://private.example:8443/simple/", default=False),
            "pkg:pypi/a@1?repository_url=https://private.example:8443/simple/",
        ),
        (
            "a",
            None,
            FromUrl(url="https://files.example/a.zip?x=1&y=2", digest=Digest("sha256", SHA)),
            f"pkg:pypi/a?checksum=sha256:{SHA}&download_url=https://files.example/a.zip%3Fx%3D1%26y%3D2",
        ),
        (
            "a",
            "1",
            FromUrl(url="https://files.example/a%20b.zip", digest=Digest("sha512", SHA + SHA)),
            f"pkg:pypi/a@1?checksum=sha512:{SHA}{SHA}&download_url=https://files.example/a%2520b.zip",
        ),
        ("x", "1", FromGit(vcs=VCS), f"pkg:pypi/x@1?vcs_url=git%2Bhttps://git.example/group/x.git%40{COMMIT}"),
        (
            "x",
            None,
            FromGit(vcs=VCS, subdirectory="python/a b"),
            f"pkg:pypi/x?vcs_url=git%2Bhttps://git.example/group/x.git%40{COMMIT}#python/a%20b",
        ),
        (
            "x",
            "1",
            FromGit(vcs=VcsOrigin(url="ssh://git@git.example/x.git", commit=COMMIT)),
            f"pkg:pypi/x@1?vcs_url=git%2Bssh://git%40git.example/x.git%40{COMMIT}",
        ),
    ],
)
def test_a_dependency_says_where_it_was_taken_from(
    name: str, version: str | None, source: Source, expected: str
) -> None:
    purl = package_urls.of_dependency(Dependency(name=name, version=version, source=source, files=()))
    assert purl == expected
    read = PackageURL.from_string(expected)
    assert str(read) == purl
    assert read.version == version
    assert str(read) == expected


_TEXTS = st.text(min_size=1, max_size=12)


@given(
    name=st.one_of(st.from_regex("[A-Za-z0-9._-]{1,8}", fullmatch=True), _TEXTS).filter(str.strip),
    version=st.one_of(st.none(), st.from_regex("[0-9A-Za-z.+!-]{1,8}", fullmatch=True)),
    path=st.one_of(
        st.from_regex("[a-z/?&=:@%+ ~é]{0,12}", fullmatch=True), _TEXTS.filter(lambda text: "#" not in text)
    ),
)
def test_what_is_plain_is_written_as_the_library_writes_all(name: str, version: str | None, path: str) -> None:
    url = f"https://files.example/{path}"
    source = FromUrl(url=url, digest=Digest("sha256", SHA))
    qualifiers = {"checksum": f"sha256:{SHA}", "download_url": redact(url)}
    try:
        expected = str(PackageURL("pypi", None, canonicalize_name(name), version, qualifiers))
    except ValueError:
        return
    assert package_urls.of_dependency(Dependency(name=name, version=version, source=source, files=())) == expected


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        (MainPackage(name="App", version="1.0"), "pkg:pypi/app@1.0"),
        (MainPackage(name="App", version=None, path="pkg/a"), "pkg:pypi/app#pkg/a"),
        (
            MainPackage(name="app", version="1", vcs=VCS),
            f"pkg:pypi/app@1?vcs_url=git%2Bhttps://git.example/group/x.git%40{COMMIT}",
        ),
        (
            MainPackage(name="app", version="1", path="pkg/a", vcs=VCS),
            f"pkg:pypi/app@1?vcs_url=git%2Bhttps://git.example/group/x.git%40{COMMIT}#pkg/a",
        ),
    ],
)
def test_a_main_package_says_which_checkout_it_is(package: MainPackage, expected: str) -> None:
    purl = package_urls.of_main_package(package)
    assert purl == expected
    assert str(PackageURL.from_string(expected)) == purl


@pytest.mark.parametrize(
    "source",
    [
        FromIndex(index="https://user:hunter2@private.example/simple", default=False),
        FromUrl(url="https://hunter2@files.example/a.zip?token=hunter2", digest=Digest("sha256", SHA)),
        FromGit(vcs=VcsOrigin(url="https://user:hunter2@git.example/x.git", commit=COMMIT)),
    ],
)
def test_a_credential_that_slipped_through_does_not_get_out(source: Source) -> None:
    purl = package_urls.of_dependency(Dependency(name="a", version="1", source=source, files=()))
    assert "hunter2" not in purl
    assert "user" not in purl
