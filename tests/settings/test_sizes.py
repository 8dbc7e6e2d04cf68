"""Numbers of bytes as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachi2ish.settings.values import InvalidValueError, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1000B", 1000),
        ("17B", 17),
        ("1kB", 1000),
        ("1KB", 1000),
        ("1KiB", 1024),
        (" 5 GB ", 5_000_000_000),
        ("5gb", 5_000_000_000),
        ("5G", 5_000_000_000),
        ("5Gi", 5 * 1024**3),
        ("5GiB", 5 * 1024**3),
        ("1.5TB", 1_500_000_000_000),
        ("0.5TiB", 1024**4 // 2),
        ("1.1B", 1),
    ],
)
def test_si_and_binary_suffixes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "GB", "-1", "+1", "5 gigabytes", "5PB", "1e9", "0x10", ".5G", "5,0G", "1iB", "٣GB", "9" * 16]
)
def test_anything_else_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(InvalidValueError, match="is not a size") as caught:
        parse_size(text)
    assert "5GiB" in caught.value.hint


@pytest.mark.parametrize("text", ["5", "1.5", " 1000 "])
def test_a_number_without_a_unit_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError, match="has no unit"):
        parse_size(text)


@given(st.integers(0, 10**12), st.sampled_from(["B", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti"]))
def test_a_larger_number_is_a_larger_size(number: int, unit: str) -> None:
    assert parse_size(f"{number}{unit}") < parse_size(f"{number + 1}{unit}")
