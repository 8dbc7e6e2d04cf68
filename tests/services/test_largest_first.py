"""Tasks are begun largest first, and none after they were abandoned."""

from __future__ import annotations

from concurrent.futures import CancelledError
from functools import partial
from threading import Event

import pytest

from cachi2ish.services.fetch.scheduler import LargestFirst


def test_of_those_that_wait_the_largest_is_begun_first() -> None:
    pool, gate = LargestFirst(1), Event()
    begun: list[object] = []
    first = pool.submit(0, lambda: gate.wait(10))
    tasks = [pool.submit(size, partial(begun.append, size)) for size in (5, 700, None, 1, 700)]
    gate.set()
    pool.shutdown()
    assert first.result()
    assert all(task.done() for task in tasks)
    assert begun == [None, 700, 700, 5, 1]


def test_tasks_of_one_size_are_begun_as_they_came() -> None:
    pool, gate = LargestFirst(1), Event()
    begun: list[object] = []
    pool.submit(9, lambda: gate.wait(10))
    for name in "abcde":
        pool.submit(1, partial(begun.append, name))
    gate.set()
    pool.shutdown()
    assert begun == list("abcde")


def test_a_failure_is_the_result_of_its_task_alone() -> None:
    pool = LargestFirst(2)
    failing, working = pool.submit(1, lambda: 1 // 0), pool.submit(1, lambda: 2)
    pool.shutdown()
    assert isinstance(failing.exception(), ZeroDivisionError)
    assert working.result() == 2


def test_what_was_abandoned_before_it_began_never_begins() -> None:
    pool, gate, started = LargestFirst(1), Event(), Event()
    begun: list[object] = []

    def long() -> str:
        started.set()
        gate.wait(10)
        return "done"

    running = pool.submit(1, long)
    assert started.wait(10)
    waiting = pool.submit(1, lambda: begun.append("late"))
    pool.abandon()
    with pytest.raises(CancelledError):
        waiting.result(10)
    gate.set()
    assert running.result(10) == "done"
    assert not begun
