"""What each date says of an upstream that yanks, deletes, lies, and sends pages from the past."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.records import AlarmKind, Changes, Registry, UntimedFiles
from tests.mirror.history.world import PYPI, Watched, a_file

OLD = a_file("1.0", 0.5)
NEW = a_file("2.0", 2.5)
YANKED = a_file("1.0", 0.5, yanked="broken")
SWAPPED = a_file("1.0", 0.5, content="other")
LATER_SWAPPED = a_file("1.0", 4.5, content="other")
UNTIMED = a_file("1.0", None)
LATE = a_file("3.0", 0.6)

Story = Callable[[Watched], object]

BY_SIGHT = replace(PYPI, untimed=UntimedFiles.FIRST_SEEN)


@dataclass
class Case:
    """looks: what happens, in order. says: what the days then say, None for now. alarms: their kinds, in order."""

    name: str
    looks: tuple[Story, ...]
    says: dict[int | None, object]
    alarms: tuple[AlarmKind, ...] = ()
    registry: Registry = PYPI


CASES = [
    Case(
        "adds",
        (lambda w: w.sees(1.5, OLD), lambda w: w.sees(3.5, OLD, NEW)),
        {-1: "not-yet", 0: ["1.0"], 1: ["1.0"], 2: ["1.0", "2.0"], None: ["1.0", "2.0"]},
    ),
    Case(
        "is looked at for the first time late",
        (lambda w: w.sees(9, OLD, NEW),),
        {-1: "not-yet", 0: ["1.0"], 2: ["1.0", "2.0"]},
    ),
    Case(
        "yanks",
        (lambda w: w.sees(1.5, OLD), lambda w: w.sees(3.5, YANKED)),
        {0: ["1.0"], 2: ["1.0"], 3: ["1.0*"], None: ["1.0*"]},
    ),
    Case(
        "has yanked before the first look",
        (lambda w: w.sees(1.5, YANKED), lambda w: w.sees(3.5, OLD)),
        {0: ["1.0*"], 2: ["1.0*"], 3: ["1.0"]},
    ),
    Case(
        "yanks and takes it back",
        (lambda w: w.sees(1.5, OLD), lambda w: w.sees(3.5, YANKED), lambda w: w.sees(5.5, OLD)),
        {2: ["1.0"], 3: ["1.0*"], 4: ["1.0*"], 5: ["1.0"]},
    ),
    Case(
        "deletes a file",
        (lambda w: w.sees(3, OLD, NEW), lambda w: w.sees(5.5, OLD)),
        {0: ["1.0"], 4: ["1.0", "2.0"], 5: ["1.0"], None: ["1.0"]},
    ),
    Case(
        "deletes a file and brings it back",
        (lambda w: w.sees(3, OLD, NEW), lambda w: w.sees(5.5, OLD), lambda w: w.sees(7.5, OLD, NEW)),
        {4: ["1.0", "2.0"], 5: ["1.0"], 6: ["1.0"], 7: ["1.0", "2.0"]},
    ),
    Case(
        "deletes the project",
        (lambda w: w.sees(3, OLD, NEW), lambda w: w.sees_nothing(5.5)),
        {0: ["1.0"], 4: ["1.0", "2.0"], 5: "deleted", None: "deleted"},
    ),
    Case(
        "has no such project, and then it is registered",
        (lambda w: w.sees_nothing(1.5), lambda w: w.sees(3.5, NEW)),
        {0: "not-yet", 1: "not-yet", 2: ["2.0"]},
    ),
    Case(
        "loses the project for a moment",
        (lambda w: w.sees(1.5, OLD), lambda w: w.sees_nothing(3.5), lambda w: w.sees(5.5, OLD, NEW)),
        {2: ["1.0"], 3: "deleted", 4: "deleted", 5: ["1.0", "2.0"]},
        # 2.0 was uploaded, as it claims, before the look that found nothing.
        (AlarmKind.LATE_FILE,),
    ),
    Case(
        "deletes the project, and somebody else registers the name",
        (
            lambda w: w.sees(1.5, OLD),
            lambda w: w.sees_nothing(3.5),
            lambda w: w.sees(6, a_file("1.0", 5.5, content="x")),
        ),
        {0: ["1.0"], 2: ["1.0"], 3: "deleted", 4: "deleted", 5: ["1.0"], None: ["1.0"]},
        (AlarmKind.REGISTERED_AGAIN,),
    ),
    Case(
        "has another project under the name between two looks",
        (lambda w: w.sees(1.5, OLD), lambda w: w.sees(6, a_file("9.0", 4.5))),
        {0: ["1.0"], 3: ["1.0"], 4: ["9.0"], None: ["9.0"]},
        (AlarmKind.REGISTERED_AGAIN,),
    ),
    Case(
        "puts the project into quarantine, and lets it out",
        (
            lambda w: w.sees(1.5, OLD),
            lambda w: w.sees(3.5, status="quarantined"),
            lambda w: w.sees(5.5, OLD),
        ),
        {2: ["1.0"], 3: "quarantined", 4: "quarantined", 5: ["1.0"]},
    ),
    Case(
        "swaps the bytes of a file under the same name and time",
        (lambda w: w.sees(1.5, OLD), lambda w: w.sees(3.5, SWAPPED)),
        {0: ["1.0"], 2: ["1.0"], 3: ["1.0"], None: ["1.0"]},
        (AlarmKind.OTHER_BYTES,),
    ),
    Case(
        "deletes a file and takes another one of that name",
        (
            lambda w: w.sees(3, OLD, NEW),
            lambda w: w.sees(3.5, NEW),
            lambda w: w.sees(6, LATER_SWAPPED, NEW),
        ),
        {2: ["1.0", "2.0"], 3: ["2.0"], 4: ["2.0", "1.0"]},
        (AlarmKind.OTHER_BYTES,),
    ),
    Case(
        "shows a file late",
        (lambda w: w.sees(2, OLD), lambda w: w.sees(4.5, OLD, LATE)),
        {0: ["1.0"], 1: ["1.0"], 2: ["1.0", "3.0"], 3: ["1.0", "3.0"]},
        (AlarmKind.LATE_FILE,),
    ),
    Case(
        "shows a file a little late, as content networks do",
        (lambda w: w.sees(0.7, OLD), lambda w: w.sees(4.5, OLD, LATE)),
        {0: ["1.0", "3.0"]},
    ),
    Case(
        "states no times",
        (lambda w: w.sees(1.5, UNTIMED),),
        {0: "not-yet", 1: "untimed", 5: "untimed", None: ["1.0"]},
    ),
    Case(
        "states no times, and is dated by sight",
        (lambda w: w.sees(1.5, UNTIMED), lambda w: w.sees(3.5, UNTIMED, a_file("2.0", None))),
        {0: "not-yet", 1: ["1.0"], 2: ["1.0"], 3: ["1.0", "2.0"]},
        registry=BY_SIGHT,
    ),
    Case(
        "loses times",
        (lambda w: w.sees(1.5, OLD), lambda w: w.sees(3.5, UNTIMED)),
        {0: ["1.0"], 3: ["1.0"], 5: ["1.0"]},
        (AlarmKind.OTHER_TIME,),
    ),
    Case(
        "changes a time",
        (lambda w: w.sees(3.5, OLD), lambda w: w.sees(5.5, a_file("1.0", 2.5))),
        {0: ["1.0"], 5: ["1.0"]},
        (AlarmKind.OTHER_TIME,),
    ),
    Case(
        "states a time only later",
        (lambda w: w.sees(1.5, UNTIMED), lambda w: w.sees(3.5, OLD)),
        {0: "not-yet", 1: ["1.0"], 3: ["1.0"]},
    ),
    Case(
        "sends a page from the past",
        (lambda w: w.sees(3, OLD, NEW, serial=7), lambda w: w.sees(5, OLD, serial=6)),
        {2: ["1.0", "2.0"], 5: ["1.0", "2.0"], None: ["1.0", "2.0"]},
        (AlarmKind.OLD_PAGE,),
    ),
    Case(
        "answers late",
        (lambda w: w.sees(3, OLD, NEW), lambda w: w.sees(2.9, OLD)),
        {2: ["1.0", "2.0"], None: ["1.0", "2.0"]},
    ),
    Case(
        "has a project without files",
        (lambda w: w.sees(1.5),),
        {0: "not-yet", 1: [], None: []},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_each_date_says_of_an_upstream_that(case: Case, history: SqlHistory) -> None:
    watched = Watched(history, case.registry)
    alarms = []
    for look in case.looks:
        changes = look(watched)
        assert isinstance(changes, Changes)
        alarms += [one.kind for one in changes.alarms]
    assert {day: watched.answer(day) for day in case.says} == case.says
    assert tuple(alarms) == case.alarms
