from __future__ import annotations

import gzip
from collections.abc import Callable

import pytest

from cachi2ish.errors import NetworkError
from cachi2ish.http.retries import RetryPolicy, TransientError, readable_retry_after, retry_after
from tests.http.support import Client, content
from tests.support.index_server import Answer, Fault, IndexServer
from tests.support.raw_server import RawServer

Connect = Callable[..., Client]
PAGE = "/page"


@pytest.fixture
def page(index: IndexServer) -> str:
    index.serve_page(PAGE, b"<html>hello</html>", "text/html")
    return index.url + PAGE


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_status_that_may_pass_is_tried_again(
    index: IndexServer, page: str, connect: Connect, status: int
) -> None:
    client = connect()
    index.script(PAGE, [Fault.status(status)])

    answer = client.session.get(page)

    assert (answer.status, answer.body) == (200, b"<html>hello</html>")
    assert client.waits == [0.5]
    assert index.connections == 1


def test_back_off_doubles_up_to_its_limit_and_then_the_error_says_all(
    index: IndexServer, page: str, connect: Connect
) -> None:
    client = connect(retries=5, backoff_limit=3.0)
    index.script(PAGE, [Fault.status(500)] * 20)

    with pytest.raises(
        NetworkError, match=r"/page answers HTTP 500 \(Internal Server Error\) \(after 6 attempts\)"
    ):
        client.session.get(page)

    assert client.waits == [0.5, 1, 2, 3, 3]
    assert len(index.requests) == 6


@pytest.mark.parametrize("status", [501, 505])
def test_a_server_error_that_stays_is_not_tried_again(
    index: IndexServer, page: str, connect: Connect, status: int
) -> None:
    client = connect()
    index.script(PAGE, [Fault.status(status)])

    with pytest.raises(NetworkError, match=f"answers HTTP {status}"):
        client.session.get(page)

    assert client.waits == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 406, 410, 451])
def test_a_request_that_is_refused_is_not_tried_again(
    index: IndexServer, page: str, connect: Connect, status: int
) -> None:
    client = connect()
    index.script(PAGE, [Fault.status(status, body=b"no")])

    answer = client.session.get(page)

    assert (answer.status, answer.body) == (status, b"no")
    assert client.waits == []


@pytest.mark.parametrize(
    "fault", [Fault.reset(), Fault.reset(5), Fault.truncated(5), Fault.truncated(0), Fault.stall(), Fault.stall(5)]
)
def test_a_connection_that_breaks_is_tried_again(
    index: IndexServer, page: str, connect: Connect, fault: Fault
) -> None:
    client = connect(read_timeout=1) if fault.then == "stall" else connect()
    index.script(PAGE, [fault, fault])

    assert client.session.get(page).body == b"<html>hello</html>"
    assert client.waits == [0.5, 1]


@pytest.mark.parametrize(
    ("faults", "says"),
    [
        (Fault.reset(), "Connection reset by peer|closed|broke"),
        (Fault.truncated(5), "ended too early"),
        (Fault.stall(), "does not answer in time"),
    ],
)
def test_a_connection_that_breaks_for_ever_is_an_error_that_says_how(
    index: IndexServer, page: str, connect: Connect, faults: Fault, says: str
) -> None:
    client = connect(read_timeout=0.2, retries=1) if faults.then == "stall" else connect(retries=1)
    index.script(PAGE, [faults] * 3)

    with pytest.raises(NetworkError, match=says) as caught:
        client.session.get(page)

    assert page in caught.value.problem
    assert caught.value.problem.endswith("(after 2 attempts)")
    assert caught.value.hint


def test_each_retry_is_told_with_its_number_and_how_long_is_waited(
    index: IndexServer, page: str, connect: Connect
) -> None:
    client = connect(read_timeout=1, retries=2)
    index.script(PAGE, [Fault.stall(), Fault.reset()])
    client.session.get(page)
    first, second = client.told
    assert "does not answer in time: trying again in 0.5 s, attempt 2 of 3; each waits 1 s (PIP_TIMEOUT)" in first
    assert second.endswith("attempt 3 of 3")


def test_a_chunked_body_that_ends_early_is_tried_again(connect: Connect) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with RawServer([head + b"5\r\nhello\r\n", head + b"5\r\nhello\r\n0\r\n\r\n"]) as server:
        client = connect()
        assert client.session.get(server.url).body == b"hello"
        assert client.waits == [0.5]


