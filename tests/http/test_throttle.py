"""How a host is treated that has enough: all threads of a run wait for it, and come back in small numbers."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import inf

import pytest
from msgspec.structs import replace

from cachi2ish.core.urls import Address
from cachi2ish.errors import HostError, NetworkError
from cachi2ish.http.retries import TransientError
from cachi2ish.http.session import HttpSession
from cachi2ish.http.throttle import Host, HostLimits
from tests.http.support import SETTINGS, Client
from tests.support.index_server import Answer, Fault, IndexServer

Connect = Callable[..., Client]
LIMIT = 32
PAGES = 100


@dataclass
class Time:
    """A time that passes only by sleeping."""

    now: float = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Rationed(IndexServer):
    """Serves so many requests in each window of time, and answers 429 to the others."""

    WINDOW = 0.05  # seconds

    def __init__(self, ration: int) -> None:
        super().__init__()
        self._ration = ration
        self._asked: Counter[int] = Counter()
        for number in range(PAGES):
            self.serve_page(f"/{number}", b"%d" % number, "text/plain")

    def answer(self, method: str, target: str, headers: Mapping[str, str], connection: int) -> Answer:
        window = int(time.monotonic() / self.WINDOW)
        self._asked[window] += 1
        if self._asked[window] > self._ration:
            self.script(target, [Fault.status(429)])
        return super().answer(method, target, headers, connection)


@pytest.fixture
def page(index: IndexServer) -> str:
    index.serve_page("/busy", b"hello", "text/plain")
    index.serve_page("/quiet", b"hello", "text/plain")
    return f"{index.url}/busy"


def quiet(page: str) -> str:
    return page.replace("busy", "quiet")


def fail_once(client: Client, url: str) -> None:
    with pytest.raises(TransientError), client.session.stream(Address(url)):
        pass


@pytest.mark.parametrize("status", [429, 503])
def test_who_is_asked_to_wait_waits_before_any_request_to_that_host(
    index: IndexServer, other: IndexServer, page: str, connect: Connect, status: int
) -> None:
    client = connect()
    other.serve_page("/", b"", "text/plain")
    index.script("/busy", [Fault.status(status, retry_after="7")])
    fail_once(client, page)

    client.session.get(f"{other.url}/")
    assert client.waits == []
    client.session.get(quiet(page))
    assert client.waits == [7]
    client.session.get(page)
    assert client.waits == [7]


def test_too_many_requests_without_a_time_are_followed_by_a_pause(
    index: IndexServer, page: str, connect: Connect
) -> None:
    client = connect(backoff=0.5)
    index.script("/busy", [Fault.status(429)])
    fail_once(client, page)

    client.session.get(quiet(page))

    assert client.waits == [0.5]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_one_answer_that_is_broken_does_not_delay_the_others(
    index: IndexServer, page: str, connect: Connect, status: int
) -> None:
    client = connect()
    index.script("/busy", [Fault.status(status)])
    fail_once(client, page)

    client.session.get(quiet(page))

    assert client.waits == []


def test_a_host_that_wants_to_be_left_alone_for_long_is_not_asked_again(
    index: IndexServer, other: IndexServer, page: str, connect: Connect
) -> None:
    client = connect()
    other.serve_page("/", b"", "text/plain")
    index.script("/busy", [Fault.status(429, retry_after="3600")])
    with pytest.raises(NetworkError, match="asks to wait 3600 seconds"):
        client.session.get(page)

    for _ in range(10):
        with pytest.raises(
            NetworkError, match=r"/quiet is not asked: its host wants no requests for 3600 seconds"
        ):
            client.session.get(quiet(page))

    assert len(index.requests) == 1
    assert client.session.get(f"{other.url}/").status == 200
    client.waits.append(3600)  # time passes
    assert client.session.get(quiet(page)).status == 200


def test_a_file_that_is_out_of_service_for_long_does_not_stop_the_others(
    index: IndexServer, page: str, connect: Connect
) -> None:
    client = connect()
    index.script("/busy", [Fault.status(503, retry_after="3600")])
    with pytest.raises(NetworkError, match="asks to wait 3600 seconds"):
        client.session.get(page)

    assert client.session.get(quiet(page)).status == 200
    assert client.waits == []


def test_32_threads_get_everything_from_a_server_that_rations_its_answers() -> None:
    """Each for itself would ask again and again, and most would give up."""
    settings = replace(SETTINGS, backoff=Rationed.WINDOW, retries=3)
    with Rationed(4) as server, HttpSession(settings) as session, ThreadPoolExecutor(LIMIT) as pool:
        answers = list(pool.map(lambda number: session.get(f"{server.url}/{number}").status, range(PAGES)))

        assert answers == [200] * PAGES
        assert len(server.requests) < 2 * PAGES


def test_a_page_that_is_always_too_much_is_given_up_while_others_are_served(
    index: IndexServer, page: str, connect: Connect
) -> None:
    client = connect(retries=3)
    index.script("/busy", [Fault.status(429)] * 50)
    attempts = client.session.attempts(Address(page))
    for _ in range(10):  # others get on, which gives hope
        client.session.get(quiet(page))
        with pytest.raises(TransientError) as caught, client.session.stream(Address(page)):
            pass
        attempts.failed(caught.value)
    index.forget_requests()

    with pytest.raises(NetworkError, match="answers HTTP 429"):
        client.session.get(page)

    assert len(index.requests) == 4


def test_a_redirect_to_the_same_host_needs_no_second_place(index: IndexServer, connect: Connect) -> None:
    """Who kept the one connection while waiting for another would wait for ever, with all the others."""
    for number in range(50):
        index.serve_page(f"/to/{number}", b"", "text/plain")
        index.script(f"/from/{number}", [Fault.redirect(f"{index.url}/to/{number}")])
    session = connect(connections=2).session

    with ThreadPoolExecutor(LIMIT) as pool:
        answers = list(pool.map(lambda number: session.get(f"{index.url}/from/{number}").status, range(50)))

    assert answers == [200] * 50
    assert index.connections <= 2


@pytest.fixture
def passing() -> Time:
    return Time()


def host(passing: Time, most: int = LIMIT, lost_for: float = inf) -> Host:
    limits = HostLimits(most=most, longest=30, lost_for=lost_for, clock=passing.clock, sleep=passing.sleep)
    return Host(limits)


def places(host: Host) -> int:
    """How many requests may be made at once now."""
    return int(host._allowed)


def test_a_burst_of_refusals_halves_the_number_of_requests_once(passing: Time) -> None:
    one = host(passing)
    for _ in range(LIMIT):
        one.slow_down(1, started_at=0.0)
    assert places(one) == LIMIT // 2

    passing.sleep(2)
    one.slow_down(1, started_at=passing.now)
    assert places(one) == LIMIT // 4


def test_a_host_without_connections_is_given_up_unless_it_has_answered(passing: Time) -> None:
    there, gone = host(passing), host(passing, most=1)
    lost = HostError("nobody is there", cause="x")
    there.answered()
    for one in (there, gone):
        one.give_up(lost)
    with there.admission(Address("x")):
        pass
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(lambda: gone.admission(Address("x")).__enter__()) for _ in range(8)]
    assert {str(one.exception()) for one in asked} == {"nobody is there"}


def test_a_redirect_to_a_host_without_connections_gives_up_that_host_and_no_other(
    index: IndexServer, page: str, connect: Connect
) -> None:
    client = connect(retries=1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        gone = f"http://127.0.0.1:{server.getsockname()[1]}/x"
    index.script("/busy", [Fault.redirect(gone)] * 4)

    with pytest.raises(HostError, match="connection refused"):
        client.session.get(page)
    waits = len(client.waits)
    for url in (gone, page):
        with pytest.raises(HostError, match="connection refused"):
            client.session.get(url)

    assert len(client.waits) == waits
    assert client.session.get(quiet(page)).status == 200


def test_the_number_of_requests_stays_between_one_and_the_limit(passing: Time) -> None:
    one = host(passing)
    for _ in range(20):
        passing.sleep(2)
        one.slow_down(1, started_at=passing.now)
    assert places(one) == 1
    for _ in range(1000):
        one.went_well()
    assert places(one) == LIMIT


def test_who_waits_for_a_place_gets_it(passing: Time) -> None:
    one, entered = host(passing, most=1), threading.Event()

    def enter() -> None:
        with one.admission(Address("x")):
            entered.set()

    with one.admission(Address("x")):
        waiting = threading.Thread(target=enter)
        waiting.start()
        assert not entered.is_set()
    waiting.join(30)
    assert entered.is_set()


@pytest.mark.parametrize(("lost_for", "returns"), [(inf, False), (10.0, True)])
def test_a_host_that_was_given_up_is_left_alone_for_as_long_as_the_settings_say(
    passing: Time, lost_for: float, returns: bool
) -> None:
    one = host(passing, lost_for=lost_for)
    one.give_up(HostError("nobody is there", cause=("there",)))
    with pytest.raises(HostError), one.admission(Address("http://there/")):
        pass

    passing.sleep(11)
    if returns:
        with one.admission(Address("http://there/")):
            return
    with pytest.raises(HostError), one.admission(Address("http://there/")):
        pass
