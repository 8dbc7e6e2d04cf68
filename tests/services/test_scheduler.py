"""Tasks are begun largest first, and none after they were abandoned."""

from __future__ import annotations

import gc
import signal
import traceback
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Event, Thread, Timer, current_thread

import pytest

from cachi2ish.errors import DistributionError
from cachi2ish.services.fetch.scheduler import AbandonedError, LargestFirst, Outcome, Scheduler


def test_of_those_that_wait_the_largest_is_begun_first() -> None:
    pool, gate, started = LargestFirst(1), Event(), Event()
    begun: list[object] = []

    def occupy() -> bool:
        started.set()
        return gate.wait(10)

    first = pool.submit(0, occupy)
    assert started.wait(10)
    tasks = [pool.submit(size, partial(begun.append, size)) for size in (5, 700, None, 1, 700)]
    gate.set()
    pool.shutdown()
    assert first.result()
    assert all(task.done() for task in tasks)
    assert begun == [None, 700, 700, 5, 1]


def test_some_threads_take_the_smallest_so_that_few_small_ones_are_left_for_the_end() -> None:
    pool, gates = LargestFirst(2, smallest=1), (Event(), Event())
    started = Event(), Event()
    begun: tuple[list[int], list[int]] = [], []
    mine: dict[Thread, int] = {}

    def occupy(number: int) -> None:
        mine[current_thread()] = number
        started[number].set()
        assert gates[number].wait(10)

    def note(size: int) -> None:
        begun[mine[current_thread()]].append(size)

    for number in (0, 1):  # the first thread takes the largest, the second one the smallest
        pool.submit(1000, partial(occupy, number))
        assert started[number].wait(10)
    tasks = [pool.submit(size, partial(note, size)) for size in (5, 700, 1)]
    gates[1].set()
    assert all(task.result() is None for task in tasks)
    gates[0].set()
    pool.shutdown()
    assert begun == ([], [1, 5, 700])


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
    with pytest.raises(AbandonedError):
        waiting.result()
    with pytest.raises(AbandonedError):
        pool.submit(1, lambda: begun.append("later")).result()
    gate.set()
    assert running.result() == "done"
    assert not begun


@dataclass(frozen=True)
class Parcel:
    """A job that notes its steps; brings its key, and finishes it in capitals."""

    key: str
    steps: list[str] = field(default_factory=list, compare=False)
    size: int | None = None
    fails: bool = False

    def bring(self) -> str:
        self.steps.append(f"bring {self.key}")
        if self.fails:
            raise ValueError(self.key)
        return self.key

    def finish_at_once(self, brought: str) -> str | None:
        return self.finish(brought) if brought == "light" else None

    def finish(self, brought: str) -> str:
        self.steps.append(f"finish {brought}")
        return brought.upper()


def test_what_two_jobs_need_is_brought_once_and_finished_for_each() -> None:
    steps: list[str] = []
    with Scheduler(4) as scheduler:
        outcomes = [scheduler.submit(Parcel(key, steps)) for key in ("a", "a", "b", "a")]
    assert [outcome.result() for outcome in outcomes] == ["A", "A", "B", "A"]
    assert sorted(steps) == ["bring a", "bring b", "finish a", "finish a", "finish a", "finish b"]


def test_what_finishes_at_once_is_finished_by_the_thread_that_brought_it() -> None:
    threads: dict[str, list[Thread]] = {"light": [], "heavy": []}

    @dataclass(frozen=True)
    class Signed(Parcel):
        def bring(self) -> str:
            threads[self.key].append(current_thread())
            return super().bring()

        def finish(self, brought: str) -> str:
            threads[brought].append(current_thread())
            return super().finish(brought)

    with Scheduler(4) as scheduler:
        for key in threads:
            scheduler.submit(Signed(key, []))
    assert {key: bringing is finishing for key, (bringing, finishing) in threads.items()} == {
        "light": True,
        "heavy": False,
    }


def test_what_cannot_be_brought_fails_for_all_who_need_it_and_is_not_tried_again() -> None:
    steps: list[str] = []
    with Scheduler(4) as scheduler:
        outcomes = [scheduler.submit(Parcel("a", steps, fails=True)) for _ in range(3)]
    assert [type(outcome.exception()) for outcome in outcomes] == [ValueError] * 3
    assert steps == ["bring a"]


def test_jobs_end_with_their_scheduler_and_not_when_cycles_are_searched() -> None:
    gc.disable()
    try:
        with Scheduler(4) as scheduler:
            jobs = [Parcel(key, [], size) for size, key in enumerate("abcdefgh")]
            for job in jobs:
                scheduler.submit(job)
        ends = [weakref.ref(job) for job in jobs]
        del scheduler, jobs, job
        assert [end() for end in ends] == [None] * len(ends)
    finally:
        gc.enable()


@dataclass(frozen=True)
class Refused(Parcel):
    """A job that is refused because of something else, with a large thing at hand; notes the thing."""

    things: weakref.WeakSet[Parcel] = field(default_factory=weakref.WeakSet, compare=False)
    unexpected: bool = False

    def finish(self, brought: str) -> str:
        try:
            self._look()
        except ValueError as error:
            raise KeyError(brought) if self.unexpected else DistributionError(brought) from error
        return brought

    def _look(self) -> None:
        thing = Parcel("large", [])
        self.things.add(thing)
        try:
            int(thing.key)
        except ValueError:
            raise ValueError(thing.key) from None


