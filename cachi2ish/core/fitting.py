"""Which of the permitted files pip would take on each target."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cachi2ish.core.candidates import Candidate
from cachi2ish.core.distributions import SdistName, WheelName
from cachi2ish.core.pages import IndexFile
from cachi2ish.core.requirements import Pinned
from cachi2ish.core.targets import Target


@dataclass(frozen=True, slots=True)
class TargetFiles:
    """What one target needs of a requirement: its best file, or all the wheels that it accepts."""

    target: Target
    files: tuple[IndexFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitter:
    """How files are chosen for targets.

    every_wheel: take all the wheels that a target accepts, and not only the best.
    dated: the page is one of the past, when nobody knows what was yanked then.
    """

    requirement: Pinned
    every_wheel: bool
    dated: bool

    def fit(self, permitted: Iterable[Candidate], target: Target) -> tuple[Candidate, ...]:
        """Return what ``target`` needs, the best first; nothing where nothing fits.

        The order is pip's: what the lock names, what is not yanked, wheels before sdists, the best tag, the
        greater build tag.
        """
        there = [one for one in permitted if fits(one, target) and target.admits_python(one.file.requires_python)]
        fitting = sorted(there, key=lambda one: self._order(one, target))
        if not self.every_wheel or not fitting or fitting[0].is_sdist:
            return tuple(fitting[:1])
        yanked_too = self.dated or fitting[0].file.yanked
        return tuple(one for one in fitting if not one.is_sdist and (yanked_too or not one.file.yanked))

    def _order(self, one: Candidate, target: Target) -> tuple[bool, bool, bool, int, tuple[int, str], str]:
        yanked = one.file.yanked and not self.dated
        unproved = bool(self.requirement.digests) and not one.is_named_by(self.requirement.digests)
        if isinstance(one.name, SdistName):
            return unproved, yanked, True, one.preference[1], (0, ""), one.file.filename
        return unproved, yanked, False, target.rank(one.name.tags) or 0, _descending(one.name), one.file.filename


def fits(one: Candidate, target: Target) -> bool:
    """Return whether the tags of a file are accepted on ``target``; an sdist fits everywhere."""
    return isinstance(one.name, SdistName) or target.rank(one.name.tags) is not None


def _descending(name: WheelName) -> tuple[int, str]:
    # A build tag is a number and a text; its absence is less than any (PEP 427).
    if not name.build:
        return 1, ""
    number, text = name.build
    return -number, "".join(chr(0x10FFFF - ord(character)) for character in text) + chr(0x10FFFF)


def why_left(one: Candidate, fitted: Sequence[tuple[Target, Sequence[Candidate]]]) -> str:
    """Return why a permitted file is taken for none of the targets."""
    accepting = [(target, best) for target, best in fitted if fits(one, target)]
    if not accepting:
        return "no target accepts its tags"
    for target, best in accepting:
        if best and target.admits_python(one.file.requires_python):
            return f"{best[0].file.filename} is preferred"
    return f"it needs Python {one.file.requires_python}"
