"""Which one version a specifier stands for (PEP 440)."""

from __future__ import annotations

from msgspec import Struct
from packaging.specifiers import Specifier, SpecifierSet

from cachi2ish.advice import Hint
from cachi2ish.core.distributions import same_version
from cachi2ish.core.messages import excerpt
from cachi2ish.errors import LockFileError, Origin


class Pin(Struct, frozen=True):
    """One exact version. arbitrary: ``===``, compared as text."""

    version: str
    arbitrary: bool = False

    def same(self, other: Pin) -> bool:
        """Return whether both stand for the same version."""
        return self.version == other.version or (
            same_version(self.version, other.version) and same_version(other.version, self.version)
        )

    def __str__(self) -> str:
        return f"{'===' if self.arbitrary else '=='}{self.version}"


def pin_of(name: str, specifier: SpecifierSet, origin: Origin) -> Pin | None:
    """Return the version that ``specifier`` pins, or None where it is a range or says nothing.

    Other clauses may stand beside the pin if they admit it (``==1.2,>=1``), as in pip. Raises
    `LockFileError` where two clauses contradict each other.
    """
    pins = [Pin(clause.version, clause.operator == "===") for clause in specifier if _exact(clause)]
    if not pins:
        return None
    pin = min(pins, key=lambda pin: (not pin.arbitrary, pin.version))
    if not all(pin.same(other) for other in pins) or not admits(specifier, pin):
        raise LockFileError(
            f"{name}{excerpt(str(specifier))} contradicts itself: no version fulfils it",
            hint="leave one exact version: name==version",
            origin=origin,
        )
    return pin


def admits(specifier: SpecifierSet, pin: Pin) -> bool:
    """Return whether the pinned version fulfils ``specifier``; pre-releases count, since it is pinned."""
    try:
        return all(
            Pin(clause.version).same(pin)
            if clause.operator == "==="
            else clause.contains(pin.version, prereleases=True)
            for clause in specifier
        )
    except ValueError:  # of packaging, and for numbers beyond what `int` reads
        return False


def unpinned(name: str, specifier: SpecifierSet, origin: Origin) -> LockFileError:
    """Return the error for a requirement that stands for no one version, with the reason."""
    if not specifier:
        problem = f"{name} is not pinned: it names no version"
    elif any(clause.operator == "==" for clause in specifier):
        problem = f"{name}{specifier} is not pinned: a wildcard stands for many versions"
    else:
        problem = f"{name}{specifier} is not pinned: it is a range of versions"
    return LockFileError(problem, hint=Hint.PIN_EXACTLY, origin=origin)


def _exact(clause: Specifier) -> bool:
    return clause.operator == "===" or (clause.operator == "==" and not clause.version.endswith(".*"))