def test_a_body_that_is_wrongly_compressed_is_an_error(connect: Connect) -> None:
    broken = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\nhello"
    with RawServer([broken] * 2) as server, pytest.raises(NetworkError, match="compressed in a way"):
        connect(retries=1).session.get(server.url)


def test_retry_after_in_seconds_is_obeyed(index: IndexServer, page: str, connect: Connect) -> None:
    client = connect(backoff=0.25)
    index.script(PAGE, [Fault.status(503, retry_after="7"), Fault.status(429, retry_after="0")])

    assert client.session.get(page).status == 200
    assert client.waits == [7.25, 0.25]


def test_retry_after_as_a_date_is_obeyed_by_the_clock_of_the_server(connect: Connect) -> None:
    date, later = "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:12 GMT"
    client = connect(backoff=0.0)
    with RawServer(
        [
            f"HTTP/1.1 503 Busy\r\nDate: {date}\r\nRetry-After: {later}\r\nConnection: close\r\n\r\n".encode(),
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        ]
    ) as server:
        assert client.session.get(server.url).body == b"ok"
    assert client.waits == [12]


def test_a_retry_after_beyond_the_limit_is_an_error_that_says_so(
    index: IndexServer, page: str, connect: Connect
) -> None:
    client = connect(backoff_limit=30.0)
    index.script(PAGE, [Fault.status(429, retry_after="3600")])

    with pytest.raises(NetworkError, match=r"asks to wait 3600 seconds .* longer than the limit of 30"):
        client.session.get(page)

    assert client.waits == []


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("120", "", 120.0),
        (" 3 ", "", 3.0),
        ("", "", None),
        ("soon", "", None),
        ("-5", "", None),
        ("1.5", "", None),
        ("²", "", None),
        ("Wed, 21 Oct 2015 07:29:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", 60.0),
        ("Wed, 21 Oct 2015 07:27:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wednesday, 21-Oct-15 07:29:00 GMT", "Wed Oct 21 07:28:00 2015", 60.0),
        ("Wed, 21 Oct 2015 07:29:00 GMT", "", None),
        ("Fri, 31 Dec 9999 23:59:59 -0500", "Fri, 31 Dec 9999 23:58:59 -0500", 60.0),
        ("Fri, 31 Dec 9999 23:59:59 -0500", "Mon, 01 Jan 0001 00:00:00 +0500", 252424029599.0),
        ("Wed, 99 Oct 2015 07:29:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", None),
        ("Wed, 21 Oct 99999999999 07:29:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", None),
        ("Wed, 21 Oct 2015 07:29:00 GMT", "Wed, 21 Oct 2015 07:28:00 +99999999999999", None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(value: str, date: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value, "date": date}) == seconds


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.0, "0 seconds"),
        (86400.0, "86400 seconds"),
        (86401.0, "more than a day"),
        (float("inf"), "more than a day"),
    ],
)
def test_nobody_counts_the_seconds_of_more_than_a_day(seconds: float, told: str) -> None:
    assert readable_retry_after(seconds) == told


def test_jitter_takes_up_to_half_of_a_wait() -> None:
    def policy(random: float) -> RetryPolicy:
        return RetryPolicy(retries=9, backoff=1.0, limit=30.0, random=lambda: random, sleep=lambda _: None)

    failure = TransientError("x")

    assert [policy(0.0).delay(n, failure) for n in (1, 2, 3)] == [0.5, 1, 2]
    assert [policy(1.0).delay(n, failure) for n in (1, 2, 3)] == [1, 2, 4]
    assert policy(1.0).delay(10_000, failure) == 30


def test_an_answer_that_is_tried_again_leaves_its_connection_to_be_used(
    index: IndexServer, page: str, connect: Connect
) -> None:
    index.script(PAGE, [Fault(instead=Answer(503, content(20_000)))] * 2)

    connect().session.get(page)

    assert index.connections == 1


@pytest.mark.parametrize("behind", [b"x", b"behind", b"behind it all", b"\x1f\x8b and no more than that"])
def test_what_stands_behind_a_whole_member_is_passed_over(connect: Connect, behind: bytes) -> None:
    packed = gzip.compress(b"hello") + behind
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n" + packed
    with RawServer([answer]) as server:
        assert connect(retries=0).session.get(server.url).body == b"hello"
