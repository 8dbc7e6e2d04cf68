"""Runs a property over made-up inputs: a few, always the same, or new ones for as long as there is time."""

from __future__ import annotations

import faulthandler
import functools
import inspect
import math
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import SystemRandom
from typing import Any
from unittest import SkipTest

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.errors import HypothesisWarning

from tests.fuzz.guards import HANG, guarded

#: Inputs that found something, and what is under way.
PLACE = Path(__file__).parents[2] / "build" / "fuzz"

#: Inputs of a round, which has one seed; and of the short run among the unit tests.
ROUND, SHORT = 400, 15

#: Seconds that it may take to make an input that failed smaller, whatever one of them takes.
_SHRINKING = 600

_Target = Callable[..., None]


class Campaign:
    """What a target runs in.

    room: an empty folder. seconds: for rounds with seeds of their own, one after the other; None for one round, of
    ``number``, or a short one if that is None too. inputs: how many there were.
    """

    def __init__(self, name: str, room: Path, seconds: float | None = None, number: int | None = None) -> None:
        self.inputs = 0
        self._name = name
        self._room = room
        self._number = number
        self._short = seconds is None and number is None
        self._end = math.inf if seconds is None else time.monotonic() + seconds
        self._failed = False

    def run(self, target: _Target, strategies: dict[str, st.SearchStrategy[Any]], guard: dict[str, Any]) -> None:
        """Run rounds until an input fails or time is up."""
        for number in self._numbers():
            again = f"make fuzz TARGET={self._name} SEED={number}"
            try:
                with self._running(again), warnings.catch_warnings():
                    # Inputs are large until they are made smaller.
                    warnings.simplefilter("ignore", HypothesisWarning)
                    self._settings()(seed(number)(given(**strategies)(self._example(target, guard))))()
            except SkipTest:
                break
            except Exception as error:
                error.add_note(f"to see it again: {again}")
                raise

    @contextmanager
    def _running(self, again: str) -> Iterator[None]:
        """Let whoever has to end this process know what it was at; end it where no signal does.

        A query of SQLite, say, is not interrupted by `guarded`.
        """
        if self._short:
            yield
            return
        running = PLACE / "running" / self._name
        running.parent.mkdir(parents=True, exist_ok=True)
        running.write_text(f"{again}\n", encoding="ascii")
        left = self._end - time.monotonic() if self._end < math.inf else 0
        faulthandler.dump_traceback_later(max(left, 0) + _SHRINKING + 2 * HANG, exit=True, file=2)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            running.unlink(missing_ok=True)

    def _numbers(self) -> Iterator[int]:
        if math.isinf(self._end):
            yield self._number or 0
        while time.monotonic() < self._end < math.inf:
            yield SystemRandom().getrandbits(32)

    def _settings(self) -> settings:
        many = self._end < math.inf
        return settings(
            max_examples=SHORT if self._short else ROUND,
            deadline=None,
            database=DirectoryBasedExampleDatabase(PLACE / "found") if many else None,
            phases=(Phase.reuse, Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
            print_blob=False,
            report_multiple_bugs=False,
        )

    def _example(self, target: _Target, guard: dict[str, Any]) -> _Target:
        wants_room = "room" in inspect.signature(target).parameters

        @functools.wraps(target)
        def example(**drawn: Any) -> None:
            if not self._failed and time.monotonic() > self._end:
                raise SkipTest("time is up")  # hypothesis hands it on at once
            self.inputs += 1
            room = self._room / "room"
            room.mkdir()
            try:
                with guarded(room, **guard):
                    target(**drawn, **({"room": room} if wants_room else {}))
            except BaseException:
                self._failed = True
                raise
            finally:
                shutil.rmtree(room)

        # Hypothesis tells by the name what it has found for which target, and asks this for the parameters.
        del example.__wrapped__
        return example


def fuzzed(
    *, guard: dict[str, Any] | None = None, **strategies: st.SearchStrategy[Any]
) -> Callable[[_Target], Any]:
    """Make a target of a function that takes what ``strategies`` draw and, if it likes, an empty folder ``room``.

    guard: what `guarded` is to allow. The function raises errors of ours, and `AssertionError` where they are not
    what they should be.
    """

    def decorate(target: _Target) -> Any:
        def test(campaign: Campaign) -> None:
            campaign.run(target, strategies, guard or {})

        test.__name__ = test.__qualname__ = target.__name__
        test.__module__ = target.__module__
        return test

    return decorate
