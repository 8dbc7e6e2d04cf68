from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachi2ish.core.urls import Address
from cachi2ish.git.dotgit import abbreviation
from cachi2ish.git.objects import safe_link
from cachi2ish.git.remotes import remote
from cachi2ish.git.tar import gzip_stored, zlib_stored

CHUNKS = st.lists(st.binary(max_size=50) | st.integers(0, 140_000).map(bytes), max_size=5)


@given(CHUNKS)
def test_stored_streams_are_read_by_every_reader(chunks: list[bytes]) -> None:
    content = b"".join(chunks)
    assert gzip.decompress(b"".join(gzip_stored(chunks))) == content
    assert zlib.decompress(b"".join(zlib_stored(chunks))) == content


@given(CHUNKS)
def test_stored_streams_do_not_depend_on_how_the_content_was_cut(chunks: list[bytes]) -> None:
    content = b"".join(chunks)
    assert b"".join(gzip_stored(chunks)) == b"".join(gzip_stored([content]))


@pytest.mark.parametrize(("objects", "digits"), [(0, 7), (16_383, 7), (16_384, 8), (65_536, 9), (1 << 20, 11)])
def test_names_are_abbreviated_by_gits_own_rule(objects: int, digits: int) -> None:
    assert abbreviation(objects) == digits


@pytest.mark.parametrize(
    ("path", "target", "safe"),
    [
        (b"a", b"b", True),
        (b"a", b"./b/c", True),
        (b"d/a", b"../b", True),
        (b"d/a", b"..", True),
        (b"d/a", b".././b", True),
        (b"a", b"..", False),
        (b"d/a", b"../../b", False),
        (b"a", b"/etc/passwd", False),
        (b"a", b"", False),
        (b"a", b"b/../c", False),
        (b"d/a", b"./../../b", False),
    ],
)
def test_a_link_is_kept_only_where_it_cannot_lead_out(path: bytes, target: bytes, *, safe: bool) -> None:
    assert safe_link(path, target) is safe


@pytest.mark.parametrize(
    ("base", "stated", "expected"),
    [
        ("https://h.test/a/b.git", "../c.git", "https://h.test/a/c.git"),
        ("https://h.test/a/b.git", "../../c/d.git", "https://h.test/c/d.git"),
        ("https://h.test/a/b.git/", "./c.git", "https://h.test/a/b.git/c.git"),
        ("https://h.test/a/b.git", "../../../../c.git", "https://h.test/c.git"),
        ("ssh://git@h.test:22/a/b.git", "../c.git", "ssh://git@h.test:22/a/c.git"),
        ("file:///srv/a/b.git", "../c.git", "file:///srv/a/c.git"),
        ("https://h.test/a/b.git", "https://o.test/c.git", "https://o.test/c.git"),
        ("https://h.test/a/b.git", "git@o.test:c.git", "git@o.test:c.git"),
        ("https://h.test/a/b.git", "https://u:p@o.test/c.git", "https://o.test/c.git"),
    ],
)
def test_a_submodule_address_is_resolved_as_git_does(base: str, stated: str, expected: str) -> None:
    assert remote(Address(base)).submodule(stated).url.with_credentials == expected


@pytest.mark.parametrize(
    ("stated", "passed_on"),
    [
        ("../c.git", True),
        ("https://h.test/c.git", True),
        ("https://H.test/c.git", True),
        ("http://h.test/c.git", False),
        ("https://h.test:8443/c.git", False),
        ("https://sub.h.test/c.git", False),
        ("https://h.test@o.test/c.git", False),
    ],
)
def test_a_credential_goes_only_where_it_belongs(stated: str, *, passed_on: bool) -> None:
    credential = remote(Address("https://user:secret@h.test/a/b.git")).submodule(stated).credential
    assert (credential is not None and credential.password == "secret") is passed_on


def test_a_credential_shows_nowhere() -> None:
    shown = remote(Address("https://user:secret@h.test/a.git"))
    assert "secret" not in f"{shown!r} {shown.access!r} {shown.url}"
