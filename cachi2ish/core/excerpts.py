"""What is shown of a text that a user wrote, in a message of one line."""

from __future__ import annotations

#: Characters: a line, not a page.
_LONGEST = 60


def excerpt(text: str) -> str:
    """Return ``text``, or its beginning and three dots where it is long."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
