"""A process that is killed in the middle of a look leaves all looks before it, and nothing of that one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cachi2ish.core.pages import IndexFile
from cachi2ish.core.urls import Address
from cachi2ish.mirror.history.engines.interface import HistoryPlace
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.records import DatedPage
from tests.mirror.history.world import Watched, a_file
from tests.support.histories import text_of

#: Files that each look adds: enough for a transaction to be under way when the process ends.
FILES = 40
KILLS = 5


def listed_at(step: int) -> list[IndexFile]:
    return [a_file(f"{look}.{number}", look / 10) for look in range(step + 1) for number in range(FILES)]


def main(place: str, start: str) -> None:
    with SqlHistory(Address(place) if "://" in place else Path(place)) as history:
        watched = Watched(history)
        for step in range(int(start), 10_000):
            watched.sees(1 + step / 10, *listed_at(step))
            print(step, flush=True)  # noqa: T201  (the parent reads it)


def test_no_look_is_lost_and_none_is_half_there(place: HistoryPlace) -> None:
    served: dict[int, str] = {}
    step = 0
    for kill in range(KILLS):
        command = [sys.executable, "-m", "tests.mirror.history.test_crash", text_of(place), str(step)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            # The next look is under way when the word of this one comes.
            done = [int(next(process.stdout)) for _ in range(2 + kill)][-1]
            process.kill()
        with SqlHistory(place) as history:
            assert history.verify() == ()
            watched = Watched(history)
            names = {one.filename for one in watched.page(None).page.files}
            # What was under way may have ended before the kill, and then it is there whole.
            step = len(names) // FILES - 1
            assert step >= done
            assert names == {one.filename for one in listed_at(step)}
            pages = {day: watched.asks(day) for day in range(9)}
            closed = {day: one.digest for day, one in pages.items() if isinstance(one, DatedPage) and one.closed}
            assert {day: closed.get(day) for day in served} == served
            served = closed
        step += 1
    assert served


if __name__ == "__main__":
    main(*sys.argv[1:])
