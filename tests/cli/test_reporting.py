"""The display: one calm line on a terminal, a line now and then elsewhere, and a summary."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachi2ish.cli.display.console import Console, Level
from cachi2ish.cli.display.figures import Speed, TimeLeft, readable_seconds, readable_wait
from cachi2ish.cli.display.progress_line import Moment, log_line, screen_line
from cachi2ish.cli.display.reporting import ConsoleReporter, log_messages_to
from cachi2ish.cli.display.run_report import slow
from cachi2ish.http.interface import HostTraffic
from cachi2ish.http.traffic import HttpTraffic
from cachi2ish.services.progress import Arrival, Counts, Doing, StageName, UnderWay
from tests.cli.conftest import Person
from tests.support.clocks import Clock
from tests.support.distributions import make_sdist, sdist_files
from tests.support.held_index import HeldIndex
from tests.support.program import PROGRAM, environment
from tests.support.terminal import Terminal, screen

MB = 1_000_000


def arrival(name: str = "a-1.tar.gz", size: int = 10, *, cached: bool = False, announced: bool = True) -> Arrival:
    return Arrival(
        filename=name,
        size=size,
        sha256="0" * 64,
        cached=cached,
        received=0 if cached else size,
        announced=announced,
        host="files.test",
    )


class Run:
    """A reporter in a log, whose clock a test moves on second by second."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.traffic = HttpTraffic(self.clock)
        self.reporter = ConsoleReporter(Console(Level.INFO, colours=False), self.clock)
        self.reporter.watch(self.traffic)

    def receives(self, size: int) -> None:
        self.traffic.arrived("files.test", size, self.clock.now)
        self.reporter.progress.advance(size)

    def passes(self, seconds: int, size: int = 0) -> None:
        """Let time pass in which so many bytes arrive each second."""
        for _ in range(seconds):
            self.clock.now += 1
            if size:
                self.receives(size)
            self.reporter.look()


@pytest.fixture
def running() -> Run:
    return Run()


