"""Back-ends as a proof asks about them: what one adds to what an sdist declares, and whether it builds Rust."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.version import Version

from cachi2ish.build.crates import needs_crates
from cachi2ish.build.interface import Machine, SdistFacts
from cachi2ish.build.rules.question import Question
from cachi2ish.build.rules.registry import answer


class RuledBackends:
    """Implements `cachi2ish.proof.interface.Backends` by the rules; nothing is run."""

    def added(
        self, facts: SdistFacts, machine: Machine, installed: Mapping[str, Version]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return what the back-end adds, and what is not known of that."""
        found = answer(Question(facts, machine, installed))
        return found.requires, found.unknown

    def needs_crates(self, facts: SdistFacts) -> bool:
        """Return whether building takes packages of a registry of Rust."""
        return needs_crates(facts)
