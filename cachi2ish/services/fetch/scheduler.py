"""Which work is done when: the largest is brought first, what is needed twice once, and all can be abandoned."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Hashable
from functools import partial
from math import inf
from threading import Condition, Event, Lock, Thread
from typing import Any, Generic, Protocol, Self, TypeVar, cast

from cachi2ish.services.fetch.failures import release_frames

_T = TypeVar("_T")
_Brought = TypeVar("_Brought")
_Result_co = TypeVar("_Result_co", covariant=True)

#: Seconds that work has to end by itself once nobody waits for its outcome: time to end a git process and to
#: remove temporary files, and no time for a server that is silent.
_GRACE = 2.0

#: Threads that finish what `Job.finish_at_once` does not. That takes memory, which has a limit, and the processor,
#: which those that read pages need, so that it is known early which files there are to fetch.
_FINISHERS = 2

#: Seconds until threads without a task ask again for spare work, and until who waits looks whether a signal has
#: come: one that comes just before a thread waits does not wake it.
_LOOK, _LISTEN = 0.05, 0.2

#: One of so many threads that bring files takes the smallest.
_SMALL = 4

#: Returns what to do before a task is begun, None for nothing; for so many threads, and bytes that wait.
SpareWork = Callable[[int, int], Callable[[], None] | None]


class Job(Protocol[_Brought, _Result_co]):
    """Work in two steps: something is brought, which takes a network, and finished, which takes a processor.

    >>> class Page:
    ...     key, size, finish_at_once = "https://example.org/", None, lambda brought: None
    ...     def bring(self): return download(self.key)
    ...     def finish(self, brought): return parse(brought)
    """

    @property
    def key(self) -> Hashable:
        """Equal for jobs that bring the same: the first of them does, and the others wait for it."""

    @property
    def size(self) -> int | None:
        """Bytes to bring, None where that is not known."""

    def bring(self) -> _Brought:
        """Return what is at ``key``. Called once for all jobs of one key, in one of many threads."""

    def finish_at_once(self, brought: _Brought) -> _Result_co | None:
        """Return the outcome of this job if that takes little time and memory, else None. Called as `bring` is."""

    def finish(self, brought: _Brought) -> _Result_co:
        """Return the outcome of this job, which is not None. Called in one of few threads."""


class Outcome(Generic[_T]):
    """What a job has returned or raised, or will: a future. changed: the condition that all of a scheduler share.

    There may be thousands, and one of the standard library weighs more than a kilobyte: it has its own condition.
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
        if (error := self.exception()) is not None:
            raise error
        return cast("_T", self._value)

    def exception(self) -> BaseException | None:
        """Wait for the end, and return what the job has raised."""
        with self._changed:
            while not self._changed.wait_for(self.done, _LISTEN):
                continue
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
        """Have raised ``error``, without what the threads that raised it were at: there may be thousands."""
        release_frames(error)
        self._error = error
        self._end()

    def _end(self) -> None:
        with self._changed:
            self._done = True
            self._changed.notify_all()


class _Task:
    """Stands in two heaps, by rank and by size, the least first. work: None once taken; one heap still has it."""

    __slots__ = ("known", "outcome", "rank", "size", "work")

    def __init__(self, size: int | None, work: Callable[[], Any], outcome: Outcome[Any]) -> None:
        self.rank = -inf if size is None else -float(size)
        self.size = inf if size is None else float(size)
        self.known = size or 0
        self.work: Callable[[], Any] | None = work
        self.outcome = outcome


