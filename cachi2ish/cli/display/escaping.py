"""Text from outside as it may reach a terminal or a log: nothing in it moves a cursor or forges a line.

All that is shown passes `printable` or `escaped`, and JSON on standard output `escaped_json`.
"""

from __future__ import annotations

from cachi2ish.core.messages import shortened

#: Characters of one message.
_LONGEST = 2000


def printable(text: str) -> str:
    """Return ``text`` with everything escaped that could move a terminal's cursor or forge a line.

    An overlong word, and what is longer than a screen, is cut in the middle: a server may put anything anywhere.
    """
    text = shortened(text)
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 2 :]}"
    return escaped(text)


def escaped(text: str) -> str:
    """Return ``text`` with each unprintable character escaped: controls, line ends, marks of direction."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def escaped_json(text: str) -> str:
    """Return the same JSON, in which each unprintable character but line ends is a JSON escape."""
    import json  # most of what is shown is none

    return "".join(one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1] for one in text)
