"""Digests: what a lock file, an index or a URL states about the bytes of a file.

A digest is compared as bytes, so its case and surrounding white space do not matter. Any algorithm that
`hashlib` guarantees on every platform is accepted; md5 and sha1 are read and compared, but alone they do not
count as verification, since files with equal md5 or sha1 can be made at will.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from msgspec import Struct

#: The algorithms that can be checked on every Python.
ALGORITHMS = frozenset(hashlib.algorithms_guaranteed)

#: The algorithms for which collisions can be produced.
WEAK_ALGORITHMS = frozenset({"md5", "sha1"})

#: SHAKE has digests of any length: below this many bytes one proves nothing.
_SHAKE_STRONG_BYTES = 32

_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")

#: Nearly all, as locks write them: a lock may have thousands.
_USUAL = re.compile("sha256:[0-9a-f]{64}")


class InvalidDigestError(ValueError):
    """The text is not a digest that can be checked; the message says why, as a sentence fragment."""


class Digest(Struct, frozen=True, order=True, gc=False):
    """A digest: algorithm in hashlib's spelling (``sha256``), value as lower-case hexadecimal digits."""

    algorithm: str
    value: str

    @classmethod
    def of(cls, algorithm: str, value: str) -> Digest:
        """Make a digest from its two parts, in any case; raises `InvalidDigestError`."""
        name = algorithm.strip().lower().replace("-", "_")
        if name not in ALGORITHMS:
            name = name.replace("_", "")  # SHA-256, as CycloneDX and SPDX spell it
        digits = value.strip().lower()
        if name not in ALGORITHMS:
            msg = f"{algorithm!r} is not a hash algorithm that can be checked (use sha256)"
            raise InvalidDigestError(msg)
        if not digits or not _HEX_DIGITS.issuperset(digits):
            msg = f"the {name} digest {value!r} is not hexadecimal"
            raise InvalidDigestError(msg)
        size = hashlib.new(name, usedforsecurity=False).digest_size
        if (size and len(digits) != 2 * size) or len(digits) % 2:
            msg = f"a {name} digest has {2 * size or 'an even number of'} hexadecimal digits, not {len(digits)}"
            raise InvalidDigestError(msg)
        return cls(name, digits)

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read ``algorithm:value``, as pip's ``--hash`` has it; raises `InvalidDigestError`."""
        if _USUAL.fullmatch(text):
            return cls("sha256", text[7:])
        algorithm, colon, value = text.partition(":")
        if not colon:
            raise InvalidDigestError(f"{text!r} names no algorithm")
        return cls.of(algorithm, value)

    @property
    def strong(self) -> bool:
        """Whether agreement with this digest proves that a file is the one that was meant."""
        if self.algorithm == "sha256":  # nearly all
            return True
        if self.algorithm.startswith("shake"):
            return len(self.value) >= 2 * _SHAKE_STRONG_BYTES
        return self.algorithm not in WEAK_ALGORITHMS

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.value}"


def strong(digests: Iterable[Digest]) -> frozenset[Digest]:
    """Return those of ``digests`` that count as verification."""
    return frozenset(digest for digest in digests if digest.strong)


def any_strong(digests: Iterable[Digest]) -> bool:
    """Return whether one of ``digests`` counts as verification."""
    return any(digest.strong for digest in digests)


def comparable(ours: Iterable[Digest], theirs: Iterable[Digest]) -> bool:
    """Return whether the two state a digest of the same strong algorithm, so that they can contradict."""
    algorithms = {digest.algorithm for digest in theirs if digest.strong}
    return any(digest.algorithm in algorithms and digest.strong for digest in ours)
