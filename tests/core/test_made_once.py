from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from cachi2ish.core.lazy import Once
from cachi2ish.errors import NetworkError


def test_threads_that_ask_at_once_get_one_thing() -> None:
    together = Barrier(8)
    once = Once(object)

    def ask(_: int) -> object:
        together.wait()
        return once()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1


def test_nothing_is_made_before_somebody_asks() -> None:
    made: list[int] = []
    once = Once(lambda: made.append(1))
    assert not made
    once()
    once()
    assert made == [1]


def test_an_error_is_for_all_who_ask() -> None:
    tried: list[int] = []

    def fail() -> object:
        tried.append(1)
        raise NetworkError("nobody answers")

    once = Once(fail)
    for _ in range(2):
        with pytest.raises(NetworkError, match="nobody answers"):
            once()
    assert tried == [1]
