"""How large an archive may be: far above what is honest, far below what harms (decompression bombs)."""

from __future__ import annotations

from dataclasses import dataclass

_MIB = 1 << 20


class TooLargeError(Exception):
    """A limit was passed; the message says which, as a clause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """All but ``members`` in bytes.

    members: entries of an archive. total: all of it unpacked. piece: what is read at once, so the length of a
    header. metadata: a PKG-INFO or METADATA. file: a file that may be unpacked to find name and version;
    larger ones are left out. unpacked: all of those together.
    """

    members: int = 500_000
    total: int = 8192 * _MIB
    piece: int = 16 * _MIB
    metadata: int = 8 * _MIB
    file: int = _MIB
    unpacked: int = 128 * _MIB
