"""What is shown, in a message of one line, of a text that a user or a server wrote."""

from __future__ import annotations

import re

#: Characters: a line, not a page.
_LONGEST = 60

#: Longer than this no word is that means anything: an address or a digest is not.
_LONGEST_WORD = 300

#: What is shown of one that is longer: of its beginning, and of its end.
_HEAD, _TAIL = 60, 20

_TOO_LONG = re.compile(rf"\S{{{_LONGEST_WORD + 1},}}")


def excerpt(text: str) -> str:
    """Return ``text``, or its beginning and three dots where it is long."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def shortened(text: str) -> str:
    """Return ``text`` with the middle of each overlong word left out: of a version of 6000 digits, say."""
    return _TOO_LONG.sub(lambda found: f"{found[0][:_HEAD]}…{found[0][-_TAIL:]}", text)
