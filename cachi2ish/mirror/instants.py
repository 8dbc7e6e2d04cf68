"""Instants as the mirror keeps them, whole microseconds after 1970, and as the rest of the program has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cachi2ish.core.cutoff import Cutoff, rfc3339
from cachi2ish.mirror.records import Instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def instant_of(moment: datetime) -> Instant:
    """Return an aware moment as an instant."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(instant: Instant) -> datetime:
    """Return an instant as an aware moment, UTC."""
    return _EPOCH + instant * _MICROSECOND


def end_of(cutoff: Cutoff | None) -> Instant | None:
    """Return the instant of a cutoff: what was there is less than it (`Cutoff.admits`). None for no cutoff."""
    return None if cutoff is None else instant_of(cutoff.instant)


def text_of(instant: Instant) -> str:
    """Return an instant as RFC 3339 writes it."""
    return rfc3339(moment_of(instant))
