"""What ends a benchmark."""

from __future__ import annotations


class BenchmarkError(Exception):
    """The comparison cannot be made; the text is one sentence for the person who started it."""
