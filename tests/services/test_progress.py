"""Counting a run, and its report for machines, without a run."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest

from cachi2ish.errors import DigestMismatchError, ErrorGroup, NetworkError, Origin
from cachi2ish.exit_codes import ExitCode
from cachi2ish.http.interface import HostTraffic
from cachi2ish.services.progress import Arrival, PlannedFile, Progress, Stage, UnderWay
from cachi2ish.services.report import make_report
from tests.support.clocks import Clock


def arrival(
    filename: str, size: int, *, cached: bool = False, received: int | None = None, announced: bool = True
) -> Arrival:
    return Arrival(
        filename=filename,
        size=size,
        sha256="0" * 64,
        cached=cached,
        received=0 if cached else size if received is None else received,
        announced=announced,
        host="files.test",
    )


def planned(filename: str, line: int | None) -> PlannedFile:
    return PlannedFile(filename=filename, url="", host="files.test", name="a", origin=Origin("r.txt", line))


def test_nothing_has_happened_at_the_beginning() -> None:
    counts = Progress(Clock()).counts()
    assert (counts.stage, counts.expected, counts.final, counts.total) == (None, 0, False, 0)


def test_files_are_counted_by_where_they_come_from() -> None:
    progress = Progress(Clock())
    for size in (10, 20):
        progress.add_file(size)
    progress.arrived(arrival("a.zip", 10, cached=True))
    progress.advance(20)
    progress.arrived(arrival("b.zip", 20))
    counts = progress.counts()
    assert (counts.arrived, counts.cached, counts.fetched) == (2, 1, 1)
    assert (counts.size, counts.cached_size, counts.fetched_size) == (30, 10, 20)
    assert (counts.present, counts.total) == (30, 30)


def test_the_total_is_not_known_before_every_size_is() -> None:
    progress = Progress(Clock())
    progress.add_file(10)
    progress.add_file(None)
    assert progress.counts().total is None
    progress.advance(7)
    progress.arrived(arrival("a.zip", 7, announced=False))
    assert progress.counts().total == 17


def test_a_size_that_becomes_known_counts_from_then_on() -> None:
    progress = Progress(Clock())
    progress.add_file(10)
    progress.add_file(None)
    progress.add_file(None)
    progress.resize(None, 30)
    assert (progress.counts().least, progress.counts().total) == (40, None)
    progress.resize(30, 20)
    progress.resize(None, 1)
    assert (progress.counts().least, progress.counts().total) == (31, 31)
    progress.arrived(arrival("a.zip", 20))
    assert progress.counts().total == 31


def test_the_file_that_has_been_under_way_for_the_longest_time_is_known() -> None:
    clock = Clock(1.0)
    progress = Progress(clock)
    assert progress.longest_under_way(1.0) is None
    with ExitStack() as a:
        a.enter_context(progress.under_way("a.zip"))
        clock.now = 2.0
        with progress.under_way("b.zip"):
            assert progress.longest_under_way(5.0) == UnderWay("a.zip", 4.0)
            a.close()
            assert progress.longest_under_way(5.0) == UnderWay("b.zip", 3.0)
    assert progress.longest_under_way(5.0) is None


def test_bytes_of_an_earlier_run_are_present_once_the_file_is_here() -> None:
    progress = Progress(Clock())
    progress.add_file(100)
    progress.advance(30)
    assert progress.counts().present == 30
    progress.arrived(arrival("a.zip", 100, received=30))
    assert progress.counts().present == 100


def test_where_there_is_no_report_files_are_counted_and_not_listed() -> None:
    progress = Progress(Clock())
    progress.lists_files = False
    progress.add_file(10)
    progress.arrived(arrival("b.zip", 10, cached=True))
    assert (progress.counts().arrived, progress.counts().cached_size, progress.arrivals()) == (1, 10, ())


def test_a_transfer_that_starts_again_loses_its_bytes() -> None:
    progress = Progress(Clock())
    progress.advance(30)
    progress.advance(-30)
    assert progress.counts().present == 0


@pytest.mark.parametrize(("stage", "final"), [("choose", False), ("transfer", True), ("record", True)])
def test_no_further_files_turn_up_once_all_are_chosen(stage: str, final: bool) -> None:
    progress = Progress(Clock())
    progress.stage(stage)  # type: ignore[arg-type]  # parametrised text
    assert progress.counts().final is final


def test_a_stage_lasts_until_the_next_one_and_the_last_until_now() -> None:
    clock = Clock(2.0)
    progress = Progress(clock)
    progress.stage("read")
    clock.now = 5.0
    progress.stage("choose")
    assert progress.stages(now=9.0) == (Stage("read", 3.0), Stage("choose", 4.0))


def test_the_report_sums_files_and_hosts() -> None:
    progress = Progress(Clock(1.0))
    progress.stage("read")
    progress.add_file(10)
    progress.add_file(None)
    for name, line in (("a.zip", None), ("b.zip", 3), ("b.zip", 2)):
        progress.plan(planned(name, line))
    progress.arrived(arrival("b.zip", 10, cached=True))
    progress.arrived(arrival("a.zip", 7, announced=False))
    progress.git_fetch()
    hosts = [
        HostTraffic(
            host=name,
            requests=2,
            connections=1,
            received=50,
            retries=1,
            unanswered=0,
            seconds=0.12345,
            answer_seconds=0.5,
        )
        for name in ("a.test", "b.test")
    ]
    report = make_report(
        progress, hosts, 2.23456, tool_version="7", dry_run=False, outcome="succeeded", exit_code=ExitCode.OK
    )
    totals = report.totals
    assert (totals.files, totals.files_from_cache, totals.files_from_network) == (2, 1, 1)
    assert (totals.bytes_from_cache, totals.bytes_from_network, totals.bytes_expected) == (10, 7, 17)
    assert (totals.requests, totals.connections, totals.bytes_received, totals.retries) == (4, 2, 100, 2)
    assert (totals.git_fetches, report.seconds, report.exit_code) == (1, 1.235, 0)
    assert [(file.filename, file.source) for file in report.files] == [("a.zip", "network"), ("b.zip", "cache")]
    assert [[place.line for place in file.required_by] for file in report.files] == [[None], [2, 3]]
    assert [host.seconds_waited for host in report.hosts] == [0.123, 0.123]
    assert json.loads(report.render())["stages"] == [{"name": "read", "seconds": 1.235}]


def test_the_report_names_each_error_with_its_place() -> None:
    error = ErrorGroup(
        [
            DigestMismatchError("it is another file", origin=Origin("requirements.txt", 3)),
            NetworkError("it is away"),
        ]
    )
    report = make_report(
        Progress(Clock()),
        [],
        1.0,
        tool_version="7",
        dry_run=True,
        outcome="failed",
        exit_code=ExitCode.DIGEST,
        error=error,
    )
    assert [(one.kind, one.problem, one.file, one.line) for one in report.errors] == [
        ("DIGEST", "it is another file", "requirements.txt", 3),
        ("NETWORK", "it is away", None, None),
    ]
    assert (report.outcome, report.exit_code) == ("failed", 7)
