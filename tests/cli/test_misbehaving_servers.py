"""A prefetch from servers that misbehave, as a person sees it: what comes through, what is told, what comes next.

Each fault of the list that this project set itself, and where it is tested besides:

| fault | here | in `tests/net` |
|---|---|---|
| reset before a body, and in its middle | `PASSING` | `test_retries`, `test_resuming` |
| truncated body | `PASSING`, `LASTING` | `test_retries`, `test_resuming` |
| stall, then resume | `PASSING`, `LASTING` | `test_retries`, `test_resuming` |
| 429 and 503, with and without Retry-After | `PASSING`, `LASTING` | `test_retries`, `test_courtesy` |
| 500 once, and for ever | `PASSING`, `LASTING` | `test_retries` |
| 416 | `PASSING` | `test_resuming` |
| a server that ignores Range | `test_a_server_that_knows_no_ranges_…` | `test_resuming` |
| changed between two ranges | `test_a_file_that_is_replaced_…` | `test_resuming` |
| wrong length, wrong digest | `LASTING` | `test_downloader` |
| redirect loop | `LASTING` | `test_session`, `test_credentials` |
| redirect to another host | `test_misbehaving_hosts` | `test_credentials` |
| gzip and chunked pages | `test_misbehaving_hosts` | `test_session`, `test_retries` |
| a page of 50 MB | `test_misbehaving_hosts` | `tests/index/test_html_tags` |
| a name that does not resolve | `test_misbehaving_hosts` | `test_session` |
| TLS failures | `test_misbehaving_hosts` | `test_tls` |
| disk full, in the cache and in the output | `test_full_disks` | `test_downloader` |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from unittest.mock import ANY

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person
from tests.support.distributions import make_sdist
from tests.support.index_server import Answer, Fault
from tests.support.orchard import APPLE, BIG, BIG_PATH, PINS, asked_for, errors

CUT = 600_000
CHUNK = 256 * 1024  # a piece that was not complete when a connection broke is asked for again
FOR_EVER = 50
SILENCE = "2"  # seconds that a server may be silent where one is; a busy machine may take a while to answer


@pytest.fixture
def orchard(person: Person) -> Person:
    """Two pinned files; each request is made three times."""
    person.index.add("apple", APPLE)
    person.index.add("big", BIG)
    person.writes("requirements.txt", PINS)
    person.environ |= {"PIP_RETRIES": "2"}
    return person


def script(orchard: Person, faults: Sequence[Fault]) -> None:
    """Let the large file's requests go wrong one after the other."""
    orchard.index.script(BIG_PATH, faults)
    if any(fault.then == "stall" for fault in faults):
        orchard.environ["PIP_TIMEOUT"] = SILENCE


# faults that pass


@dataclass(frozen=True)
class Passing:
    """Faults of a file that is there in the end. ranges: what is asked for, request by request."""

    faults: tuple[Fault, ...]
    ranges: tuple[object, ...] = (None, None)


PASSING = {
    "reset before the body": Passing((Fault.reset(),)),
    "reset in the middle": Passing((Fault.reset(CUT),), (None, ANY)),  # a reset overtakes what was sent
    "truncated": Passing((Fault.truncated(CUT),), (None, f"bytes={CUT}-")),
    "silent before the body": Passing((Fault.stall(),)),
    "silent in the middle": Passing((Fault.stall(CUT),), (None, f"bytes={CUT // CHUNK * CHUNK}-")),
    "429": Passing((Fault.status(429),)),
    "429 with Retry-After": Passing((Fault.status(429, retry_after="0"),)),
    "503": Passing((Fault.status(503),)),
    "503 with Retry-After": Passing((Fault.status(503, retry_after="0"),)),
    "500 once": Passing((Fault.status(500),)),
    "416 to the rest": Passing((Fault.truncated(CUT), Fault.status(416)), (None, f"bytes={CUT}-", None)),
}


@pytest.mark.parametrize("case", PASSING.values(), ids=PASSING.keys())
def test_a_fault_that_passes_is_no_failure(orchard: Person, case: Passing) -> None:
    script(orchard, case.faults)

    outcome = orchard.fetches()

    assert outcome.code == 0, outcome.err
    assert orchard.deps() == [APPLE.filename, BIG.filename]
    assert asked_for(orchard.index, BIG_PATH) == list(case.ranges)
    assert len(orchard.index.requests) == 3 + len(case.ranges)  # two pages, and the other file


def test_a_server_that_knows_no_ranges_sends_everything_again(orchard: Person) -> None:
    orchard.index.ranges = False
    orchard.index.script(BIG_PATH, [Fault.truncated(CUT)])
    assert orchard.fetches().code == 0
    assert [request.status for request in orchard.index.requests if request.path == BIG_PATH] == [200, 200]


def test_a_file_that_is_replaced_while_it_is_fetched_is_fetched_from_its_start(orchard: Person) -> None:
    old = Answer(200, BIG.content[::-1], {"ETag": '"old"'}, cut=CUT, then="close")
    orchard.index.script(BIG_PATH, [Fault(instead=old)])

    assert orchard.fetches().code == 0

    second = orchard.index.requests[-1]
    assert second.headers["if-range"] == '"old"'
    assert (second.status, second.sent) == (200, len(BIG.content))


# faults that last


@dataclass(frozen=True)
class Lasting:
    """Faults that end a run. says: a part of the one error. requests: for the file, by the run that fails.

    alone: the other file is there before, since an attempt does not count while the host serves somebody else, and
    a host that wants to be left alone is not asked for the other file, either.
    """

    fault: Fault
    says: str
    code: ExitCode = ExitCode.NETWORK
    requests: int = 3
    alone: bool = False


