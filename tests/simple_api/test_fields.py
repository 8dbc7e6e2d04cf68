from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import digests_of
from cachi2ish.simple_api.fields import Link, Links, hashes_in_fragment, instant

BASE = "https://index.example/simple/demo/"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-10-01T12:34:56Z", datetime(2024, 10, 1, 12, 34, 56, tzinfo=UTC)),
        ("2024-10-01T12:34:56.789012Z", datetime(2024, 10, 1, 12, 34, 56, 789012, tzinfo=UTC)),
        ("2024-10-01T12:34:56.5Z", datetime(2024, 10, 1, 12, 34, 56, 500000, tzinfo=UTC)),
        ("2024-10-01T12:34:56.123456789Z", datetime(2024, 10, 1, 12, 34, 56, 123456, tzinfo=UTC)),
        ("2024-10-01T12:34:56+02:00", datetime(2024, 10, 1, 10, 34, 56, tzinfo=UTC)),
        ("2024-10-01T00:30:00-05:30", datetime(2024, 10, 1, 6, 0, 0, tzinfo=UTC)),
        ("2024-02-29 23:59:59z", datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
        (" 2024-10-01t12:34:56-00:00 ", datetime(2024, 10, 1, 12, 34, 56, tzinfo=UTC)),
    ],
)
def test_an_upload_time_is_an_instant_in_utc(text: str, expected: datetime) -> None:
    read = instant(text)
    assert read == expected
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "yesterday",
        "2024-10-01",
        "2024-10-01T12:34:56",
        "2024-10-01T12:34Z",
        "20241001T123456Z",
        "2024-W40-2T12:34:56Z",
        "2024-02-30T12:34:56Z",
        "2023-02-29T12:34:56Z",
        "2024-10-01T24:00:00Z",
        "2024-10-01T12:34:56,5Z",
        "2024-10-01T12:34:56+0200",
        "2024-10-01T12:34:56+24:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "1727786096",
        "٢٠٢٤-10-01T12:34:56Z",
    ],
)
def test_what_is_no_rfc_3339_instant_is_none(text: str | None) -> None:
    assert instant(text) is None


@given(st.datetimes(timezones=st.timezones()))
def test_any_instant_that_python_writes_is_read_back(moment: datetime) -> None:
    text = moment.isoformat()
    offset = moment.utcoffset()
    if offset is not None and offset.total_seconds() % 60 == 0:
        try:
            expected = moment.astimezone(UTC)
        except OverflowError:
            expected = None
        assert instant(text) == expected


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        (
            "https://files.example/a/demo-1.0.tar.gz#sha256=ab",
            Link("https://files.example/a/demo-1.0.tar.gz", "sha256=ab"),
        ),
        ("demo-1.0.tar.gz", Link(f"{BASE}demo-1.0.tar.gz", "")),
        ("../../files/demo-1.0.tar.gz", Link("https://index.example/files/demo-1.0.tar.gz", "")),
        ("../../../../demo-1.0.tar.gz", Link("https://index.example/demo-1.0.tar.gz", "")),
        ("/files/demo-1.0%2Bcpu.tar.gz", Link("https://index.example/files/demo-1.0%2Bcpu.tar.gz", "")),
        ("//cdn.example/demo-1.0.tar.gz", Link("https://cdn.example/demo-1.0.tar.gz", "")),
        ("?file=demo-1.0.tar.gz", Link(f"{BASE}?file=demo-1.0.tar.gz", "")),
        ("  demo-1.0.tar.gz\n", Link(f"{BASE}demo-1.0.tar.gz", "")),
        ("HTTPS://Files.Example:8443/demo-1.0.tar.gz", Link("https://Files.Example:8443/demo-1.0.tar.gz", "")),
        ("http://[::1]:8080/demo-1.0.tar.gz", Link("http://[::1]:8080/demo-1.0.tar.gz", "")),
        ("https://files.example/a#b#c", Link("https://files.example/a", "b#c")),
        ("", None),
        ("#sha256=ab", None),
        ("mailto:me@example.test", None),
        ("javascript:void(0)", None),
        ("file:///etc/passwd", None),
        ("ftp://files.example/demo-1.0.tar.gz", None),
        ("http:///demo-1.0.tar.gz", None),
        ("https://[files.example/demo-1.0.tar.gz", None),
        ("https://files.example:99999/demo-1.0.tar.gz", None),
        ("https://files.example:port/demo-1.0.tar.gz", None),
        ("https://files.example/demo\x00-1.0.tar.gz", None),
    ],
)
def test_links_are_resolved_or_dropped(href: str, expected: Link | None) -> None:
    assert Links(BASE).resolve(href) == expected


@given(
    st.sampled_from(
        [BASE, "https://index.example", "http://127.0.0.1:8080/a/b/c?d=/e/f", "https://index.example/x"]
    ),
    st.from_regex(r"(\.\./|\./|/)?(\.\./|\./|[a-z0-9.%+_-]{1,4}/){0,4}[a-z0-9.%+_-]{0,6}", fullmatch=True),
)
def test_the_short_cut_for_relative_links_agrees_with_the_standard_library(base: str, href: str) -> None:
    link = Links(base).resolve(href)
    assert (link.url if link else None) == (urljoin(base, href) if href else None)


def test_digests_stand_anywhere_in_a_fragment() -> None:
    md5, sha256 = "d41d8cd98f00b204e9800998ecf8427e", "AB" * 32
    hashes = hashes_in_fragment(f"egg=demo&sha256={sha256}&md5={md5}&subdirectory=a")
    assert digests_of(hashes) == {Digest("sha256", "ab" * 32), Digest("md5", md5)}
    assert hashes_in_fragment("") == hashes_in_fragment("sha256=&blake99=ab&sha1") == ()
