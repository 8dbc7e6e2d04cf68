"""The counts are those of the servers: requests, connections, bytes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from msgspec.structs import replace

from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.core.urls import Address, host_of
from cachi2ish.errors import NetworkError
from cachi2ish.http.download import FileDownloader
from cachi2ish.http.interface import HostTraffic, Silence
from cachi2ish.http.session import HttpSession
from cachi2ish.http.traffic import Flow, HttpTraffic
from tests.http.support import SETTINGS, Progress, content, serve
from tests.http.tunnel import Tunnel
from tests.services.fakes import FakeRecollection
from tests.support.clocks import Clock
from tests.support.index_server import Fault, IndexServer
from tests.support.raw_server import RawServer


def session(traffic: HttpTraffic, *, proxy: str | None = None, **changes: object) -> closing[HttpSession]:
    settings = replace(SETTINGS, proxy=Address(proxy) if proxy else None, **changes)
    return closing(HttpSession(settings, sleep=lambda _seconds: None, random=lambda: 1.0, traffic=traffic))


@pytest.fixture
def traffic() -> HttpTraffic:
    return HttpTraffic(Clock(100.0))


def of(traffic: HttpTraffic, server: IndexServer | RawServer) -> HostTraffic:
    (found,) = (host for host in traffic.hosts() if host.host == host_of(server.url))
    return found


def agree(traffic: HttpTraffic, *servers: IndexServer) -> None:
    """Compare with what the servers counted, and see that no answer is left open."""
    assert {(host.host, host.requests, host.connections, host.received) for host in traffic.hosts()} == {
        (host_of(server.url), len(server.requests), server.connections, server.written) for server in servers
    }
    assert traffic.received == sum(server.written for server in servers)
    assert traffic.silences(0) == ()


def test_pages_and_errors_of_32_threads_are_counted_as_the_server_counts_them(
    index: IndexServer, traffic: HttpTraffic
) -> None:
    for number in range(100):
        index.serve_page(f"/{number}", b"%d" % number * 1000, "text/plain")

    with session(traffic, connections=8) as http, ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda number: http.get(f"{index.url}/{number}"), range(150)))

    assert of(traffic, index).requests == 150
    agree(traffic, index)


def test_a_file_is_counted_with_the_attempts_that_failed(
    index: IndexServer, traffic: HttpTraffic, blobs: DiskBlobs
) -> None:
    artifact = serve(index, content(3_000_000))
    index.script(str(artifact.url), [Fault.status(503), Fault.truncated(after=1_000_000)])
    progress = Progress()

    with session(traffic) as http:
        FileDownloader(http, blobs, FakeRecollection()).fetch(artifact, progress)

    assert of(traffic, index).retries == 2
    assert progress.total == 3_000_000
    assert 3_000_000 < of(traffic, index).received < 3_002_000
    agree(traffic, index)


def test_a_redirect_is_a_request_to_each_of_its_hosts(
    index: IndexServer, other: IndexServer, traffic: HttpTraffic
) -> None:
    other.serve_page("/page", b"here", "text/plain")
    index.script("/old", [Fault.redirect(f"{other.url}/page")])

    with session(traffic) as http:
        assert http.get(f"{index.url}/old").body == b"here"

    assert (of(traffic, index).requests, of(traffic, other).requests) == (1, 1)
    agree(traffic, index, other)


def test_an_answer_in_chunks_is_counted_as_it_was_sent(traffic: HttpTraffic) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    answer = head + b"5\r\nhello\r\n" * 1000 + b"0\r\n\r\n"

    with RawServer([answer]) as server, session(traffic) as http:
        assert http.get(server.url).body == b"hello" * 1000

    assert of(traffic, server).received == len(answer)
    assert traffic.silences(0) == ()


def test_a_host_that_is_not_there_got_no_request(traffic: HttpTraffic) -> None:
    with RawServer([]) as server:
        address = server.url
    with session(traffic, retries=2) as http, pytest.raises(NetworkError):
        http.get(address)

    (host,) = traffic.hosts()
    assert (host.requests, host.connections, host.retries) == (0, 0, 2)


def test_a_request_without_an_answer_is_counted_and_ended(index: IndexServer, traffic: HttpTraffic) -> None:
    index.script("/page", [Fault.reset()])

    with session(traffic, retries=0) as http, pytest.raises(NetworkError):
        http.get(f"{index.url}/page")

    assert (of(traffic, index).requests, of(traffic, index).received) == (1, 0)
    assert traffic.silences(0) == ()


def test_a_proxy_for_plain_http_is_counted_by_the_hosts_behind_it(
    index: IndexServer, traffic: HttpTraffic
) -> None:
    index.serve_page("/page", b"by proxy", "text/plain")

    with session(traffic, proxy=index.url) as http:
        for host in ("one.test", "two.test:8080", "one.test:80"):
            http.get(f"http://{host}/page")

    counted = {host.host: (host.requests, host.connections) for host in traffic.hosts()}
    assert counted == {"one.test": (2, 1), "two.test:8080": (1, 0)}


def test_a_tunnel_is_counted_by_its_far_end(index: IndexServer, traffic: HttpTraffic) -> None:
    with (
        Tunnel() as proxy,
        session(traffic, proxy=proxy.url, retries=0) as http,
        pytest.raises(NetworkError),  # the server knows no TLS
    ):
        http.get(index.url.replace("http:", "https:"))

    assert [(host.host, host.requests, host.connections) for host in traffic.hosts()] == [
        (host_of(index.url), 0, 1)
    ]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Files.Example/x", "files.example"),
        ("https://files.example:443/x", "files.example"),
        ("http://files.example:443/x", "files.example:443"),
        ("https://user:secret@files.example:8080/x", "files.example:8080"),
        ("http://[::1]:8080/x", "[::1]:8080"),
        ("ssh://git@git.example/x", "git.example"),
        ("file:///srv/x", "file:///srv/x"),
        ("http://user:secret@[broken/x", "[broken/x"),
    ],
)
def test_a_host_is_named_without_what_belongs_to_others(url: str, host: str) -> None:
    assert host_of(url).removeprefix("http://") == host


def test_waiting_is_added_up_for_each_host() -> None:
    clock = Clock(100.0)
    traffic = HttpTraffic(clock)
    traffic.opened("a.test")
    clock.now += 2
    traffic.arrived("a.test", 100, since=100.0)
    traffic.answered("a.test", 2.0)
    clock.now += 3
    traffic.arrived("a.test", 50, since=102.0)
    (host,) = traffic.hosts()
    assert (host.received, host.seconds, host.answer_seconds) == (150, 5.0, 2.0)


def test_a_host_is_silent_when_it_owes_something_and_sends_nothing() -> None:
    clock = Clock(100.0)
    traffic = HttpTraffic(clock)
    steps: list[tuple[Callable[[], None], tuple[Silence, ...]]] = [
        (lambda: None, ()),
        (lambda: traffic.opened("a.test"), (Silence("a.test", 130.0),)),
        (lambda: traffic.opened("a.test"), (Silence("a.test", 130.0),)),  # a second question is no sign of life
        (lambda: traffic.arrived("a.test", 1, clock.now), (Silence("a.test", 190.0),)),
        (lambda: traffic.closed("a.test"), (Silence("a.test", 190.0),)),
        (lambda: traffic.closed("a.test"), ()),
        (lambda: traffic.opened("a.test"), (Silence("a.test", 280.0),)),
    ]
    for step, silences in steps:
        step()
        clock.now += 30
        assert traffic.silences(30) == silences


#: Seconds, a little more than those over which speeds are taken.
STEP = 0.21


def test_an_answer_starves_that_gets_little_of_a_line_that_others_have_left() -> None:
    clock = Clock(100.0)
    traffic = HttpTraffic(clock)
    traffic.opened("a")
    traffic.opened("a")
    flow = Flow(traffic, "a")
    found = []
    for step, arrived in enumerate([40_000_000] * 4 + [2_000_000] * 4):  # bytes a second, of both
        if step == 4:
            traffic.closed("a")
        clock.now += STEP
        traffic.arrived("a", arrived // 5, clock.now - STEP)
        found.append((flow.lags(500_000, 3_000_000), flow.lags(0, 3_000_000)))
    assert [first for first, _ in found] == [False] * 5 + [True] * 3
    assert not any(second for _, second in found)  # no time has passed


@pytest.mark.parametrize(
    ("speeds", "left"),
    [
        ([40, 40, 2, 2, 2], 900_000),  # so little comes soon
        ([40, 40, 2, 2, 2], 1_900_000),  # or within a second
        ([40, 40, 30, 30, 30], 90_000_000),  # the line is full
        ([2, 2, 2, 2, 2], 90_000_000),  # nobody was ever faster
        ([40, 40, 0, 0, 0, 2], 90_000_000),  # nobody got anything for a while
    ],
)
def test_an_answer_does_not_starve_where_nothing_is_to_be_won(speeds: list[int], left: int) -> None:
    clock = Clock(100.0)
    traffic = HttpTraffic(clock)
    for _ in range(2):
        traffic.opened("a")
    traffic.closed("a")
    flow = Flow(traffic, "a")
    for speed in speeds:
        clock.now += STEP
        if speed:
            traffic.arrived("a", speed * 210_000, clock.now - STEP)
            assert not flow.lags(min(speed, 2) * 210_000, left)


@pytest.mark.parametrize("slow", [HttpTraffic.retried, HttpTraffic.unanswered])
def test_no_answer_starves_of_a_host_that_was_too_slow_for_somebody(
    slow: Callable[[HttpTraffic, str], None],
) -> None:
    clock = Clock(100.0)
    traffic = HttpTraffic(clock)
    slow(traffic, "a")
    assert not lagging(traffic, clock)
    assert lagging(HttpTraffic(clock), clock)


def test_what_another_host_was_good_for_says_nothing_of_this_one() -> None:
    clock = Clock(100.0)
    traffic = HttpTraffic(clock)
    for _ in range(8):
        traffic.opened("index")
    for _ in range(4):
        clock.now += STEP
        traffic.arrived("index", 40_000_000, clock.now - STEP)
    for _ in range(8):
        traffic.closed("index")
    traffic.opened("a")
    flow = Flow(traffic, "a")
    for _ in range(4):
        clock.now += STEP
        traffic.arrived("a", 100_000, clock.now - STEP)
        assert not flow.lags(100_000, 90_000_000)


def lagging(traffic: HttpTraffic, clock: Clock) -> bool:
    traffic.opened("a")
    traffic.opened("a")
    traffic.closed("a")
    flow, found = Flow(traffic, "a"), False
    for speed in (40, 40, 2, 2):
        clock.now += STEP
        traffic.arrived("a", speed * 210_000, clock.now - STEP)
        found = flow.lags(420_000, 90_000_000)
    return found


def test_an_answer_does_not_starve_while_most_of_the_others_go_on() -> None:
    clock = Clock(100.0)
    traffic = HttpTraffic(clock)
    for _ in range(3):
        traffic.opened("a")
    traffic.closed("a")
    flow = Flow(traffic, "a")
    for speed in (40, 40, 2, 2, 2):
        clock.now += STEP
        traffic.arrived("a", speed * 210_000, clock.now - STEP)
        assert not flow.lags(100_000, 90_000_000)
    traffic.closed("a")
    clock.now += STEP
    traffic.arrived("a", 420_000, clock.now - STEP)
    assert flow.lags(420_000, 90_000_000)
