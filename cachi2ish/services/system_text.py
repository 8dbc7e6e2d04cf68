"""Which texts the operating system can take as a path or as the value of a variable."""

from __future__ import annotations

import os


def is_system_text(text: str) -> bool:
    """Return whether ``text`` has no null character and no half of a surrogate pair (stray bytes may be)."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False
