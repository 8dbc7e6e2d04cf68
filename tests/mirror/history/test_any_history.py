"""Whatever an upstream does and whenever it is looked at: what was served for a closed day is served for ever."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cachi2ish.core.as_of import as_of
from cachi2ish.core.modes import Missing
from cachi2ish.core.pages import IndexFile
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.records import HOUR, DatedPage, Registry, UntimedFiles
from cachi2ish.simple_api.json_pages import write_json
from tests.mirror.history.world import PYPI, Watched, a_file, a_page, at, end_of_day
from tests.support.histories import history_at

DAYS = range(-1, 12)

#: What an upstream does between two looks; a number says to which file, where there are several.
ACTIONS = (
    "add",
    "add with a time of the past",
    "add without a time",
    "yank",
    "take a yank back",
    "delete",
    "bring back",
    "swap bytes",
    "lose times",
    "state times again",
    "delete the project",
    "register again",
    "quarantine",
    "release",
    "wait",
)
Step = tuple[str, int, float, bool]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(ACTIONS),
        st.integers(0, 4),
        st.sampled_from([0.01, 0.2, 0.5, 1.0]),
        st.booleans(),
    ),
    max_size=14,
)
REGISTRIES = st.sampled_from(
    [
        PYPI,
        Registry(name="pypi", url=PYPI.url, settling=0, untimed=UntimedFiles.FIRST_SEEN),
        Registry(name="pypi", url=PYPI.url, settling=30 * HOUR),
    ]
)


@dataclass
class Upstream:
    """Lies as it likes."""

    day: float = 0.1
    files: dict[int, IndexFile] = field(default_factory=dict)
    away: dict[int, IndexFile] = field(default_factory=dict)
    exists: bool = True
    status: str = "active"
    timeless: bool = False
    serial: int = 0
    seen: set[str] = field(default_factory=set)

    def does(self, action: str, which: int) -> None:
        self.serial += 1
        if action.startswith("add"):
            times = {"add with a time of the past": self.day * which / 5, "add without a time": None}
            self.files[which] = a_file(f"{which}.{self.serial}", times.get(action, self.day))
        elif which in self.files and action in {"yank", "take a yank back", "swap bytes"}:
            self.files[which] = self.changed(self.files[which], action)
        elif action in {"lose times", "state times again"}:
            self.timeless = action == "lose times"
        elif action in {"quarantine", "release"}:
            self.status = "quarantined" if action == "quarantine" else "active"
        else:
            self.moves(action, which)

    def moves(self, action: str, which: int) -> None:
        match action:
            case "delete":
                gone = self.files.pop(which, None)
                # What nobody has seen would be late when it is back.
                if gone is not None and gone.filename in self.seen:
                    self.away[which] = gone
            case "bring back":
                self.files |= {key: file for key, file in self.away.items() if key == which}
            case "delete the project":
                self.exists = False
            case "register again":
                self.exists, self.files = True, {which: a_file("1.0", self.day, content=str(self.serial))}

    def changed(self, file: IndexFile, action: str) -> IndexFile:
        if action == "swap bytes":
            return replace(file, hashes=(("sha256", f"{self.serial:064x}"),))
        return replace(file, yanked=action == "yank")

    def is_seen(self, watched: Watched) -> None:
        if not self.exists:
            watched.sees_nothing(self.day)
            return
        self.seen |= {one.filename for one in self.files.values()}
        files = [replace(one, upload_time=None) if self.timeless else one for one in self.files.values()]
        watched.sees(self.day, *files, status=self.status, serial=self.serial)


@pytest.fixture(scope="module")
def memory() -> Path:
    # In memory, where there is such a place: each example writes a database.
    place = Path("/dev/shm")
    return place if place.is_dir() else Path(tempfile.gettempdir())


@contextmanager
def fresh_history(memory: Path) -> Iterator[SqlHistory]:
    with (
        tempfile.TemporaryDirectory(dir=memory) as folder,
        SqlHistory(history_at(Path(folder) / "history.sqlite")) as history,
    ):
        yield history


def closed_pages(watched: Watched) -> dict[int, bytes]:
    pages = {day: watched.asks(day) for day in DAYS}
    return {day: write_json(one.page) for day, one in pages.items() if isinstance(one, DatedPage) and one.closed}


def refused_days(watched: Watched, until: float) -> set[int]:
    return {day for day in DAYS if day + 1 <= until and not isinstance(watched.asks(day), DatedPage)}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, REGISTRIES)
def test_a_closed_day_never_changes_by_a_byte(memory: Path, steps: list[Step], registry: Registry) -> None:
    with fresh_history(memory) as history:
        watched, upstream = Watched(history, registry), Upstream()
        served: dict[int, bytes] = {}
        refused: set[int] = set()
        for action, which, pause, seen in steps:
            upstream.does(action, which)
            upstream.day += pause
            if not seen:
                continue
            upstream.is_seen(watched)
            now = closed_pages(watched)
            assert {day: now.get(day) for day in served} == served
            assert refused.isdisjoint(now)
            served = now
            refused = refused_days(watched, upstream.day - registry.settling / (24 * HOUR))
        assert history.projects("pypi", end_of_day(3)) == (
            ("apple",) if isinstance(watched.asks(3), DatedPage) else ()
        )


HONEST = st.lists(
    st.tuples(
        st.sampled_from(["add", "delete", "bring back", "yank", "wait"]),
        st.integers(1, 3),
        st.sampled_from([0.05, 0.3, 1.0]),
        st.booleans(),
    ),
    max_size=12,
)


def listed_then(looks: list[tuple[float, dict[str, IndexFile]]], day: int) -> dict[str, IndexFile]:
    """What the page of a day has, reckoned from all that was seen, in another way than the history does."""
    then: dict[str, IndexFile] = {}
    for name in {name for _, seen in looks for name in seen}:
        since = next(position for position, (_, seen) in enumerate(looks) if name in seen)
        before = [seen for seen_at, seen in looks[since:] if at(seen_at) < end_of_day(day).instant]
        state = before[-1].get(name) if before else looks[since][1][name]
        if state is not None and end_of_day(day).admits(state.upload_time or at(0)):
            then[name] = state
    return then


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HONEST)
def test_a_page_has_what_was_uploaded_before_and_not_known_to_be_deleted(memory: Path, steps: list[Step]) -> None:
    with fresh_history(memory) as history:
        watched, upstream = Watched(history), Upstream()
        upstream.files[0] = a_file("0.0", 0.05)
        looks: list[tuple[float, dict[str, IndexFile]]] = []
        for action, which, pause, seen in [*steps, ("wait", 0, 0.1, True)]:
            upstream.does(action, which)
            upstream.day += pause
            if seen:
                upstream.is_seen(watched)
                looks.append((upstream.day, {one.filename: one for one in upstream.files.values()}))
        for day in DAYS[1:]:
            page = watched.page(day).page
            assert {one.filename: one for one in page.files} == listed_then(looks, day)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.none(), st.floats(-1, 11)), min_size=1, max_size=12), st.integers(-1, 11))
def test_of_one_look_the_date_makes_what_it_makes_of_it_for_fetch_deps(
    memory: Path, days: list[float | None], day: int
) -> None:
    files = [a_file(f"{number}.0", uploaded) for number, uploaded in enumerate(days)]
    with fresh_history(memory) as history:
        watched = Watched(history)
        watched.sees(12, *files)
        answer = watched.asks(day)
        expected = as_of(a_page(files), end_of_day(day), Missing.REFUSE).files
        assert set(answer.page.files if isinstance(answer, DatedPage) else ()) == set(expected)
