"""What ``make unit-python`` leaves out."""

from __future__ import annotations

from tests.conftest import ONE_PYTHON


def test_all_tests_for_which_one_python_is_enough_are_there() -> None:
    assert [str(place) for place in ONE_PYTHON if not place.exists()] == []
