from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachi2ish.core.merkle import Tree, leaf_of, root_of, root_with

ENTRIES = [bytes([number]) for number in range(20)]
LEAVES = [leaf_of(entry) for entry in ENTRIES]


def by_definition(entries: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\0" + entries[0]).digest()
    half = 1
    while half * 2 < len(entries):
        half *= 2
    return sha256(b"\1" + by_definition(entries[:half]) + by_definition(entries[half:])).digest()


@pytest.mark.parametrize("size", range(20))
def test_the_root_is_that_of_the_standard(size: int) -> None:
    assert root_of(LEAVES[:size]) == by_definition(ENTRIES[:size])


@given(st.integers(1, 20), st.data())
def test_a_leaf_is_proved_in_its_place_and_nowhere_else(size: int, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, size - 1))
    path, root = Tree(LEAVES[:size]).path(position), root_of(LEAVES[:size])
    assert root_with(LEAVES[position], position, size, path) == root
    assert root_with(leaf_of(b"other"), position, size, path) != root
    assert root_with(LEAVES[position], position, size, (*path, path[0] if path else b"")) is None
    if path:
        assert root_with(LEAVES[position], position, size, path[1:]) != root


@pytest.mark.parametrize(("position", "size"), [(-1, 4), (4, 4), (0, 0)])
def test_a_place_that_is_not_there_proves_nothing(position: int, size: int) -> None:
    assert root_with(LEAVES[0], position, size, ()) is None
