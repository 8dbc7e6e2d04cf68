"""``cache verify``: everything in a cache is read again, and all that is wrong is told at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from cachi2ish.core.cache_contents import Finding, Flaw
from cachi2ish.errors import Cachi2ishError, DigestMismatchError, StorageError, raise_all
from cachi2ish.services.reporter import Reporter
from cachi2ish.store.interface import Housekeeping

#: What harms nobody: a fetch neither uses it nor fails for it.
_HARMLESS = frozenset({Flaw.DANGLING, Flaw.STRAY, Flaw.OUTDATED})

#: What can be wrong with a file itself.
_FILES = frozenset({Flaw.DAMAGED, Flaw.UNREADABLE})

_REPAIR = "cachi2ish cache verify --repair removes what is damaged; it is fetched anew when it is needed"
_HINTS = {
    Flaw.UNREADABLE: "check the rights and the disk; " + _REPAIR,
    Flaw.OBSTACLE: "move it out of the cache",
}


@dataclass(frozen=True, slots=True)
class Verified:
    """How many files are what their names promise, their bytes, and how many others a repair has removed."""

    files: int
    size: int
    removed: int = 0


def verify(
    housekeeping: Housekeeping, reporter: Reporter, watch: Callable[[Verified], None], *, repair: bool
) -> Verified:
    """Verify the cache; raise all damage at once, except what was repaired, which is told as warnings.

    A file that is not what its name promises is a `DigestMismatchError`; whatever else would keep a fetch from
    using the cache is a `StorageError`. watch: hears after each file what has been verified so far.
    """
    if not housekeeping.exists:
        reporter.warning(f"there is no cache at {housekeeping.directory}: nothing is verified")
    done = Verified(0, 0)

    def told(size: int) -> None:
        nonlocal done
        done = replace(done, files=done.files + 1, size=done.size + size)
        watch(done)

    errors: list[Cachi2ishError] = []
    for finding in housekeeping.verify(told, repair=repair):
        text = f"{finding.path} in the cache {housekeeping.directory} {finding.detail}"
        if finding.repaired:
            reporter.warning(f"{text}: removed")  # of a catalogue: out of the way
            done = replace(done, removed=done.removed + (finding.flaw in _FILES))
        elif finding.flaw in _HARMLESS:
            reporter.warning(text)
        else:
            errors.append(_error(finding, text))
    raise_all(errors)
    return done


def _error(finding: Finding, text: str) -> Cachi2ishError:
    hint = _HINTS.get(finding.flaw, _REPAIR)
    if finding.flaw is Flaw.DAMAGED:
        return DigestMismatchError(text, hint=hint)
    return StorageError(text, hint=hint)
