"""A host that cannot be spoken with is one error, however many requirements ask for it."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person
from tests.support.distributions import make_sdist
from tests.support.index_server import IndexServer
from tests.support.orchard import errors
from tests.support.tls import make_certificate, needs_openssl, speak_tls

MANY = 29
SAME = "; the same for requirements.txt:2, requirements.txt:3 and 26 more places"

#: At most so many threads ask at once, far fewer than there are requirements.
CONCURRENCY = 6

#: Where there is no DNS at all, the answer is "try again".
UNRESOLVED = r"the host name no-such-host\.invalid does not resolve( \(after 2 attempts\))?" + SAME


@pytest.fixture
def orchard(person: Person) -> Person:
    person.writes("requirements.txt", "".join(f"fruit{number}==1.0\n" for number in range(MANY)))
    person.environ |= {"PIP_RETRIES": "1"}
    return person


@pytest.fixture
def refusing() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def self_signed(tmp_path: Path) -> Iterator[IndexServer]:
    server = IndexServer()
    speak_tls(server._server, make_certificate(tmp_path))
    with server:
        yield server


def fails(person: Person, tmp_path: Path, *says: str) -> dict[str, int]:
    """Run a fetch that ends with an error for each pattern of ``says``; return the totals of its report."""
    outcome = person.fetches("pip", "--concurrency", str(CONCURRENCY), "--report", tmp_path / "report.json")
    assert outcome.code == ExitCode.NETWORK
    told = errors(outcome.err)
    assert len(told) == len(says), outcome.err
    for error, part in zip(told, says, strict=True):
        assert re.search(part, error)
    report = json.loads((tmp_path / "report.json").read_text())
    assert len(report["errors"]) == len(says)
    totals: dict[str, int] = report["totals"]
    attempts = totals["unanswered"]
    assert f"{attempts} attempt{'' if attempts == 1 else 's'} without an answer" in outcome.err
    assert "no request" not in outcome.err
    assert "0 of 0 files" not in outcome.err
    return totals


def test_a_name_that_does_not_resolve_is_told_once(orchard: Person, tmp_path: Path) -> None:
    orchard.environ["PIP_INDEX_URL"] = "http://no-such-host.invalid/simple/"
    totals = fails(orchard, tmp_path, f"error: requirements.txt:1: {UNRESOLVED}")
    assert (totals["requests"], totals["connections"]) == (0, 0)
    assert totals["unanswered"] <= 2 * CONCURRENCY


def test_a_refused_connection_is_told_once_and_nobody_tries_when_somebody_has_given_up(
    orchard: Person, tmp_path: Path, refusing: str
) -> None:
    orchard.environ["PIP_INDEX_URL"] = f"{refusing}/simple/"
    host = refusing.removeprefix("http://")
    says = rf"error: requirements.txt:1: {host} cannot be reached: connection refused \(after 2 attempts\){SAME}"
    assert fails(orchard, tmp_path, says)["unanswered"] <= 2 * CONCURRENCY


@needs_openssl
def test_a_bad_certificate_is_told_once(orchard: Person, tmp_path: Path, self_signed: IndexServer) -> None:
    orchard.environ["PIP_INDEX_URL"] = self_signed.index_url.replace("http:", "https:")
    says = "error: requirements.txt:1: the TLS certificate of 127.0.0.1 is not trusted: "
    assert fails(orchard, tmp_path, says)["unanswered"] <= CONCURRENCY
    assert self_signed.connections <= CONCURRENCY


def test_different_causes_stay_apart(orchard: Person, tmp_path: Path, refusing: str) -> None:
    orchard.environ["PIP_INDEX_URL"] = "http://no-such-host.invalid/simple/"
    orchard.writes("requirements-build.txt", f"--index-url {refusing}/simple/\nleaf==1.0\ntwig==1.0\n")
    fails(
        orchard,
        tmp_path,
        f"requirements.txt:1: {UNRESOLVED}",
        r"connection refused \(after 2 attempts\); the same for requirements-build.txt:3",
    )


def test_a_host_of_files_that_refuses_is_told_once_too(person: Person, tmp_path: Path, refusing: str) -> None:
    person.environ |= {"PIP_RETRIES": "0"}
    for name in "abc":
        dist = make_sdist(name, "1.0")
        person.index.add(name, dist, url=f"{refusing}/{dist.filename}")
    person.writes("requirements.txt", "a==1.0\nb==1.0\nc==1.0\n")
    says = "cannot be reached: connection refused; the same for requirements.txt:2 and requirements.txt:3"
    totals = fails(person, tmp_path, says)
    assert (totals["files"], totals["files_expected"], totals["requests"]) == (0, 3, 3)
