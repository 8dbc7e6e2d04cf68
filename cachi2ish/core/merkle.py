"""Merkle trees of SHA-256 (RFC 9162, section 2.1): many entries as one digest, and proofs that one is among them.

Entries and nodes are hashed with different prefixes, so that no node can pass for an entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256


def leaf_of(entry: bytes) -> bytes:
    """Return the hash of an entry."""
    return sha256(b"\0" + entry).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root of the tree; of no leaves, the hash of nothing."""
    if not leaves:
        return sha256(b"").digest()
    level = list(leaves)
    while len(level) > 1:
        level = _above(level)
    return level[0]


def inclusion_path(leaves: Sequence[bytes], position: int) -> tuple[bytes, ...]:
    """Return the nodes with which the leaf at ``position`` leads to the root, from the leaf upwards."""
    path, level = [], list(leaves)
    while len(level) > 1:
        beside = position ^ 1
        if beside < len(level):
            path.append(level[beside])
        level = _above(level)
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