def test_a_log_gets_a_line_each_ten_seconds_with_files_bytes_speed_and_time_left(
    running: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        running.reporter.progress.add_file(50 * MB)
    running.reporter.stage(Doing("transfer"))
    running.reporter.arrived(arrival(size=10 * MB, cached=True))
    running.passes(29, 2 * MB)
    assert capsys.readouterr().err.splitlines() == [
        "fetching the remaining files",
        "1 of 2 files, 30.0 MB of 100.0 MB, 2.0 MB/s, 35 s left, 0 from the network, 1 from the cache",
        "1 of 2 files, 50.0 MB of 100.0 MB, 2.0 MB/s, 25 s left, 0 from the network, 1 from the cache",
    ]


def test_nothing_is_told_while_nothing_happens(running: Run, capsys: pytest.CaptureFixture[str]) -> None:
    running.reporter.progress.add_file(MB)
    running.passes(100)
    running.receives(10)
    running.passes(100)
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_host_that_falls_silent_is_named_once_and_again_when_it_does_so_again(
    running: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    running.traffic.opened("files.test")
    running.passes(29)
    assert capsys.readouterr().err == ""
    running.passes(60)
    told = "nothing received from files.test for 30 s; still waiting\n"
    assert capsys.readouterr().err == told
    running.receives(1)
    running.passes(60)
    assert told in capsys.readouterr().err


def test_no_time_left_is_told_before_all_files_are_known(running: Run, capsys: pytest.CaptureFixture[str]) -> None:
    running.reporter.stage(Doing("choose"))
    for _ in range(5):
        running.reporter.progress.add_file(20 * MB)
    running.passes(10, MB)
    assert capsys.readouterr().err.splitlines()[-1] == "0 of 5 files so far, 10.0 MB, 1.0 MB/s"


def test_no_time_left_is_told_while_the_size_of_a_file_is_not_known(
    running: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    running.reporter.progress.add_file(100 * MB)
    running.reporter.progress.add_file(None)
    running.reporter.stage(Doing("transfer"))
    running.passes(10, MB)
    assert capsys.readouterr().err.splitlines()[-1] == ("0 of 2 files, 10.0 MB of 100.0 MB or more, 1.0 MB/s")
    running.reporter.arrived(arrival(size=5 * MB, announced=False))
    running.passes(10, MB)
    assert "20.0 MB of 105.0 MB, 1.0 MB/s, 1 min 25 s left" in capsys.readouterr().err


def test_the_total_grows_as_servers_state_sizes(running: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        running.reporter.progress.add_file(None)
    running.reporter.stage(Doing("transfer"))
    running.reporter.progress.resize(None, 100 * MB)
    running.passes(10, MB)
    assert capsys.readouterr().err.splitlines()[-1] == "0 of 3 files, 10.0 MB of 100.0 MB or more, 1.0 MB/s"
    running.reporter.progress.resize(None, 50 * MB)
    running.reporter.progress.resize(None, 30 * MB)
    running.passes(10, MB)
    assert "20.0 MB of 180.0 MB, 1.0 MB/s, 2 min 40 s left" in capsys.readouterr().err


def test_what_libraries_log_reaches_the_display_without_moving_its_cursor(
    running: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logging.getLogger("git")  # without handlers, as GitPython has it
    monkeypatch.setattr(logger, "propagate", False)  # pytest's handlers are above it
    with log_messages_to(running.reporter):
        logger.warning("Git informed while fetching: %s", "\x1b[2J\u202e")
        logger.info("not asked for")
    assert capsys.readouterr().err == "warning: Git informed while fetching: \\x1b[2J\\u202e\n"


def test_a_file_that_takes_long_is_named(running: Run, capsys: pytest.CaptureFixture[str]) -> None:
    running.reporter.progress.add_file(100 * MB)
    running.reporter.stage(Doing("transfer"))
    under_way = running.reporter.progress.under_way
    with ExitStack() as torch:
        torch.enter_context(under_way("torch-2.1.1\x9b\u202e-cp312-cp312-manylinux_2_28_x86_64.whl"))
        running.passes(9, MB)
        with under_way("small.whl"):
            running.passes(11, MB)
            *_, last = capsys.readouterr().err.splitlines()
            assert last == (
                "0 of 1 file, 20.0 MB of 100.0 MB, 1.0 MB/s, 1 min 20 s left, waiting 20 s for"
                " torch-2.1.1\\x9b\\u202e-cp312...x86_64.whl"
            )
            torch.close()
            running.passes(10, MB)
            assert "waiting 21 s for small.whl" in capsys.readouterr().err


def test_a_file_that_is_taken_up_again_counts_with_what_was_there() -> None:
    reporter = Run().reporter
    reporter.progress.add_file(100)
    reporter.progress.advance(70)
    reporter.arrived(
        Arrival(filename="a", size=100, sha256="0", cached=False, received=70, announced=True, host="files.test")
    )
    counts = reporter.progress.counts()
    assert (counts.present, counts.total, counts.fetched_size) == (100, 100, 100)


def test_a_time_left_counts_down_and_does_not_jump_with_the_speed() -> None:
    speed, left, told, total = Speed(), TimeLeft(), [], 0
    for second in range(60):
        total += MB if second % 2 else 3 * MB  # 2 MB/s, by fits and starts
        speed.observe(second, total)
        told.append(left.estimate(second, 200 * MB - total, speed))
    assert told[:4] == [None] * 4
    known = [seconds for seconds in told if seconds is not None]
    assert len(known) > 50
    steps = [before - after for before, after in pairwise(known)]
    assert sum(step == 1 for step in steps) > 50
    assert abs(known[-1] - (200 * MB - total) / (2 * MB)) <= 0.2 * known[-1] + 2


def test_no_time_left_is_told_when_nothing_arrives_any_more() -> None:
    speed, left = Speed(), TimeLeft()
    for second in range(10):
        speed.observe(second, (second + 1) * MB)
    assert left.estimate(9, MB, speed) == 1
    for second in range(10, 200):
        speed.observe(second, 10 * MB)
    assert left.estimate(200, MB, speed) is None


@given(
    arrived=st.integers(0, 10**6),
    expected=st.integers(0, 10**6),
    slow=st.none() | st.builds(UnderWay, st.text(), st.floats(0, 1e9)),
    present=st.integers(0, 10**13),
    total=st.none() | st.integers(0, 10**13),
    stage=st.sampled_from([None, *get_args(StageName)]),
    speed=st.none() | st.floats(0, 1e12),
    left=st.none() | st.floats(0, 1e7),
    width=st.integers(0, 200),
    local=st.booleans(),
    files=st.booleans(),
)
def test_the_line_fits_whatever_it_says(
    arrived: int,
    expected: int,
    slow: UnderWay | None,
    present: int,
    total: int | None,
    stage: StageName | None,
    speed: float | None,
    left: float | None,
    width: int,
    local: bool,
    files: bool,
) -> None:
    counts = Counts(
        stage=stage,
        expected=expected,
        final=stage != "choose",
        arrived=arrived,
        cached=arrived // 2,
        size=present,
        cached_size=0,
        present=present,
        least=total or present,
        total=total,
    )
    doing = None if stage is None else Doing(stage, local, files)
    line = screen_line(Moment(counts, speed, left, doing, slow), width)
    assert len(line) <= width
    assert line.isascii()
    assert line.isprintable()


MOMENT = Moment(
    Counts(
        stage="transfer",
        expected=205,
        final=True,
        arrived=120,
        cached=30,
        size=95 * MB,
        cached_size=10 * MB,
        present=95_100_000,
        least=219_100_000,
        total=219_100_000,
    ),
    speed=12.3 * MB,
    left=10.0,
    doing=Doing("transfer"),
)


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (
            160,
            f"fetching the remaining files: {log_line(MOMENT)}",
        ),
        (79, "fetching: 120 of 205 files, 95.1 MB of 219.1 MB, 12.3 MB/s, 10 s left"),
        (50, "120 of 205 files, 95.1 MB of 219.1 MB, 10 s left"),
        (30, "120 of 205 files, 10 s left"),
        (20, "120 of 205 files"),
        (6, "120 of"),
        (0, ""),
    ],
)
def test_a_narrow_terminal_shows_what_matters_most(width: int, line: str) -> None:
    assert screen_line(MOMENT, width) == line


@pytest.mark.parametrize(
    ("seconds", "duration", "wait"),
    [
        (0.04, "0.0 s", "1 s"),
        (12.34, "12.3 s", "12 s"),
        (59.97, "1 min", "1 min"),
        (119, "1 min 59 s", "1 min 59 s"),
        (134, "2 min 14 s", "2 min 10 s"),
        (1000, "16 min 40 s", "17 min"),
        (7500, "2 h 05 min", "2 h 05 min"),
    ],
)
def test_durations_are_as_exact_as_a_person_needs(seconds: float, duration: str, wait: str) -> None:
    assert (readable_seconds(seconds), readable_wait(seconds)) == (duration, wait)


def host(name: str, requests: int, answer_seconds: float) -> HostTraffic:
    return HostTraffic(
        host=name,
        requests=requests,
        connections=1,
        received=0,
        retries=0,
        unanswered=0,
        seconds=answer_seconds,
        answer_seconds=answer_seconds,
    )


def test_a_log_line_says_everything() -> None:
    assert log_line(MOMENT) == (
        "120 of 205 files, 95.1 MB of 219.1 MB, 12.3 MB/s, 10 s left, 90 from the network, 30 from the cache"
    )


def test_hosts_are_slow_when_their_answers_are_late_on_average() -> None:
    hosts = [
        host("a", 100, 99),
        host("b", 2, 3),
        host("c", 1, 60),
        host("d", 0, 0),
        host("e", 1, 2),
        host("f", 1, 2),
    ]
    assert [one.host for one in slow(hosts)] == ["c", "e", "f"]


@pytest.fixture
def index() -> Iterator[HeldIndex]:
    with HeldIndex() as server:
        yield server


@pytest.fixture
def orchard(person: Person, index: HeldIndex) -> Person:
    """Somebody who wants three files, of which the index keeps one back."""
    person.index = index
    person.environ["PIP_INDEX_URL"] = index.index_url
    pins = []
    for name in ("apple", "fig", "pear"):
        dist = make_sdist(name, "1.0", files=sdist_files(name, "1.0", build_requires=()), padding=100_000)
        index.add(name, dist)
        pins.append(f"{name}==1.0 {dist.hash_option()}\n")
    person.writes("requirements.txt", "".join(pins))
    return person


def on_terminal(person: Person, *options: str | Path, columns: int = 80, **environ: str) -> Terminal:
    arguments = ("fetch-deps", "--source", person.source, "--output", person.output, *options, "pip")
    return Terminal(
        *arguments,
        environ=environment(person.home, {**person.environ, **environ}),
        cwd=person.source,
        columns=columns,
    )


PEAR = "/files/pear-1.0.tar.gz"


def test_a_person_sees_one_line_that_changes_and_in_the_end_only_the_summary(
    orchard: Person, index: HeldIndex
) -> None:
    gate = index.hold(PEAR)
    with on_terminal(orchard, columns=120) as terminal:
        seen = terminal.wait_until(lambda lines: "2 of 3 files" in lines[-1])
        assert "fetching the remaining files: 2 of 3 files, " in seen[-1]
        assert not any("files" in line for line in seen[:-1])
        gate.set()
        assert terminal.wait() == 0
        *lines, last = screen(terminal.heard)
    assert last == ""
    assert {piece[:2] for piece in terminal.heard.split("\x1b")[1:]} == {"[K"}  # neither colours nor jumps
    assert [line for line in lines if "of 3" in line] == []
    assert lines[-2].startswith("6 requests on ")
    assert lines[-1].startswith("3 files, ")
    assert lines[-1].endswith("(3 from the network, 0 from the cache)")


def test_a_narrow_terminal_never_breaks_the_line(orchard: Person, index: HeldIndex) -> None:
    gate = index.hold(PEAR)
    with on_terminal(orchard, columns=24) as terminal:
        seen = terminal.wait_until(lambda lines: "2 of 3 files" in lines[-1])
        assert len(seen[-1]) < 24
        terminal.resize(14)
        seen = terminal.wait_until(lambda lines: lines[-1] == "2 of 3 files")
        terminal.resize(10)
        seen = terminal.wait_until(lambda lines: lines[-1] == "2 of 3 fi")
        gate.set()
        assert terminal.wait() == 0


def test_a_terminal_that_goes_away_does_not_end_the_run(orchard: Person, index: HeldIndex) -> None:
    gate = index.hold(PEAR)
    with on_terminal(orchard) as terminal:
        terminal.wait_until(lambda lines: "2 of 3 files" in lines[-1])
        terminal.close()
        gate.set()
        assert terminal.wait() == 0
    assert len(orchard.deps()) == 3


def test_a_simple_terminal_gets_lines_as_a_log_does(orchard: Person) -> None:
    with on_terminal(orchard, TERM="dumb") as terminal:
        assert terminal.wait() == 0
        assert "\x1b" not in terminal.heard
        assert "\r" not in terminal.heard.replace("\r\n", "\n")
        assert "reading requirements files" in terminal.heard


def test_who_wants_only_warnings_sees_no_display(orchard: Person) -> None:
    with on_terminal(orchard, "--log-level", "warning") as terminal:
        assert terminal.wait() == 0
        assert terminal.heard == ""


def test_a_log_of_a_short_run_has_the_stages_and_the_summary(orchard: Person) -> None:
    arguments = ("fetch-deps", "--source", orchard.source, "--output", orchard.output, "pip")
    done = subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        env={**environment(orchard.home, orchard.environ), "TERM": "xterm"},
        capture_output=True,
        text=True,
        check=True,
    )
    stages = [line for line in done.stderr.splitlines() if "git origin" not in line]
    assert stages[:4] == [
        "reading requirements files",
        "reading index pages, and fetching files",
        "fetching the remaining files",
        "writing the output",
    ]
    assert len(stages) == 6
    assert os.linesep.join(stages[4:]).startswith("6 requests on ")
    assert done.stdout == ""


def test_a_warm_run_says_that_it_made_no_request(orchard: Person) -> None:
    assert orchard.fetches().code == 0
    told = orchard.fetches().err.splitlines()
    assert told[-2].startswith("no request, ")
    assert told[-1].endswith("(0 from the network, 3 from the cache)")


def test_a_run_of_both_says_how_much_came_from_where(orchard: Person, index: HeldIndex) -> None:
    assert orchard.fetches().code == 0
    dist = make_sdist("kiwi", "1.0", padding=2_000_000)
    index.add("kiwi", dist)
    with (orchard.source / "requirements.txt").open("a") as file:
        file.write(f"kiwi==1.0 {dist.hash_option()}\n")
    last = orchard.fetches().err.splitlines()[-1]
    assert last.startswith("4 files, 2.3 MB, in ")
    assert "(1 from the network, 2.0 MB; 3 from the cache, 30" in last
