"""The summary at the end of a run: what there is now, and what it took."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from cachi2ish.cli.display.reporting import ConsoleReporter
from cachi2ish.cli.display.units import counted, readable_seconds, readable_size
from cachi2ish.http.interface import HostTraffic
from cachi2ish.services.progress import Counts

#: A host is slow when its answers begin so many seconds after the request, on average. Answers of a near host
#: take 0.05 s, of one on the other side of the world 0.3.
_SLOW = 1.0

#: How many slow hosts are named.
_NAMED = 3


def success(reporter: ConsoleReporter, output: Path) -> Iterator[str]:
    """Yield what to say of a run that has ended well; the last line names the output."""
    yield from _effort(reporter)
    counts = reporter.progress.counts()
    yield f"{_files(counts)}, {readable_size(counts.size)}, in {output} ({_sources(counts)})"


def failure(reporter: ConsoleReporter) -> Iterator[str]:
    """Yield what to say of a run that has failed: what has arrived all the same. Nothing if it had not begun."""
    counts = reporter.progress.counts()
    if not (counts.expected or reporter.hosts):
        return
    yield from _effort(reporter)
    if not counts.expected:
        return  # it failed before a single file was known
    of = f"{counts.arrived} of {counted(counts.expected, 'file')} arrived"
    yield f"{of}, {readable_size(counts.size)} ({_sources(counts)})" if counts.arrived else of


def _files(counts: Counts) -> str:
    return counted(counts.arrived, "file")


def _sources(counts: Counts) -> str:
    if counts.fetched and counts.cached:
        return (
            f"{counts.fetched} from the network, {readable_size(counts.fetched_size)};"
            f" {counts.cached} from the cache, {readable_size(counts.cached_size)}"
        )
    return f"{counts.fetched} from the network, {counts.cached} from the cache"


def _effort(reporter: ConsoleReporter) -> Iterator[str]:
    hosts = reporter.hosts
    yield ", ".join(
        (*_traffic(hosts, reporter.progress.git_fetches), readable_seconds(reporter.now - reporter.progress.began))
    )
    for host in slow(hosts):
        yield f"slow: {host.host} took {readable_seconds(_mean(host))} to begin an answer, on average"


def _traffic(hosts: tuple[HostTraffic, ...], git_fetches: int) -> Iterator[str]:
    requests = sum(host.requests for host in hosts)
    unanswered = sum(host.unanswered for host in hosts)
    if requests:
        connections = counted(sum(host.connections for host in hosts), "connection")
        yield f"{counted(requests, 'request')} on {connections}"
        yield f"{readable_size(sum(host.received for host in hosts))} received"
    elif not unanswered:
        yield "no request"
    if unanswered:
        yield f"{counted(unanswered, 'attempt')} without an answer"
    if retries := sum(host.retries for host in hosts):
        yield counted(retries, "retry", "retries")
    if git_fetches:
        yield counted(git_fetches, "git fetch", "git fetches")


def slow(hosts: Iterable[HostTraffic]) -> tuple[HostTraffic, ...]:
    """Return the hosts that are slow to answer, the slowest first, and not too many."""
    found = sorted((host for host in hosts if host.requests and _mean(host) >= _SLOW), key=_mean, reverse=True)
    return tuple(found[:_NAMED])


def _mean(host: HostTraffic) -> float:
    return host.answer_seconds / host.requests
