"""What a rule is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.version import Version

from cachi2ish.build.interface import Machine, SdistFacts


@dataclass(frozen=True, slots=True)
class Question:
    """What a rule is requested: what this sdist needs beside what it declares.

    installed: what is in the environment of the build when the hook is called, by normalised name.
    """

    facts: SdistFacts
    machine: Machine
    installed: Mapping[str, Version]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a back-end adds. unknown: what the rule cannot tell, each as a clause."""

    requires: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
