"""How figures grow with the number of projects, as tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import linear_regression

from benchmarks.history_watch import Figures

#: What must not be more, whatever the size of the registry.
_TARGETS = {
    "database: MB": 5_000.0,
    "database: bytes of a file": 500.0,
    "a page: ms of a processor here, p99": 5.0,
    "a page: ms by the clock, p99": 5.0,
    "freeze: s of a processor": 300.0,
    "freeze: s by the clock": 300.0,
    "to fill: MB of memory": 300.0,
    "lists: MB of memory": 300.0,
    "status: MB of memory": 300.0,
    "freeze: MB of memory": 300.0,
    "a day: MB of memory": 300.0,
    "verify: MB of memory": 300.0,
}


def exponent(values: Mapping[int, float]) -> float | None:
    """Return e where a figure grows as ``projects ** e``: the slope of the line through the logarithms.

    None where there are not two points, or where one is not above zero.
    """
    if len(values) < 2 or min(values.values()) <= 0:
        return None
    return linear_regression([math.log(size) for size in values], [math.log(one) for one in values.values()]).slope


def growth_table(database: str, found: Mapping[int, Figures]) -> str:
    """Return all figures, by the number of projects, with their exponents."""
    sizes = sorted(found)
    lines = [
        f"| {database} | {' | '.join(f'{size:,}' for size in sizes)} | exponent |",
        f"| --- |{' ---: |' * (len(sizes) + 1)}",
    ]
    for name in dict.fromkeys(name for size in reversed(sizes) for name in found[size]):
        values = {size: found[size][name] for size in sizes if name in found[size]}
        cells = [_shown(values[size]) if size in values else "" for size in sizes]
        grown = exponent(values)
        lines.append(f"| {name} | {' | '.join(cells)} | {'' if grown is None else f'{grown:.2f}'} |")
    return "\n".join(lines)


def verdicts(figures: Figures) -> str:
    """Return for each target whether it is reached."""
    return "\n".join(
        f"{'reached' if figures[name] <= most else 'MISSED'}: {name} {_shown(figures[name])} of {most:,.0f}"
        for name, most in _TARGETS.items()
        if name in figures
    )


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
