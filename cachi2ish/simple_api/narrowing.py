"""The part of a JSON page that speaks of the versions that are asked for.

A page lists thousands of files, and taking each apart costs more than hashing the one that is fetched. Here the
objects of the others are cut out of the text before it is parsed, by looking for numbers and separators, which
needs a third of the time. What is cut is certain to be whole objects of a list (RFC 8259); where that cannot be
told by simple means, nothing is cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cachi2ish.core.interest import Interest

#: Between two objects of a list, as servers write it: without spaces, or as Python's ``json`` does by default.
_SEPARATORS = (b"},{", b"}, {")

_FILENAME = re.compile(rb'"filename":\s*"([^"]*)"')

#: Bytes. A shorter text is parsed in less than a millisecond.
_WORTH_CUTTING = 16 * 1024

#: Objects that are looked at one by one. A page whose text is full of a version's numbers is parsed as quickly.
_MOST_LOOKS = 20_000

_Span = tuple[int, int]


def narrowed(body: bytes, interest: Interest) -> bytes:
    """Return ``body`` without the objects of files that are certainly not of interest, or as it is.

    The first and the last object of the list stay. Of a body that is valid JSON, what is returned is, too.
    """
    pattern = interest.necessary_pattern
    separator = next((one for one in _SEPARATORS if one in body), None)
    if len(body) < _WORTH_CUTTING or pattern is None or separator is None:
        return body
    first, last = body.find(separator), body.rfind(separator)
    pieces = [body[:first]]
    begin = first + len(separator)
    kept = _meant(body, (begin, last), separator, interest, pattern)
    for start, end in (*kept, (last + len(separator), len(body))):
        between = body[begin : start - len(separator)]  # empty where neighbours are kept
        if not (_ends_outside_strings(pieces[-1]) and _ends_outside_strings(between)):
            return body
        if between and not _whole_objects(between):
            pieces.append(between)
        pieces.append(body[start:end])
        begin = end + len(separator)
    return separator.join(pieces)


def _meant(
    body: bytes, within: _Span, separator: bytes, interest: Interest, pattern: re.Pattern[bytes]
) -> Iterator[_Span]:
    """Yield where, between separators, there are objects that may be of interest."""
    begin, last = within
    passed = begin
    for looks, found in enumerate(pattern.finditer(body, begin, last)):
        if looks == _MOST_LOOKS:
            yield passed, last
            return
        if found.start() < passed:
            continue  # of an object that has been looked at: an address repeats its file's name
        before = body.rfind(separator, passed, found.start())
        start = passed if before < 0 else before + len(separator)
        end = body.find(separator, found.end(), last)
        end = last if end < 0 else end
        names = _FILENAME.findall(body, start, end)
        if not names or any(b"\\" in name or interest.means(name.decode(errors="replace")) for name in names):
            yield start, end
        passed = end + len(separator)


def _whole_objects(text: bytes) -> bool:
    """Return whether ``text`` holds complete objects only: balanced braces, no list opened or closed."""
    return not (b"[" in text or b"]" in text) and text.count(b"{") == text.count(b"}")


def _ends_outside_strings(text: bytes) -> bool:
    """Return whether ``text``, which begins outside of strings, certainly ends outside of them.

    False, too, where characters stand in it as their numbers, which would hide a name.
    """
    if b"\\" not in text:
        return text.count(b'"') % 2 == 0
    if b"\\\\" in text or b"\\u" in text:
        return False
    return (text.count(b'"') - text.count(b'\\"')) % 2 == 0
