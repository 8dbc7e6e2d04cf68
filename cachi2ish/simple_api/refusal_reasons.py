"""Why a mirror refuses a page or a proof: a word for programs, the member ``reason`` of a problem (RFC 9457)."""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec import Struct


class RefusalReason(StrEnum):
    """Why there is no page, or no proof. Only for `UNKNOWN` does it help a mirror to look at the upstream."""

    UNKNOWN = "unknown"  # nobody has looked yet
    ABSENT = "absent"  # the upstream has never had it, as far as is known
    NOT_YET = "not-yet"  # nothing was uploaded before the instant
    UNTIMED = "untimed"  # none of its files has an upload time, and files are not dated by first sight
    DELETED = "deleted"  # it was gone by then
    QUARANTINED = "quarantined"  # it was in quarantine then (PEP 792)
    COVERAGE = "coverage"  # nobody had looked by then, and only what was observed is wanted
    NO_SUCH_PLACE = "no-such-place"  # the address names no date, or no registry
    NOT_FROZEN = "not-frozen"  # the day is not frozen
    OTHER_DIGEST = "other-digest"  # the day is frozen, and has another digest
    NOT_IN_DAY = "not-in-day"  # the frozen day has no page of the project


class _Problem(Struct, frozen=True, kw_only=True):
    reason: str = ""


def read_reason(body: bytes) -> RefusalReason | None:
    """Return the reason that an answer states, None for one that states none that is known."""
    try:
        return RefusalReason(msgspec.json.decode(body, type=_Problem).reason)
    except (ValueError, RecursionError):
        return None
