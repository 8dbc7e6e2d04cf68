"""Times in documents: none is the clock's, so that equal content makes equal documents.

SPDX must say when a document was created. `EPOCH` stands for "not stated".
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

#: What SPDX documents say that were created at no particular time; the SBOM tools of Konflux write the same.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_the_second(instant: datetime) -> str:
    """Return ``instant`` (aware) as SPDX writes it: UTC, to the second, with ``Z``."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def latest(texts: Iterable[str | None]) -> datetime | None:
    """Return the latest of the RFC 3339 instants; None where there is none later than `EPOCH`."""
    found = [instant for text in texts if text and (instant := _instant(text))]
    last = max(found, default=EPOCH)
    return last if last > EPOCH else None


def _instant(text: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
