"""A digest is compared as bytes, and only a strong one proves anything."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachi2ish.core.digests import ALGORITHMS, Digest, InvalidDigestError, comparable, strong

HEX = {"sha256": "ab" * 32, "sha512": "cd" * 64, "md5": "ef" * 16, "sha1": "01" * 20, "sha3_256": "23" * 32}
SHA256 = Digest("sha256", HEX["sha256"])
OTHER_SHA256 = Digest("sha256", "0" * 64)
SHA512 = Digest("sha512", HEX["sha512"])
MD5 = Digest("md5", HEX["md5"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"sha256:{HEX['sha256']}", SHA256),
        (f"SHA256:{HEX['sha256'].upper()}", SHA256),
        (f" sha256 : {HEX['sha256']} \n", SHA256),
        (f"SHA-256:{HEX['sha256']}", SHA256),
        (f"sha512:{HEX['sha512']}", SHA512),
        (f"SHA3-256:{HEX['sha3_256']}", Digest("sha3_256", HEX["sha3_256"])),
        (f"md5:{HEX['md5']}", MD5),
        ("shake_128:" + "ab" * 7, Digest("shake_128", "ab" * 7)),
    ],
)
def test_a_digest_is_read_in_any_case_and_spelling(text: str, expected: Digest) -> None:
    assert Digest.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "names no algorithm"),
        ("sha256", "names no algorithm"),
        (HEX["sha256"], "names no algorithm"),
        (f"sha256={HEX['sha256']}", "names no algorithm"),
        ("sha256:", "not hexadecimal"),
        ("sha256:" + "g" * 64, "not hexadecimal"),
        ("sha256:" + "\u0661" * 64, "not hexadecimal"),
        ("sha256:0x" + "a" * 62, "not hexadecimal"),
        ("sha256:" + "a" * 63, "has 64 hexadecimal digits, not 63"),
        ("sha256:" + "a" * 65, "has 64 hexadecimal digits, not 65"),
        ("sha256:" + "a" * 128, "has 64 hexadecimal digits, not 128"),
        ("shake_128:abc", "an even number of hexadecimal digits, not 3"),
        ("crc32:" + "a" * 8, "not a hash algorithm that can be checked"),
        ("sha257:" + "a" * 64, "not a hash algorithm that can be checked"),
        (":" + "a" * 64, "not a hash algorithm that can be checked"),
        ("egg:x", "not a hash algorithm that can be checked"),
    ],
)
def test_what_cannot_be_checked_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidDigestError, match=reason):
        Digest.parse(text)


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_every_algorithm_that_hashlib_guarantees_is_accepted(algorithm: str) -> None:
    made = hashlib.new(algorithm, b"content")
    value = made.hexdigest() if made.digest_size else made.hexdigest(40)  # type: ignore[call-arg]
    digest = Digest.of(algorithm.upper(), value.upper())
    assert digest == Digest(algorithm, value)
    assert Digest.parse(str(digest)) == digest


@pytest.mark.parametrize(
    ("digest", "expected"),
    [
        (SHA256, True),
        (SHA512, True),
        (MD5, False),
        (Digest("sha1", HEX["sha1"]), False),
        (Digest("shake_256", "ab" * 31), False),
        (Digest("shake_256", "ab" * 32), True),
        (Digest("shake_128", "ab"), False),
    ],
)
def test_a_weak_or_short_digest_proves_nothing(digest: Digest, expected: bool) -> None:
    assert digest.strong is expected
    assert strong([digest]) == ({digest} if expected else set())


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ([SHA256], [SHA256], True),
        ([SHA256], [OTHER_SHA256], True),
        ([SHA256], [SHA512], False),
        ([SHA256, SHA512], [SHA512], True),
        ([MD5], [MD5], False),
        ([], [SHA256], False),
        ([], [], False),
    ],
)
def test_digests_can_contradict_only_in_the_same_strong_algorithm(
    ours: list[Digest],
    theirs: list[Digest],
    expected: bool,
) -> None:
    assert comparable(ours, theirs) is expected
    assert comparable(theirs, ours) is expected


@given(st.text() | st.from_regex(r"\A[a-z0-9_ -]{0,10}:[0-9a-fA-F ]{0,130}\Z"))
def test_any_text_is_a_digest_or_refused(text: str) -> None:
    try:
        digest = Digest.parse(text)
    except InvalidDigestError:
        return
    assert digest.algorithm in ALGORITHMS
    assert bytes.fromhex(digest.value)
    assert digest.value == digest.value.lower()
    assert Digest.parse(str(digest)) == digest


@given(st.binary(), st.sampled_from(sorted(a for a in ALGORITHMS if hashlib.new(a).digest_size)))
def test_what_hashlib_makes_is_read_back_in_any_case(content: bytes, algorithm: str) -> None:
    value = hashlib.new(algorithm, content).hexdigest()
    assert Digest.parse(f"{algorithm}:{value.upper()}") == Digest.parse(f"{algorithm.upper()}:{value}")
