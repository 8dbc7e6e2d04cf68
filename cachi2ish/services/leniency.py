"""Strict and permissive: which problems end a run, and which are told, recorded and lived with."""

from __future__ import annotations

from threading import Lock

from cachi2ish.core.inventory import Relaxation, RelaxationKind
from cachi2ish.core.modes import Mode
from cachi2ish.errors import Cachi2ishError, leaves
from cachi2ish.services.reporter import Reporter


class Leniency:
    """What one run has let pass. Safe to use from many threads."""

    def __init__(self, mode: Mode, reporter: Reporter) -> None:
        self._mode = mode
        self._reporter = reporter
        self._lock = Lock()
        self._relaxations: set[Relaxation] = set()

    def let_pass(self, error: Cachi2ishError, kind: RelaxationKind, subject: str) -> None:
        """Raise ``error`` in strict mode; in permissive mode warn of it, and remember it for the bill.

        subject: what the problem is about, such as a file name. ``error`` holds no credential.
        """
        if self._mode is Mode.STRICT:
            raise error
        for one in leaves(error):
            relaxation = Relaxation(kind=kind, subject=subject, detail=one.problem)
            with self._lock:
                new = relaxation not in self._relaxations
                self._relaxations.add(relaxation)
            if new:
                self._reporter.warning(f"permissive mode goes on ({kind}): {one}")

    @property
    def relaxations(self) -> tuple[Relaxation, ...]:
        """All of them, sorted."""
        with self._lock:
            return tuple(sorted(self._relaxations))
