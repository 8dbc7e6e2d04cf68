"""What ends a benchmark, and what ends a part of it."""

from __future__ import annotations


class BenchmarkError(Exception):
    """The comparison cannot be made; the text is one sentence for the person who started it."""


class CannotMeasureError(Exception):
    """This machine cannot measure something; the text says why, and the other rows are measured all the same."""
