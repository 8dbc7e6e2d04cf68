"""What a message shows of a text from outside, and what its writer probably meant.

All that reaches a terminal or a log passes `printable` or `escaped`, and JSON on standard output `escaped_json`:
nothing in it moves a cursor or forges a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

#: Characters: a line, not a page.
_LONGEST = 60

#: Longer than this no word is that means anything: an address or a digest is not.
_LONGEST_WORD = 300

#: What is shown of one that is longer: of its beginning, and of its end.
_HEAD, _TAIL = 60, 20

_TOO_LONG = rf"\S{{{_LONGEST_WORD + 1},}}"


def excerpt(text: str) -> str:
    """Return ``text``, or its beginning and three dots where it is long."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def shortened(text: str) -> str:
    """Return ``text`` with the middle of each overlong word left out: of a version of 6000 digits, say."""
    return re.sub(_TOO_LONG, lambda found: f"{found[0][:_HEAD]}…{found[0][-_TAIL:]}", text)


#: So alike is a word to the one that was meant, where 1 is the same: with less, ``amd64`` would be ``armv6l``.
_ALIKE = 0.6


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "", *, most: int = 1, begin: str = "") -> str:
    """Return a question that names what ``word`` is most like, or begins; ``otherwise`` where there is nothing.

    most: words to name. begin: what stood before ``word``, which each of ``known`` needs before it as well.
    """
    word = word.lower()
    words = {one.lower(): one for one in known}
    begun = [one for one in words if word and one.startswith(word)]
    near = list(dict.fromkeys([*begun[:1], *get_close_matches(word, words, n=most, cutoff=_ALIKE)]))
    meant = " or ".join(repr(f"{begin}{words[one]}") for one in near[:most])
    return f"did you mean {meant}?" if meant else otherwise


def as_text(name: str) -> str:
    """Return the name of a file as a text, which outputs are made of; it may be none (PEP 383)."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


#: Characters of one message.
_LONGEST_MESSAGE = 2000


def printable(text: str) -> str:
    """Return ``text`` with everything escaped that could move a terminal's cursor or forge a line.

    An overlong word, and what is longer than a screen, is cut in the middle: a server may put anything anywhere.
    """
    text = shortened(text)
    if len(text) > _LONGEST_MESSAGE:
        text = f"{text[: _LONGEST_MESSAGE // 2]} … {text[-_LONGEST_MESSAGE // 2 :]}"
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
    import json  # noqa: PLC0415  (most of what is shown is none)

    return "".join(one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1] for one in text)
