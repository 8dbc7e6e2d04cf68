"""What the runs say: ratios with their spread, and the counts beside them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from benchmarks.measuring import Run

_HEADINGS = (
    "case", "to the limit", "to cachi2ish", "seconds", "processor s", "peak MB", "requests", "connections", "MB",
)  # fmt: skip


@dataclass(frozen=True)
class Spread:
    """The median of some numbers, and the least and the greatest of them."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return self.text(2)

    def text(self, digits: int) -> str:
        """With so many digits behind the point; a whole number alone where all are the same."""
        median, low, high = (f"{each:.{digits}f}" for each in (self.median, self.low, self.high))
        return median if not digits and low == high else f"{median} ({low}-{high})"


def spread(numbers: Iterable[float]) -> Spread:
    """Raises ValueError for no numbers at all."""
    known = sorted(numbers)
    if not known:
        raise ValueError("no numbers")
    return Spread(statistics.median(known), known[0], known[-1])


def _seconds(run: Run) -> float:
    return run.seconds


def ratios(runs: Iterable[Run], case: str, against: str, quantity: Callable[[Run], float] = _seconds) -> Spread:
    """How many times as long (or as much) ``case`` takes as ``against``: round by round, then the spread of that.

    The two runs of a round were near each other in time, so that what slows the machine down for longer than a
    round is in both. Raises ValueError if they have no round in common.
    """
    known = {(run.case, run.turn): quantity(run) for run in runs}
    turns = [turn for name, turn in known if name == case and (against, turn) in known]
    return spread(known[case, turn] / known[against, turn] for turn in turns)


def table(runs: Sequence[Run], group: str, limit: str, product: str) -> str:
    """The cases of a group as a Markdown table, the fastest one first.

    ``limit`` and ``product`` are the titles of the cases that ratios are made against; where they were left out,
    so are the ratios.
    """
    cases: dict[str, list[Run]] = {}
    for run in runs:
        if run.case.startswith(f"{group}: "):
            cases.setdefault(run.case, []).append(run)
    fastest_first = sorted(cases, key=lambda name: statistics.median(run.seconds for run in cases[name]))
    against = tuple(f"{group}: {title}" for title in (limit, product))
    return aligned([_HEADINGS, *(_row(runs, cases[name], against) for name in fastest_first)])


def _row(runs: Sequence[Run], mine: Sequence[Run], against: tuple[str, ...]) -> tuple[str, ...]:
    name = mine[0].case
    known = {run.case for run in runs}
    compared = (str(ratios(runs, name, other)) if other in known and other != name else "" for other in against)

    def middle(numbers: Iterable[float], digits: int = 0) -> str:
        return f"{statistics.median(numbers):.{digits}f}"

    return (
        name.partition(": ")[2],
        *compared,
        str(spread(run.seconds for run in mine)),
        middle((run.processor_seconds for run in mine), 2),
        middle(run.peak_bytes / 1e6 for run in mine),
        middle(run.traffic.requests for run in mine),
        middle(run.traffic.connections for run in mine),
        middle((run.traffic.sent / 1e6 for run in mine), 1),
    )


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Write rows as a Markdown table, the first one as its head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    rule = " | ".join("-" * width for width in widths)
    return "\n".join(f"| {line} |" for line in (lines[0], rule, *lines[1:]))
