"""A pool of threads that takes the largest task first, so that no large file is begun when all others are done."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from math import inf
from threading import Lock
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")


@dataclass(order=True, slots=True)
class _Task(Generic[_T]):
    """rank: the least is begun first; tasks of one size are begun as they came."""

    rank: tuple[float, int]
    work: Callable[[], _T] = field(compare=False)
    future: Future[_T] = field(compare=False, default_factory=Future)

    def run(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.future.set_result(self.work())
        except BaseException as error:  # noqa: BLE001  (whoever asks for the result is to have it)
            self.future.set_exception(error)


class LargestFirst:
    """Runs tasks in ``workers`` threads. Safe to use from many threads."""

    def __init__(self, workers: int) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="file")
        self._lock = Lock()
        self._waiting: list[_Task[Any]] = []
        self._count = 0

    def submit(self, size: int | None, work: Callable[[], _T]) -> Future[_T]:
        """Run ``work`` when no larger task waits. size: bytes; None, which may be anything, goes first."""
        with self._lock:
            self._count += 1
            task = _Task((-inf if size is None else -float(size), self._count), work)
            heapq.heappush(self._waiting, task)
        self._pool.submit(self._next)
        return task.future

    def shutdown(self) -> None:
        """Return when all tasks are done."""
        self._pool.shutdown()

    def abandon(self) -> None:
        """Begin no task any more, and return at once; those that run go on."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for task in waiting:
            task.future.cancel()
            task.future.set_running_or_notify_cancel()  # wakes those that wait for it

    def _next(self) -> None:
        with self._lock:
            if not self._waiting:  # abandoned
                return
            task = heapq.heappop(self._waiting)
        task.run()
