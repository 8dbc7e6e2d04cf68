from __future__ import annotations

from pathlib import Path

from benchmarks.traffic import Mark, Traffic, count


def test_requests_connections_bytes_and_refusals_are_counted() -> None:
    lines = ["7 200 100 /simple/apple/\n", "7 200 50 /a file\n", "9 304 0 /simple/pear/\n", "9 404 9 /gone\n"]
    assert count(lines) == Traffic(requests=4, connections=2, sent=159, refused=1)


def test_only_what_comes_behind_the_mark_is_counted(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("1 200 10 /before\n")
    mark = Mark.at_end(log)
    with log.open("a") as more:
        more.write("2 200 20 /behind\n")
    assert mark.traffic() == Traffic(1, 1, 20, 0)


def test_a_server_that_was_asked_nothing_has_no_traffic(tmp_path: Path) -> None:
    assert Mark.at_end(tmp_path / "access.log").traffic() == Traffic(0, 0, 0, 0)