LASTING = {
    "reset": Lasting(Fault.reset(), "(after 3 attempts)"),
    "truncated": Lasting(Fault.truncated(0), "ended too early (after 3 attempts)"),
    "silent": Lasting(Fault.stall(), "does not answer in time (after 3 attempts)"),
    "429": Lasting(Fault.status(429), "answers HTTP 429 (Too Many Requests) (after 3 attempts)", alone=True),
    "429 until the year 9999": Lasting(
        Fault.status(429, retry_after="Fri, 31 Dec 9999 23:59:59 -0500"),
        "asks to wait more than a day (Retry-After)",
        requests=1,
        alone=True,
    ),
    "503 with a long Retry-After": Lasting(
        Fault.status(503, retry_after="3600"), "asks to wait 3600 seconds (Retry-After)", requests=1, alone=True
    ),
    "503": Lasting(Fault.status(503), "answers HTTP 503 (Service Unavailable) (after 3 attempts)"),
    "500": Lasting(Fault.status(500), "answers HTTP 500 (Internal Server Error) (after 3 attempts)"),
    "404": Lasting(Fault.status(404), "answers HTTP 404 (Not Found)", requests=1),
    "wrong length": Lasting(
        Fault.wrong_bytes(BIG.content[:-1]), f"expected {len(BIG.content)} bytes", ExitCode.DIGEST, requests=1
    ),
    "wrong digest": Lasting(Fault.wrong_bytes(), f"expected sha256:{BIG.sha256}", ExitCode.DIGEST, requests=1),
    "redirect loop": Lasting(Fault.redirect(BIG_PATH), "redirects more than 10 times", requests=11),
}


@pytest.mark.parametrize("case", LASTING.values(), ids=LASTING.keys())
def test_a_fault_that_lasts_is_one_error_and_costs_only_its_file(orchard: Person, case: Lasting) -> None:
    if case.alone:
        orchard.writes("requirements.txt", PINS.splitlines()[0])
        assert orchard.fetches("pip", "--output", orchard.home / "earlier").code == 0
        orchard.writes("requirements.txt", PINS)
    script(orchard, [case.fault] * case.requests)

    outcome = orchard.fetches()

    assert outcome.code == case.code, outcome.err
    (error,) = errors(outcome.err)
    assert error.startswith("error: requirements.txt:2: ")
    assert BIG.filename in error
    assert case.says in error
    assert not orchard.output.exists()
    assert len(asked_for(orchard.index, BIG_PATH)) == case.requests

    orchard.index.forget_requests()
    assert orchard.fetches().code == 0
    assert orchard.index.paths == (BIG_PATH,)
    assert orchard.deps() == [APPLE.filename, BIG.filename]


def test_a_host_that_wants_to_be_left_alone_for_long_is_left_alone(orchard: Person) -> None:
    orchard.index.script("/simple/apple/", [Fault.status(429, retry_after="3600")] * FOR_EVER)
    orchard.index.script("/simple/big/", [Fault.status(429, retry_after="3600")] * FOR_EVER)
    outcome = orchard.fetches()
    assert outcome.code == ExitCode.NETWORK
    assert "3600 seconds (Retry-After)" in outcome.err
    (error,) = errors(outcome.err)
    assert error.startswith("error: requirements.txt:1: ")
    assert error.endswith("; the same for requirements.txt:2")
    assert len(orchard.index.requests) <= 2


def test_a_wait_without_end_is_told_in_words(orchard: Person) -> None:
    orchard.writes("requirements.txt", "apple==1.0\n")
    orchard.index.script("/simple/apple/", [Fault.status(429, retry_after="9" * 400)])
    outcome = orchard.fetches()
    assert outcome.code == ExitCode.NETWORK
    assert "asks to wait more than a day (Retry-After), longer than the limit of 30 seconds" in outcome.err


def test_all_files_that_fail_are_told_together_and_the_next_run_asks_for_them_only(orchard: Person) -> None:
    many = [make_sdist(f"pear{number}", "1.0", padding=1000 * number) for number in range(12)]
    for pear in many:
        orchard.index.add(pear.filename.rpartition("-")[0], pear)
    lines = (f"{pear.filename.rpartition('-')[0]}==1.0 {pear.hash_option()}\n" for pear in many)
    orchard.writes("requirements.txt", PINS + "".join(lines))
    broken = [f"/files/{pear.filename}" for pear in many[::3]]
    for path in broken:
        orchard.index.script(path, [Fault.status(404)])
    orchard.index.script(BIG_PATH, [Fault.truncated(CUT), Fault.status(410)])

    outcome = orchard.fetches()

    assert outcome.code == ExitCode.NETWORK
    told = errors(outcome.err)
    assert [int(line.split(":")[2]) for line in told] == [2, 3, 6, 9, 12]  # the lines of the requirements file
    orchard.index.forget_requests()
    assert orchard.fetches().code == 0
    assert sorted(orchard.index.paths) == sorted([BIG_PATH, *broken])
    assert asked_for(orchard.index, BIG_PATH) == [f"bytes={CUT}-"]


def test_a_page_that_fails_for_good_leaves_the_files_of_the_others_in_the_cache(orchard: Person) -> None:
    orchard.index.script("/simple/big/", [Fault.status(500)] * 3)
    outcome = orchard.fetches()
    assert outcome.code == ExitCode.NETWORK
    assert len(errors(outcome.err)) == 1
    orchard.index.forget_requests()
    assert orchard.fetches().code == 0
    assert sorted(orchard.index.paths) == sorted([BIG_PATH, "/simple/big/"])
