"""What takes long to count is shown as it was counted last, and counted again beside that."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from cachi2ish.errors import StorageError
from cachi2ish.mirror.records import SECOND
from cachi2ish.mirror.web.state_views import Counter
from cachi2ish.mirror.web.views import CoverageView


class Later(ThreadPoolExecutor):
    """Does what was submitted when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Callable[[], Any]] = []

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        self.waiting.append(lambda: work(*arguments, **named))
        return Future()


class Mirror:
    """A clock that is set by hand, and figures that take some time to count."""

    def __init__(self, takes: int) -> None:
        self.time, self.takes, self.counted = 1000 * SECOND, takes, 0
        self.is_broken = False
        self.later = Later()
        self.counter = Counter(self.later, lambda: self.time)

    def count(self) -> CoverageView:
        if self.is_broken:
            raise StorageError("the disk is gone")
        self.time += self.takes
        self.counted += 1
        return CoverageView(there=self.counted, observed=0, computed=0, closed=0)

    def shows(self, after: int = 0) -> int:
        self.time += after * SECOND
        return self.counter.figures("a day", self.count)[1].there


def test_figures_that_take_long_to_count_are_counted_again_while_the_old_ones_are_shown() -> None:
    mirror = Mirror(takes=3 * SECOND)
    assert [mirror.shows(), mirror.shows(after=5)] == [1, 1]
    assert [mirror.shows(after=60), mirror.shows(after=1)] == [1, 1]
    assert (mirror.counted, len(mirror.later.waiting)) == (1, 1)
    mirror.later.waiting.pop()()
    assert (mirror.shows(), mirror.counted) == (2, 2)
    assert mirror.shows(after=700) == 3


def test_figures_that_are_counted_fast_are_never_older_than_some_seconds() -> None:
    mirror = Mirror(takes=1000)
    assert [mirror.shows(), mirror.shows(after=5), mirror.shows(after=60)] == [1, 1, 2]
    assert mirror.later.waiting == []


def test_figures_that_could_not_be_counted_are_counted_again_for_the_next_who_asks() -> None:
    mirror = Mirror(takes=3 * SECOND)
    mirror.shows()
    mirror.is_broken = True
    mirror.shows(after=60)
    with pytest.raises(StorageError):
        mirror.later.waiting.pop()()
    mirror.is_broken = False
    assert (mirror.shows(), len(mirror.later.waiting)) == (1, 1)
    mirror.later.waiting.pop()()
    assert mirror.shows() == 2