def test_a_failure_that_is_kept_holds_nothing_of_the_work_but_its_causes() -> None:
    gc.disable()
    try:
        with Scheduler(4) as scheduler:
            jobs = [Refused("light"), Refused("heavy")]
            errors = [scheduler.submit(job).exception() for job in jobs]
        assert [len(job.things) for job in jobs] == [0, 0]
    finally:
        gc.enable()
    assert [(type(error), type(error and error.__cause__)) for error in errors] == [
        (DistributionError, ValueError)
    ] * 2


def test_a_failure_that_nobody_expects_tells_where_it_was() -> None:
    with Scheduler(4) as scheduler:
        error = scheduler.submit(Refused("heavy", unexpected=True)).exception()
    assert error is not None
    assert traceback.extract_tb(error.__traceback__)[-1].name == "finish"
    assert error.__cause__ is not None
    assert traceback.extract_tb(error.__cause__.__traceback__)[-1].name == "_look"


@pytest.mark.parametrize("first", ["heavy", "light"])
def test_after_a_failure_elsewhere_nothing_more_is_begun(first: str) -> None:
    begun, gate, steps = Event(), Event(), list[str]()

    @dataclass(frozen=True)
    class Waiting(Parcel):
        def bring(self) -> str:
            begun.set()
            assert gate.wait(10)
            return super().bring()

    def fail_elsewhere() -> None:
        with scheduler:
            scheduler.submit(Waiting(first, steps))
            scheduler.submit(Parcel("second", steps))
            assert begun.wait(10)
            Timer(0.2, gate.set).start()
            raise KeyError

    scheduler = Scheduler(1)
    with pytest.raises(KeyError):
        fail_elsewhere()
    assert scheduler.abandoned.is_set()
    assert steps == [f"bring {first}"]


def test_threads_without_a_task_do_what_there_is_beside() -> None:
    pool, gate, helped = LargestFirst(2), Event(), Event()
    asked: list[tuple[int, int]] = []

    def spare(threads: int, waiting: int) -> Callable[[], None] | None:
        asked.append((threads, waiting))
        return helped.set if len(asked) > 1 else None  # at first there is nothing

    last = pool.submit(1, lambda: gate.wait(10))
    assert pool.submit(1, lambda: 2).result() == 2
    assert not asked
    pool.lend(spare)
    assert helped.wait(10)
    pool.lend(lambda _threads, _waiting: None)
    gate.set()
    pool.shutdown()
    assert last.result()
    assert set(asked) == {(2, 0)}


def test_what_there_is_beside_may_fail_and_its_thread_goes_on() -> None:
    pool, failed, later = LargestFirst(1), Event(), Event()

    def fail() -> None:
        failed.set()
        raise OSError("the disk is gone")

    pool.submit(1, lambda: 1).result()
    pool.lend(lambda _threads, _waiting: None if failed.is_set() else fail)
    assert failed.wait(10)
    pool.submit(1, later.set)
    assert later.wait(10)
    pool.shutdown()


def test_what_there_is_beside_may_come_before_tasks_that_wait() -> None:
    pool, gate, started, waits = LargestFirst(1), Event(), Event(), [Event()]
    order: list[object] = []

    def long() -> bool:
        started.set()
        return gate.wait(10)

    def spare(_threads: int, waiting: int) -> Callable[[], None] | None:
        order.append(waiting)
        return waits.pop().set if waits else None

    pool.submit(1, long)
    assert started.wait(10)
    for size in (300, None, 20):
        pool.submit(size, partial(order.append, size))
    pool.lend(spare)
    gate.set()
    pool.shutdown()
    assert order[:7] == [320, 320, None, 320, 300, 20, 20]  # what is unknown counts for nothing


def test_of_hundreds_of_tasks_each_is_done_once_whichever_heap_it_is_taken_from() -> None:
    done: list[int] = []
    pool = LargestFirst(4, smallest=2)
    outcomes = [pool.submit(number % 7, partial(done.append, number)) for number in range(500)]
    pool.shutdown()
    assert all(one.done() for one in outcomes)
    assert sorted(done) == list(range(500))


@pytest.mark.parametrize("wait", [lambda pool, _: pool.shutdown(), lambda _, outcome: outcome.result()])
def test_a_signal_that_does_not_wake_who_waits_is_heeded_soon(
    wait: Callable[[LargestFirst, Outcome[bool]], object],
) -> None:
    """As one that comes just before a thread waits. Here another thread gets it, for the main one to act on."""
    released = Event()
    pool = LargestFirst(1)
    outcome = pool.submit(None, lambda: released.wait(10))
    other = Thread(target=released.wait, args=(10,))
    other.start()

    def end(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, end)
    sending = Timer(0.3, lambda: signal.pthread_kill(other.ident or 0, signal.SIGUSR1))
    sending.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            wait(pool, outcome)
        assert not outcome.done()
    finally:
        signal.signal(signal.SIGUSR1, before)
        released.set()
        pool.abandon()
