"""Merkle trees of SHA-256 (RFC 9162, section 2.1): many entries as one digest, and proofs that one is among them.

Entries and nodes are hashed with different prefixes, so that no node can pass for an entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

#: Bytes of a node.
_SIZE = 32


def page_entry(project: str, page: bytes) -> bytes:
    """Return the entry of a project in the tree of a frozen day. page: the digest of its page."""
    return project.encode() + b"\0" + page


def leaf_of(entry: bytes) -> bytes:
    """Return the hash of an entry."""
    return sha256(b"\0" + entry).digest()


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root of the tree; of no leaves, the hash of nothing. They need not be in memory together."""
    # The roots of the full trees that they make so far, each at least twice as large as the next.
    peaks: list[bytes] = []
    for position, leaf in enumerate(leaves):
        node, larger = leaf, position
        while larger & 1:
            node, larger = _node(peaks.pop(), node), larger >> 1
        peaks.append(node)
    if not peaks:
        return sha256(b"").digest()
    node = peaks.pop()
    while peaks:
        node = _node(peaks.pop(), node)
    return node


class Tree:
    """All nodes of a tree, so that many paths are found in it: 64 bytes for each leaf."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        level = list(leaves)
        levels = [b"".join(level)]
        while len(level) > 1:
            level = _above(level)
            levels.append(b"".join(level))
        self._levels = tuple(levels)

    def path(self, position: int) -> tuple[bytes, ...]:
        """Return the nodes with which the leaf at ``position`` leads to the root, from the leaf upwards."""
        path = []
        for level in self._levels[:-1]:
            start = (position ^ 1) * _SIZE
            if start < len(level):
                path.append(level[start : start + _SIZE])
            position //= 2
        return tuple(path)


def root_with(leaf: bytes, position: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root to which the leaf at ``position`` of ``size`` leads by ``path`` (2.1.3.2), None for none."""
    if not 0 <= position < size:
        return None
    node, rest, last = leaf, list(path), size - 1
    while last > 0:
        if position % 2 == 1:
            if not rest:
                return None
            node = _node(rest.pop(0), node)
        elif position < last:
            if not rest:
                return None
            node = _node(node, rest.pop(0))
        position, last = position // 2, last // 2
    return None if rest else node


def _above(level: list[bytes]) -> list[bytes]:
    pairs = [_node(level[place], level[place + 1]) for place in range(0, len(level) - 1, 2)]
    return pairs + level[len(level) - len(level) % 2 :]


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()
