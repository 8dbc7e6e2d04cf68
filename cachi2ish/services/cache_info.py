"""``cache info``: what a cache holds, as text for people or for machines."""

from __future__ import annotations

import json
from datetime import datetime

from cachi2ish.core.cache_contents import Amount, CacheContents
from cachi2ish.core.cutoff import rfc3339


def as_json(contents: CacheContents) -> str:
    """Return the contents as a JSON object; sizes in bytes, instants in RFC 3339 or null."""
    catalogue = contents.catalogue
    return (
        json.dumps(
            {
                "directory": str(contents.directory),
                "exists": contents.exists,
                "bytes": contents.size,
                "files": _amount(contents.files),
                "unfinished": _amount(contents.unfinished),
                "leftovers": _amount(contents.leftovers),
                "catalogue": {
                    "bytes": catalogue.size,
                    "pages": catalogue.pages,
                    "page_bodies": catalogue.bodies,
                    "recollections": catalogue.recollections,
                    "problem": catalogue.problem,
                },
                "oldest_use": _instant(contents.oldest_use),
                "newest_use": _instant(contents.newest_use),
            },
            indent=2,
        )
        + "\n"
    )


def _amount(amount: Amount) -> dict[str, int]:
    return {"count": amount.count, "bytes": amount.size}


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else rfc3339(instant.replace(microsecond=0))