class LargestFirst:
    """Runs tasks in ``workers`` threads, which are started when they are needed. Safe to use from many threads.

    smallest: how many of them take the smallest task where there is a choice. A small file is a round trip and
    little else: it costs nothing while large ones fill the line, and hundreds of them at the end leave it empty.
    """

    def __init__(self, workers: int, name: str = "file", smallest: int = 0) -> None:
        self._workers, self._smallest, self._name = workers, smallest, name
        self._changed = Condition()  # what there is to do
        self._settled = Condition()  # what has been done
        self._by_rank: list[tuple[float, int, _Task]] = []
        self._by_size: list[tuple[float, int, _Task]] = []
        self._waiting = self._idle = self._running = self._count = 0
        self._bytes = 0  # of what waits, as far as it is known
        self._threads: list[Thread] = []
        self._closed = False
        self._spare: SpareWork | None = None

    def submit(self, size: int | None, work: Callable[[], _T]) -> Outcome[_T]:
        """Run ``work`` when no larger task waits. size: bytes; None, which may be anything, goes first."""
        outcome: Outcome[_T] = Outcome(self._settled)
        with self._changed:
            if self._closed:
                outcome.fail(AbandonedError())
                return outcome
            self._count += 1
            task = _Task(size, work, outcome)
            heapq.heappush(self._by_rank, (task.rank, self._count, task))
            if self._smallest:
                heapq.heappush(self._by_size, (task.size, self._count, task))
            self._waiting += 1
            self._bytes += task.known
            if self._idle >= self._waiting:
                self._changed.notify()
            elif len(self._threads) < self._workers:
                takes_small = len(self._threads) >= self._workers - self._smallest
                name = f"{self._name}_{len(self._threads)}"
                thread = Thread(target=self._run, args=(takes_small,), name=name, daemon=True)
                self._threads.append(thread)
                thread.start()
        return outcome

    def lend(self, spare: SpareWork) -> None:
        """Let threads do what ``spare`` returns before they begin a task, and when none waits, from now on."""
        with self._changed:
            self._spare = spare
            self._changed.notify_all()

    def shutdown(self) -> None:
        """Return when all tasks are done."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            while thread.is_alive():
                thread.join(_LISTEN)

    def abandon(self) -> None:
        """Begin no task any more, and return at once; those that run go on."""
        with self._changed:
            self._closed = True
            abandoned = [task for *_, task in self._by_rank if task.work is not None]
            self._by_rank.clear()
            self._by_size.clear()
            self._waiting = self._bytes = 0
            self._spare = None
            self._changed.notify_all()
        for task in abandoned:
            task.outcome.fail(AbandonedError())

    def wait(self, seconds: float) -> None:
        """Return when no task runs, or after so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._running, seconds)

    def _run(self, takes_small: bool) -> None:  # noqa: FBT001  (of a thread)
        while True:
            with self._changed:
                while (work := self._next(takes_small=takes_small)) is None and not self._closed:
                    self._idle += 1
                    self._changed.wait(None if self._spare is None else _LOOK)
                    self._idle -= 1
                if work is None:
                    return
                self._running += 1
            work()
            del work  # what it holds is not to last until there is more to do
            with self._changed:
                self._running -= 1
                if self._closed:
                    self._changed.notify_all()

    def _next(self, *, takes_small: bool) -> Callable[[], None] | None:
        spare = None if self._spare is None else self._spare(len(self._threads), self._bytes)
        if spare is not None:  # it may fail as a task may, and its thread goes on
            return partial(Outcome[None](self._settled).settle, spare)
        if not self._waiting:
            return None
        self._waiting -= 1
        while (task := heapq.heappop(self._by_size if takes_small else self._by_rank)[-1]).work is None:
            pass  # the other heap gave it away
        work, task.work = task.work, None
        self._bytes -= task.known
        for heap in (self._by_rank, self._by_size):
            if len(heap) > 2 * (self._waiting + self._workers):  # most were given away by the other one
                heap[:] = sorted(one for one in heap if one[-1].work is not None)  # which is a heap, too
        return partial(task.outcome.settle, work)


class AbandonedError(Exception):
    """The outcome of a task that was not begun before all were abandoned."""


class Scheduler:
    """Runs jobs. Use as a context manager: left by an error, it begins no further work and waits `_GRACE` seconds.

    abandoned: is set then, for work that can look at it now and then and end early.
    """

    def __init__(self, workers: int) -> None:
        self.abandoned = Event()
        self._bringing = LargestFirst(workers, "file", workers // _SMALL)
        self._finishing = LargestFirst(_FINISHERS, "finish")
        self._lock = Lock()
        self._brought: dict[Hashable, Outcome[Any]] = {}
        self._arrived, self._changed = Condition(), Condition()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._bringing.shutdown()
            self._finishing.shutdown()
            self._brought.clear()
            return
        self.abandoned.set()
        self._bringing.abandon()
        self._finishing.abandon()
        end = time.monotonic() + _GRACE
        self._bringing.wait(_GRACE)
        self._finishing.wait(max(0.0, end - time.monotonic()))

    def lend(self, spare: SpareWork) -> None:
        """Let threads that bring do what ``spare`` returns, as in `LargestFirst.lend`."""
        self._bringing.lend(spare)

    def submit(self, job: Job[Any, _T]) -> Outcome[_T]:
        """Begin a job, and return its outcome. Safe to call from many threads."""
        outcome: Outcome[_T] = Outcome(self._changed)
        self._bringing.submit(job.size, partial(self._bring, job, outcome))
        return outcome

    def _bring(self, job: Job[_Brought, _T], outcome: Outcome[_T]) -> None:
        own: Outcome[_Brought] = Outcome(self._arrived)
        with self._lock:
            brought = self._brought.setdefault(job.key, own)
        if brought is own:
            own.settle(job.bring)
        try:
            value = brought.result()
            result = None if self.abandoned.is_set() else job.finish_at_once(value)
        except BaseException as error:  # noqa: BLE001  (as in `Outcome.settle`)
            outcome.fail(error)
        else:
            if result is None:
                self._finishing.submit(None, partial(outcome.settle, partial(job.finish, value)))
            else:
                outcome.settle(lambda: result)
