"""The table of targets: each row a ratio or a count, what it should reach, and the cases that it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.cases import FEW, FLOOR, HERMETO, LIMIT, MANY, PIP, PRODUCT, SCRIPT, SECOND_RUN, UV, case_name
from benchmarks.measuring import Run
from benchmarks.report import Spread, aligned, ratios, spread

Quantity = Callable[[Run], float]


def _seconds(run: Run) -> float:
    return run.seconds


def _processor_seconds(run: Run) -> float:
    return run.processor_seconds


def _peak_megabytes(run: Run) -> float:
    return run.peak_bytes / 1e6


def _requests(run: Run) -> float:
    return run.traffic.requests


@dataclass(frozen=True)
class Row:
    """One figure.

    over, under: names of cases. Without ``under`` it is no ratio, but the quantity itself. modules: it is the
    number of modules that ``over`` imports (or, with ``HELP``, that ``--help`` does). least: the target is a lower
    bound.
    """

    name: str
    figure: str
    target: float
    over: str
    under: str | None = None
    quantity: Quantity = _seconds
    digits: int = 2
    least: bool = False
    modules: bool = False

    @property
    def cases(self) -> tuple[str, ...]:
        return (self.over,) if self.under is None else (self.over, self.under)

    @property
    def bound(self) -> str:
        return f"{'at least' if self.least else 'at most'} {self.target:.{self.digits}f}"

    def is_reached(self, median: float) -> bool:
        # As it is printed: nobody should read that 1.12 has missed 1.12.
        shown = round(median, self.digits)
        return shown >= self.target if self.least else shown <= self.target


#: What stands in the place of a case where ``--help`` is measured.
HELP = "--help"

_LINE, _HOST, _WHEELS = "line sdists", "line sdists and wheels", "line wheels"

ROWS = (
    Row("line", "204 sdists over the line: time / curl", 1.12, case_name(_LINE, PRODUCT), case_name(_LINE, LIMIT)),
    Row(
        "processor",
        "the same: processor time / that of the script with requests",
        1.15,
        case_name(_LINE, PRODUCT),
        case_name(_LINE, SCRIPT),
        _processor_seconds,
    ),
    Row(
        "host",
        "204 sdists and a wheel of each, over the line: time / curl",
        1.08,
        case_name(_HOST, PRODUCT),
        case_name(_HOST, LIMIT),
    ),
    Row(
        "warm",
        "second run: time / (openssl dgst of the files, then cp)",
        2.0,
        case_name(_LINE, SECOND_RUN),
        case_name(_LINE, FLOOR),
    ),
    Row("warm-requests", "second run: requests", 0, case_name(_LINE, SECOND_RUN), quantity=_requests, digits=0),
    Row("uv", "42 wheels on loopback: time / uv", 1.0, case_name("wheels", PRODUCT), case_name("wheels", UV)),
    Row(
        "pip-line",
        "204 wheels over the line: pip download / time",
        6.0,
        case_name(_WHEELS, PIP),
        case_name(_WHEELS, PRODUCT),
        least=True,
    ),
    Row(
        "uv-line",
        "204 wheels over the line: time / uv",
        0.6,
        case_name(_WHEELS, PRODUCT),
        case_name(_WHEELS, UV),
    ),
    Row(
        "hermeto-line",
        "204 sdists over the line: Hermeto / time",
        2.9,
        case_name(_LINE, HERMETO),
        case_name(_LINE, PRODUCT),
        least=True,
    ),
    Row(
        "hermeto",
        "204 sdists on loopback: Hermeto / time",
        7.0,
        case_name("unshaped sdists", HERMETO),
        case_name("unshaped sdists", PRODUCT),
        least=True,
    ),
    Row(
        "modules-warm",
        "modules that a second run imports",
        300,
        case_name("sdists", SECOND_RUN),
        digits=0,
        modules=True,
    ),
    Row("modules-help", "modules that --help imports", 120, HELP, digits=0, modules=True),
    Row(
        "memory",
        "peak memory, 204 sdists over the line, MB",
        110,
        case_name(_LINE, PRODUCT),
        quantity=_peak_megabytes,
        digits=0,
    ),
    Row(
        "scale-memory",
        "2,000 projects: peak memory / that of 200",
        1.10,
        case_name("scale", MANY),
        case_name("scale", FEW),
        _peak_megabytes,
    ),
    Row(
        "scale-time",
        "2,000 projects: time / that of 200",
        10.5,
        case_name("scale", MANY),
        case_name("scale", FEW),
    ),
)


def targets(
    rows: Iterable[Row], runs: Sequence[Run], modules: Mapping[str, int], reasons: Mapping[str, str]
) -> str:
    """The rows as a Markdown table.

    modules: how many each measured case imports, and ``HELP``. reasons: why a case was not run, by its name.
    """
    headings = ("row", "figure", "target", "measured", "")
    return aligned([headings, *(_cells(row, runs, modules, reasons) for row in rows)])


def _cells(
    row: Row, runs: Sequence[Run], modules: Mapping[str, int], reasons: Mapping[str, str]
) -> tuple[str, ...]:
    found = _measured(row, runs, modules)
    if found is None:
        why = next((reasons[name] for name in row.cases if name in reasons), "its cases were not run")
        return (row.name, row.figure, row.bound, "", f"not measured: {why}")
    return (
        row.name,
        row.figure,
        row.bound,
        found.text(row.digits),
        "" if row.is_reached(found.median) else "**missed**",
    )


def _measured(row: Row, runs: Sequence[Run], modules: Mapping[str, int]) -> Spread | None:
    if row.modules:
        return spread([modules[row.over]]) if row.over in modules else None
    if not set(row.cases) <= {run.case for run in runs}:
        return None
    if row.under is not None:
        return ratios(runs, row.over, row.under, row.quantity)
    return spread(row.quantity(run) for run in runs if run.case == row.over)
