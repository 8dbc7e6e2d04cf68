"""Which work is done when: the largest is brought first, what is needed twice once, and all can be abandoned."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from functools import partial
from math import inf
from threading import Condition, Event, Lock
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar, cast

_T = TypeVar("_T")
_Brought = TypeVar("_Brought")
_Result_co = TypeVar("_Result_co", covariant=True)

#: Seconds that work has to end by itself once nobody waits for its outcome: time to end a git process and to
#: remove temporary files, and no time for a server that is silent.
_GRACE = 2.0

#: Threads that finish what was brought. That is work for the processor, and more threads at it would take turns
#: away from those that read pages, so that it is known late which files there are to fetch.
_FINISHERS = 2


class Job(Protocol[_Brought, _Result_co]):
    """Work in two steps: something is brought, which takes a network, and finished, which takes a processor.

    >>> class Page:
    ...     key, size = "https://example.org/", None
    ...     def bring(self): return download(self.key)
    ...     def finish(self, brought): return parse(brought)
    """

    @property
    def key(self) -> Hashable:
        """Equal for jobs that bring the same: the first of them does, and the others wait for it."""
        ...

    @property
    def size(self) -> int | None:
        """Bytes to bring, None where that is not known."""
        ...

    def bring(self) -> _Brought:
        """Return what is at ``key``. Called once for all jobs of one key, in one of many threads."""
        ...

    def finish(self, brought: _Brought) -> _Result_co:
        """Return the outcome of this job. Called in one of few threads."""
        ...


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


class Outcome(Generic[_T]):
    """What a job has returned or raised, or will: a future, of which there may be thousands.

    One of the standard library weighs more than a kilobyte, since each has a condition of its own. changed: the
    condition that all outcomes of a scheduler share.
    """

    __slots__ = ("_changed", "_done", "_error", "_value")

    def __init__(self, changed: Condition) -> None:
        self._changed = changed
        self._done = False
        self._value: _T | None = None
        self._error: BaseException | None = None

    def done(self) -> bool:
        """Return whether the job has ended."""
        return self._done

    def result(self) -> _T:
        """Wait for the end, and return what the job has returned; raises what it has raised."""
        error = self.exception()
        if error is not None:
            raise error
        return cast("_T", self._value)

    def exception(self) -> BaseException | None:
        """Wait for the end, and return what the job has raised."""
        with self._changed:
            self._changed.wait_for(self.done)
        return self._error

    def settle(self, work: Callable[[], _T]) -> None:
        """Have what ``work`` returns or raises."""
        try:
            self._value = work()
        except BaseException as error:  # noqa: BLE001  (it is raised wherever the result is waited for)
            self.fail(error)
        else:
            self._end()

    def fail(self, error: BaseException) -> None:
        """Have raised ``error``."""
        self._error = error
        self._end()

    def _end(self) -> None:
        with self._changed:
            self._done = True
            self._changed.notify_all()


class Scheduler:
    """Runs jobs. Use as a context manager: left by an error, it begins no further work and waits `_GRACE` seconds.

    abandoned: is set then, for work that can look at it now and then and end early.
    """

    def __init__(self, workers: int) -> None:
        self.abandoned = Event()
        self._bringing = LargestFirst(workers)
        self._finishing = ThreadPoolExecutor(_FINISHERS, thread_name_prefix="finish")
        self._lock = Lock()
        self._steps: set[Future[None]] = set()
        self._brought: dict[Hashable, Outcome[Any]] = {}
        self._changed = Condition()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._bringing.shutdown()
            self._finishing.shutdown()
            self._brought.clear()
            return
        self.abandoned.set()
        self._bringing.abandon()
        self._finishing.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            running = tuple(self._steps)
        wait_for(running, timeout=_GRACE)

    def submit(self, job: Job[Any, _T]) -> Outcome[_T]:
        """Begin a job, and return its outcome. Safe to call from many threads."""
        outcome: Outcome[_T] = Outcome(self._changed)
        self._note(self._bringing.submit(job.size, partial(self._bring, job, outcome)))
        return outcome

    def _bring(self, job: Job[_Brought, _T], outcome: Outcome[_T]) -> None:
        brought = self._bring_once(job)
        error = brought.exception()
        if error is None:
            self._note(self._finishing.submit(outcome.settle, partial(job.finish, brought.result())))
        else:
            outcome.fail(error)

    def _bring_once(self, job: Job[_Brought, Any]) -> Outcome[_Brought]:
        with self._lock:
            known = self._brought.get(job.key)
            brought: Outcome[_Brought] = self._brought.setdefault(job.key, Outcome(self._changed))
        if known is None:
            brought.settle(job.bring)
        return brought

    def _note(self, step: Future[None]) -> None:
        with self._lock:
            self._steps.add(step)
        # A future weighs more than a kilobyte, and there are thousands of files.
        step.add_done_callback(self._forget)

    def _forget(self, step: Future[None]) -> None:
        with self._lock:
            self._steps.discard(step)
