"""What the mirror counts, for Prometheus. No name of a project or a client is among it."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest


class Metrics:
    """The counts of one server. hits: how many pages were answered out of memory so far."""

    def __init__(self, hits: Callable[[], int]) -> None:
        self._hits, self._counted = hits, 0
        self._all = CollectorRegistry(auto_describe=True)
        self._requests = self._counter("requests", "Requests by door and status.", "door", "status")
        self._hot = self._counter("hot_pages", "Pages that were answered out of memory.")
        self._looks = self._counter("looks", "Looks at projects, by how they ended.", "registry", "outcome")
        text = "Downloads by how they ended: held from an upstream, shared by another machine, or failed."
        self._downloads = self._counter("downloads", text, "outcome")
        self._bytes = self._counter("downloaded_bytes", "Bytes of files that were downloaded from upstreams.")
        self._shared = self._counter("shared_store", "Uses of the shared store of files.", "use", "outcome")
        self._rescued = self._counter("rescues", "Vanished files, by what became of them.", "outcome")

    def watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Read a value whenever the metrics are asked for."""
        Gauge(f"cachi2ish_mirror_{name}", text, registry=self._all).set_function(value)

    def answered(self, door: str, status: int) -> None:
        """Count a request."""
        self._requests.labels(door, str(status)).inc()

    def looked(self, registry: str, outcome: str) -> None:
        """Count a look at a project."""
        self._looks.labels(registry, outcome).inc()

    def downloaded(self, outcome: str, size: int) -> None:
        """Count a download."""
        self._downloads.labels(outcome).inc()
        self._bytes.inc(size)

    def shared(self, use: str, outcome: str) -> None:
        """Count a use of the shared store."""
        self._shared.labels(use, outcome).inc()

    def rescued(self, held: bool) -> None:  # noqa: FBT001  (as it is called back)
        """Count a file that has vanished."""
        self._rescued.labels("held" if held else "lost").inc()

    def text(self) -> bytes:
        """Return all of them, as Prometheus reads them."""
        self._hot.inc(self._hits() - self._counted)
        self._counted = self._hits()
        return generate_latest(self._all)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"cachi2ish_mirror_{name}", text, labels, registry=self._all)
