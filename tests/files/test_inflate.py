"""Both ways to decompress gzip give the same answer, whatever the bytes are."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isal import isal_zlib
from isal.igzip_lib import IsalError

from cachi2ish.files.inflate import Inflate, InflateError, Inflater, inflate, inflater

LONGEST = 1 << 20


def outcome(member: Inflate, packed: bytes, error: type[Exception]) -> tuple[bytes, bytes] | None:
    """What a whole member holds, and what stands behind it; None where there is no whole one."""
    try:
        content = member.decompress(packed, LONGEST)
    except error:
        return None
    return (content, member.unused_data) if member.eof else None


@st.composite
def nearly_gzip(draw: st.DrawFn) -> bytes:
    content = draw(st.binary(max_size=50)) * draw(st.integers(0, 2000))
    packed = bytearray(gzip.compress(content, draw(st.integers(0, 9)), mtime=0))
    for _ in range(draw(st.integers(0, 4))):
        packed[draw(st.integers(0, len(packed) - 1))] = draw(st.integers(0, 255))
    # Reserved flags are refused by zlib alone: Python's gzip, with which pip reads, passes over them too.
    packed[3] &= 0x1F
    end = draw(st.none() | st.integers(0, len(packed)))
    return bytes(packed[:end]) + draw(st.binary(max_size=30))


@given(nearly_gzip())
def test_isal_and_zlib_take_the_same_members(packed: bytes) -> None:
    expected = outcome(zlib.decompressobj(31), packed, zlib.error)
    # Its stub takes the class for an object.
    assert outcome(isal_zlib.decompressobj(31), packed, IsalError) == expected  # type: ignore[arg-type]


def in_pieces(member: Inflater, packed: bytes, size: int, most: int) -> bytes | None:
    """What a whole member holds, fed and taken piece by piece; None where there is no whole one."""
    content, at = b"", 0
    try:
        while not member.eof:
            fed = packed[at : at + size] if member.needs_input else b""
            if member.needs_input and not fed:
                return None
            at += len(fed)
            content += member.decompress(fed, most)
    except InflateError:
        return None
    return content


@given(nearly_gzip(), st.integers(1, 100), st.integers(20, 5000))
def test_pieces_are_what_the_whole_is(packed: bytes, size: int, most: int) -> None:
    whole = outcome(inflate(), packed, InflateError)
    assert in_pieces(inflater(), packed, size, most) == (whole[0] if whole else None)


def test_what_is_no_gzip_is_an_error() -> None:
    with pytest.raises(InflateError):
        inflate().decompress(b"x" * 100, LONGEST)


def test_without_isal_zlib_does_the_work() -> None:
    script = (
        "import sys; sys.modules['isal'] = None\n"
        "import gzip\n"
        "from cachi2ish.files.inflate import inflate, inflater\n"
        "print(type(inflate()).__module__, inflate().decompress(gzip.compress(b'content'), 100))\n"
        "member, packed = inflater(), gzip.compress(b'content')\n"
        "while not member.eof:\n"
        "    print(member.decompress(packed if member.needs_input else b'', 4))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[:3] == ["zlib b'content'", "b'cont'", "b'ent'"]
