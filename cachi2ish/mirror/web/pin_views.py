"""What the pages on a lock have: the JSON twins, as those in `cachi2ish.mirror.web.views`."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from cachi2ish.mirror.web.views import CopyLine, RegistryRow


class LockForm(Struct, frozen=True):
    """The form for a lock. registries: to choose from. before: the date that it begins with."""

    registries: tuple[RegistryRow, ...]
    before: str


class PinChange(Struct, frozen=True, kw_only=True):
    """What two dates tell of a pin.

    verdict: ``same``, ``newer`` (the newest version is another one, and nothing else), ``changed``, ``absent``
    where the version was never there, or ``unknown`` where nothing is known of the project.
    """

    project: str
    version: str
    verdict: Literal["same", "newer", "changed", "absent", "unknown"]
    newest_before: str | None = None
    newest_after: str | None = None
    notes: tuple[str, ...] = ()


class LockDiffView(Struct, frozen=True, kw_only=True):
    """What changed for the pins of a lock between two dates.

    others: requirements that are no pins, and not compared. query: of the address that leads here again, without a
    file; empty where it would be too long. backwards: whether the second date is before the first.
    """

    registry: str
    before: str
    after: str
    pins: tuple[PinChange, ...]
    others: tuple[str, ...]
    query: str
    backwards: bool = False


class PinSince(Struct, frozen=True, kw_only=True):
    """Since when a pin is there. since: null where it was never there; until: when it was seen to be gone.

    note: what else a person should know.
    """

    project: str
    version: str
    since: str | None = None
    until: str | None = None
    note: str = ""


class SinceView(Struct, frozen=True, kw_only=True):
    """Since when all pins of a lock are there. since: the first instant as of which they are; null for none known.

    day: the first day whose end has them all. deciding: the projects that came last. missing: those that keep it
    from ever being so; unknown: those of which nothing is known here. pins: the latest first.
    """

    registry: str
    since: str | None
    day: str | None
    deciding: tuple[str, ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    lines: tuple[CopyLine, ...]
    pins: tuple[PinSince, ...]
    others: tuple[str, ...]
    query: str
