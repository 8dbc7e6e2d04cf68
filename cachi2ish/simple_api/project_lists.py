"""The list of all projects of an index (PEP 503, PEP 691), read piece by piece: it may have a million names."""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from json import JSONDecodeError, JSONDecoder

from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from cachi2ish.simple_api.negotiation import HTML, JSON, TEXT_HTML, media_type

#: Characters of one entry: of more there is none.
_LONGEST_ENTRY = 10_000

_BLANK = " \t\r\n"

#: What stands between entries.
_BETWEEN = frozenset({*_BLANK, ","})


class NoProjectListError(ValueError):
    """The answer is no list of projects. ``str()``: what it is instead, as the end of a sentence."""


def read_names(pieces: Iterable[bytes], content_type: str) -> Iterator[NormalizedName]:
    """Yield the names that a list has, in its order; what is no name is passed over.

    pieces: the body, of any length. Raises `NoProjectListError` as soon as that is seen.
    """
    kind, _ = media_type(content_type)
    decoder = getincrementaldecoder("utf-8")("replace")
    texts = (decoder.decode(piece) for piece in pieces)
    if kind == JSON:
        names = _in_json(texts)
    elif kind in {HTML, TEXT_HTML}:
        names = _in_html(texts)
    else:
        raise NoProjectListError(f"it is of type {kind}" if kind else "it does not say of what type it is")
    for name in names:
        try:
            yield canonicalize_name(name, validate=True)
        except InvalidName:
            continue


def _in_json(texts: Iterator[str]) -> Iterator[str]:
    """Yield the names of the entries of ``"projects"``, which are decoded one by one."""
    text, position, decode = _entries(texts), 0, JSONDecoder().raw_decode
    while True:
        while text[position : position + 1] in _BETWEEN:
            position += 1
        if text.startswith("]", position):
            return
        try:
            entry, position = decode(text, position)
        except JSONDecodeError:
            more = next(texts, "")
            if not more or len(text) - position > _LONGEST_ENTRY:
                raise NoProjectListError("it breaks off, or is no JSON") from None
            text, position = text[position:] + more, 0
            continue
        except RecursionError:
            raise NoProjectListError("it is no JSON that can be read: it is nested too deeply") from None
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            yield entry["name"]


def _entries(texts: Iterator[str]) -> str:
    """Return what stands behind the bracket that opens the list, as far as it has been read."""
    begun = ""
    for text in texts:
        begun += text
        _, _, behind = begun.partition('"projects"')
        behind = behind.lstrip(_BLANK + ":")
        if behind.startswith("["):
            return behind[1:]
        if behind or len(begun) > _LONGEST_ENTRY:
            break
    raise NoProjectListError('it is JSON without a list of "projects"')


class _Anchors(HTMLParser):
    """Gathers the texts of anchors, which may come in pieces themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.tags = 0
        self._text: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002  (the library's)
        self.tags += 1
        self._end()
        self._text = "" if tag == "a" else None

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002  (the library's)
        self._end()

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text = (self._text + data)[:_LONGEST_ENTRY]

    def _end(self) -> None:
        if self._text is not None and (name := self._text.strip()):
            self.names.append(name)
        self._text = None


def _in_html(texts: Iterator[str]) -> Iterator[str]:
    anchors = _Anchors()
    for text in texts:
        anchors.feed(text)
        names, anchors.names = anchors.names, []
        yield from names
    anchors.close()
    if not anchors.tags:
        raise NoProjectListError("it is HTML without a single tag")
    yield from anchors.names
