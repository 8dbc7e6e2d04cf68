"""Values of settings are like those of a frozen dataclass, and are none."""

from __future__ import annotations

import pytest

from cachi2ish.settings.flags import SETTINGS, Flags
from cachi2ish.settings.values import Setting, Values


class Two(Values):
    """Values of two settings."""

    first: str | None = None
    second: tuple[str, ...] = ()


def test_what_is_not_given_is_as_in_the_class() -> None:
    assert (Two().first, Two(second=("b",)).first, Two(second=("b",)).second) == (None, None, ("b",))


def test_a_name_that_no_setting_has_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^there is no third and no repeated$"):
        Two(first="a", third="c", repeated=True)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"^there is no third$"):
        Two().replaced(third="c")


def test_values_do_not_change() -> None:
    two = Two(first="a")
    with pytest.raises(AttributeError, match=r"^first does not change$"):
        two.first = "b"  # type: ignore[misc]
    with pytest.raises(AttributeError, match=r"^third does not change$"):
        two.third = "c"
    other = two.replaced(first="b")
    assert (two.first, other.first) == ("a", "b")


def test_values_are_equal_by_what_they_are_and_not_by_what_was_given() -> None:
    assert Two(first=None) == Two()
    assert Two(first="a").replaced(second=("b",)) == Two(first="a", second=("b",))
    assert Two(first="a") != Two()
    assert Two() != Flags()
    with pytest.raises(TypeError, match="unhashable"):
        hash(Two())


def test_no_value_is_printed() -> None:
    two = Two(first="https://user:s3cret@host/", second=("s3cret",))
    assert "Two" in repr(two)
    assert "s3cret" not in f"{two!r}{two}"


def test_each_setting_is_found_in_the_annotations_of_its_field() -> None:
    assert all(isinstance(one, Setting) for one in SETTINGS.values())
    assert {"index_url", "cache_dir", "concurrency", "mode", "mirror_host"} <= SETTINGS.keys()
