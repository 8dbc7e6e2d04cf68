"""The figures of the race of mirrors as tables: medians, ratios to nginx, and which targets are reached."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass, field

_UNITS = {
    "warm_page": "a page out of memory, requests/s",
    "file": "a file of 20 MB, MB/s",
    "first_sight": "the first sight of a page, ms",
    "install": "201 wheels resolved and installed, s",
    "memory": "memory at the peak, MB",
}

#: How the time of a processor is shown: the unit of work, the factor from seconds, and its name.
_WORK = {
    "warm_page": (1e6, "µs a page"),
    "file": (1e3, "ms a GB"),
    "first_sight": (1e3, "ms a page"),
    "install": (1e3, "ms an install"),
}

#: Units of work below which nothing was measured.
_ENOUGH = 0.1

_BASE, _MIRROR = "nginx", "cachi2ish"


@dataclass
class Found:
    """What was measured, by measure and server, a value for each round."""

    values: dict[str, dict[str, list[float]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    units: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    processor: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))

    def add(self, measure: str, server: str, value: float, units: float, processor: float) -> None:
        """Note a value, for which so many units of work were done in so many seconds of a processor."""
        self.values[measure][server].append(value)
        self.units[measure, server] += units
        self.processor[measure, server] += processor

    def table(self) -> str:
        """Return all: medians, the ratios to nginx with their spread, and the processor time of a unit of work."""
        lines = ["| | server | median | of nginx | processor |", "| --- | --- | --- | --- | --- |"]
        for measure, unit in _UNITS.items():
            for server, values in sorted(self.values[measure].items(), key=lambda one: _RANK.index(one[0])):
                middle = statistics.median(values)
                shown = f"{middle:,.0f}" if middle > 20 else f"{middle:.1f}"
                ratios = self._ratios(measure, server)
                ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
                lines.append(f"| {unit} | {server} | {shown} | {ratio} | {self._work(measure, server)} |")
        return "\n".join(lines)

    def verdicts(self) -> str:
        """Return the targets, what was measured, and whether that is enough."""
        page = self._middle("warm_page")
        others = max(self._middle("warm_page", rival) for rival in ("devpi", "proxpi"))
        pairs = zip(self.values["first_sight"][_MIRROR], self.values["first_sight"][_BASE], strict=True)
        sight = statistics.median(mine - base for mine, base in pairs)
        file, install = self._middle("file"), self._middle("install")
        rows = [
            ("a page, of nginx", ">= 0.25", page, page >= 0.25),
            ("a page, of the faster one of devpi and proxpi", ">= 10", page / others, page / others >= 10),
            ("a file, of nginx", ">= 0.8", file, file >= 0.8),
            ("a first sight, ms more than the upstream", "<= 15", sight, sight <= 15),
            ("an install, of nginx", "<= 1.0", install, install <= 1.0),
        ]
        lines = ["| target | | measured | |", "| --- | --- | --- | --- |"]
        lines += [f"| {what} | {wish} | {value:.2f} | {'yes' if ok else 'no'} |" for what, wish, value, ok in rows]
        return "\n".join(lines)

    def _middle(self, measure: str, server: str = _MIRROR) -> float:
        return statistics.median(self._ratios(measure, server))

    def _ratios(self, measure: str, server: str) -> list[float]:
        found = self.values[measure]
        return [one / base for one, base in zip(found[server], found[_BASE], strict=True)]

    def _work(self, measure: str, server: str) -> str:
        if measure not in _WORK:
            return ""
        factor, name = _WORK[measure]
        if self.units[measure, server] < _ENOUGH:
            return ""
        return f"{self.processor[measure, server] / self.units[measure, server] * factor:,.1f} {name}"


_RANK = (_BASE, _MIRROR, "devpi", "proxpi", "pypi-timemachine")
