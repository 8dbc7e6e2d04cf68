"""The report of a run, for machines (``docs/reference/report.md``).

It is no part of the output: it has durations, and is another one at each run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Literal

from pydantic import BaseModel, ConfigDict

from cachi2ish.core.cutoff import rfc3339
from cachi2ish.core.messages import shortened
from cachi2ish.core.targets.machine import Target
from cachi2ish.errors import Cachi2ishError, leaves
from cachi2ish.exit_codes import ExitCode
from cachi2ish.http.interface import HostTraffic
from cachi2ish.services.progress import PlannedFile, Progress, StageName

#: Grows when a field goes or changes its meaning; new fields may come without.
VERSION = 1

#: How a run has ended, if it has.
Ending = Literal["unfinished", "succeeded", "failed", "interrupted"]

#: Digits after the point of a number of seconds.
_DIGITS = 3


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class StageReport(_Frozen):
    """A stage; they are in the order in which they begin."""

    name: StageName
    seconds: float


class Totals(_Frozen):
    """Sums. See `FileReport` and `HostReport` for what is summed."""

    files: int
    files_expected: int
    bytes_expected: int | None
    files_from_network: int
    files_from_cache: int
    bytes_from_network: int
    bytes_from_cache: int
    requests: int
    connections: int
    bytes_received: int
    retries: int
    unanswered: int
    git_fetches: int


class HostReport(_Frozen):
    """What has gone between this machine and one host, as in `HostTraffic`."""

    host: str
    requests: int
    connections: int
    bytes_received: int
    retries: int
    unanswered: int
    seconds_waited: float
    seconds_to_answer: float


class TargetReport(_Frozen):
    """A machine, with the keys of the input."""

    python: str
    platform: str
    implementation: str
    abi: str


class PlaceReport(_Frozen):
    """A line of a lock file, from 1; null where it is the file as a whole."""

    file: str
    line: int | None


class FileReport(_Frozen):
    """A file that is here, whole and verified; of a dry run one that would be fetched or taken from the cache.

    size, sha256: of a dry run as the index or the lock file states them, if one does.
    """

    filename: str
    name: str
    version: str | None
    size: int | None
    sha256: str | None
    digests: tuple[str, ...]
    upload_time: str | None
    source: Literal["cache", "network"] | None
    url: str
    commit: str | None
    host: str
    index: str | None
    targets: tuple[TargetReport, ...]
    required_by: tuple[PlaceReport, ...]


class ErrorReport(_Frozen):
    """An error. file, line: where it can be mended."""

    exit_code: int
    kind: str
    problem: str
    hint: str | None
    file: str | None
    line: int | None


class Report(_Frozen):
    """One run. exit_code: None while it goes on."""

    version: int = VERSION
    tool_version: str
    command: str
    dry_run: bool
    outcome: Ending
    exit_code: int | None
    seconds: float
    stages: tuple[StageReport, ...]
    totals: Totals
    hosts: tuple[HostReport, ...]
    files: tuple[FileReport, ...]
    errors: tuple[ErrorReport, ...]

    def render(self) -> str:
        """Return it as JSON, with a final newline."""
        return self.model_dump_json(indent=2) + "\n"


def make_report(
    progress: Progress,
    hosts: Iterable[HostTraffic],
    now: float,
    *,
    tool_version: str,
    dry_run: bool,
    outcome: Ending,
    exit_code: ExitCode | None,
    error: Cachi2ishError | None = None,
    hint_of: Callable[[Cachi2ishError], str | None] = attrgetter("hint"),
) -> Report:
    """Return the report of a ``fetch-deps`` whose state is ``progress`` at the instant ``now``.

    hint_of: the hint of an error in the words of the front end.
    """
    traffic = tuple(hosts)
    return Report(
        tool_version=tool_version,
        command="fetch-deps",
        dry_run=dry_run,
        outcome=outcome,
        exit_code=None if exit_code is None else int(exit_code),
        seconds=round(now - progress.run_started, _DIGITS),
        stages=tuple(
            StageReport(name=stage.name, seconds=round(stage.seconds, _DIGITS)) for stage in progress.stages(now)
        ),
        totals=_totals(progress, traffic),
        hosts=tuple(_host(host) for host in traffic),
        files=tuple(_files(progress, dry_run=dry_run)),
        errors=tuple(_error(leaf, hint_of(leaf)) for leaf in leaves(error)) if error else (),
    )


def _totals(progress: Progress, hosts: tuple[HostTraffic, ...]) -> Totals:
    counts = progress.counts()
    return Totals(
        files=counts.arrived,
        files_expected=counts.expected,
        bytes_expected=counts.total,
        files_from_network=counts.fetched,
        files_from_cache=counts.cached,
        bytes_from_network=counts.fetched_size,
        bytes_from_cache=counts.cached_size,
        requests=sum(host.requests for host in hosts),
        connections=sum(host.connections for host in hosts),
        bytes_received=sum(host.received for host in hosts),
        retries=sum(host.retries for host in hosts),
        unanswered=sum(host.unanswered for host in hosts),
        git_fetches=progress.git_fetches,
    )


def _host(traffic: HostTraffic) -> HostReport:
    return HostReport(
        host=traffic.host,
        requests=traffic.requests,
        connections=traffic.connections,
        bytes_received=traffic.received,
        retries=traffic.retries,
        unanswered=traffic.unanswered,
        seconds_waited=round(traffic.seconds, _DIGITS),
        seconds_to_answer=round(traffic.answer_seconds, _DIGITS),
    )


def _files(progress: Progress, *, dry_run: bool) -> Iterator[FileReport]:
    planned = progress.planned()
    if dry_run:
        yield from map(_planned, planned)
        return
    plans = {(one[0].filename, one[0].url): one for one in planned}
    for arrival in progress.arrivals():
        yield _planned(plans[arrival.filename, arrival.url]).model_copy(
            update={
                "size": arrival.size,
                "sha256": arrival.sha256,
                "source": "cache" if arrival.cached else "network",
            }
        )


def _planned(members: Sequence[PlannedFile]) -> FileReport:
    """Return a file as all requirements that need it say."""
    first = members[0]
    digests = tuple(sorted({digest for one in members for digest in one.digests}))
    sha256 = [digest.value for digest in digests if digest.algorithm == "sha256"]
    targets = dict.fromkeys(target for one in members for target in one.targets)
    return FileReport(
        filename=first.filename,
        name=first.name,
        version=first.version,
        size=first.size,
        sha256=sha256[0] if len(sha256) == 1 else None,
        digests=tuple(map(str, digests)),
        upload_time=None if first.upload_time is None else rfc3339(first.upload_time),
        source=None,
        url=first.url,
        commit=first.commit,
        host=first.host,
        index=first.index,
        targets=tuple(_target(target) for target in targets),
        required_by=tuple(PlaceReport(file=one.origin.file, line=one.origin.line) for one in members),
    )


def _target(target: Target) -> TargetReport:
    return TargetReport(
        python=".".join(map(str, target.python)),
        platform=target.platform.tag,
        implementation=target.implementation,
        abi=target.abi,
    )


def _error(error: Cachi2ishError, hint: str | None) -> ErrorReport:
    return ErrorReport(
        exit_code=int(error.exit_code),
        kind=error.exit_code.name,
        problem=shortened(error.problem),
        hint=hint,
        file=error.origin.file if error.origin else None,
        line=error.origin.line if error.origin else None,
    )
