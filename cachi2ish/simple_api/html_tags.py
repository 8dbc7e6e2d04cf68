"""The tags of an HTML document, one after the other, and the text between them.

As far as the links of a page need it, and as browsers read it: the tokenizer of the HTML standard (13.2.5). Pages
have many megabytes, and come from servers that nobody vouches for: every character is looked at a fixed number of
times, whatever is never closed. (`html.parser` takes 45 seconds for 20 MB of ``<``, and before Python 3.13.6 time
that grows with the square of the length for some others.)
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from cachi2ish.simple_api.fields import LONGEST_VALUE

_SPACE = r"[ \t\n\r\f]"
_NAME = r"[^ \t\n\r\f/>][^ \t\n\r\f/>=]*+"
_PLAIN = r"[^ \t\n\r\f>\"'][^ \t\n\r\f>]*+"

#: A value that is never closed goes on to the end of the document, where there is no ``>``.
_TAG = re.compile(
    rf"<(/?)([A-Za-z][^ \t\n\r\f/>]*+)"
    rf"((?:(?:{_SPACE}|/)++"
    rf"|{_NAME}(?:{_SPACE}*+={_SPACE}*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|{_PLAIN}|(?=>)))?+)*+)>"
)
_ATTRIBUTE = re.compile(
    rf"({_NAME})(?:{_SPACE}*+={_SPACE}*+(?:\"([^\"]*+)\"|'([^']*+)'|({_PLAIN}))?)?",
)

#: An anchor as nearly all indexes write it, with its text and its end, and the line break behind it.
_WHOLE_ANCHOR = re.compile(
    r"<a((?:[ \n][a-z-]++(?:=\"[^\"]*+\")?+)*+)>([^<&]*+)</a>(?:[ \t\r\n]*+<br ?/?>)?+[ \t\r\n]*+"
)
_PLAIN_ATTRIBUTE = re.compile(r"[ \n]([a-z-]+)(?:=\"([^\"]*)\")?")

#: Any other ``<`` is text.
_OPENING = re.compile(r"<(?=[A-Za-z/!?])")
_COMMENT = re.compile(r"<(?:[!?]|/(?![A-Za-z]))")

#: Elements whose content is text, whatever it looks like.
_RAW = {
    name: re.compile(rf"</{name}(?=[ \t\n\r\f/>])", re.IGNORECASE)
    for name in ("iframe", "noembed", "noframes", "script", "style", "textarea", "title", "xmp")
}

#: In a value, ``&region=x`` is no registered trademark: only what ends in a semicolon is a reference there.
_REFERENCE = re.compile(r"&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);")


#: Characters of a value that is likely to come again.
_SHORT = 64


class Tag(NamedTuple):
    """A start or end tag. name: in lower case, ``/`` before it for an end tag, empty for the end of the document.

    before: the text between the tag before and this one, as written. inside: what follows the name, as written.
    text: of an anchor the text, where it has no tags and no references in it and its end tag is no tag of its own;
    else None.
    """

    name: str
    before: str
    inside: str = ""
    text: str | None = None


def attributes_of(tag: Tag) -> dict[str, str]:
    """Return the attributes, names in lower case; of two of one name the first counts (HTML, 13.2.5.33).

    One without value has an empty one. Raises `ValueError` for a reference to a character that none is, and for a
    tag of more than `LONGEST_VALUE` characters.
    """
    if len(tag.inside) > LONGEST_VALUE:
        msg = f"a tag has {len(tag.inside)} characters"
        raise ValueError(msg)
    if tag.text is not None:
        pairs = _PLAIN_ATTRIBUTE.findall(tag.inside)
        return {name: _value(written) if "&" in written else written for name, written in reversed(pairs)}
    found: dict[str, str] = {}
    for name, double, single, plain in _ATTRIBUTE.findall(tag.inside):
        found.setdefault(name.lower(), _value(double or single or plain))
    return found


def text_of(written: str) -> str:
    """Return a text without character references; raises `ValueError` for one to a character that none is."""
    return html.unescape(written)


def tags(text: str) -> Iterator[Tag]:
    """Yield all tags of a document and its end; comments and declarations are passed over."""
    position = since = 0
    while found := _OPENING.search(text, position):
        start = found.start()
        anchor = _WHOLE_ANCHOR.match(text, start)
        if anchor is not None:
            yield Tag("a", text[since:start], anchor[1], anchor[2])
            position = since = anchor.end()
            continue
        tag = _TAG.match(text, start)
        if tag is None:
            if not _COMMENT.match(text, start):
                break  # it goes on to the end of the document
            position = _after_comment(text, start)
            continue
        end, name, inside = tag.groups()
        name = name.lower()
        yield Tag(end + name, text[since:start], inside)
        position = since = tag.end()
        if name in _RAW and not end:
            closing = _RAW[name].search(text, position)
            position = closing.start() if closing else len(text)
    yield Tag("", text[since:])


def _after_comment(text: str, start: int) -> int:
    if text.startswith("<!--", start):
        end = text.find("-->", start + 2)  # ``<!-->`` is a whole one
        return end + 3 if end >= 0 else len(text)
    end = text.find(">", start)
    return end + 1 if end >= 0 else len(text)


def _value(written: str) -> str:
    return _short_value(written) if len(written) < _SHORT else _REFERENCE.sub(_referenced, written)


# All files of a page need one of a few versions of Python.
@lru_cache(maxsize=256)
def _short_value(written: str) -> str:
    return _REFERENCE.sub(_referenced, written)


def _referenced(reference: re.Match[str]) -> str:
    return html.unescape(reference[0])
