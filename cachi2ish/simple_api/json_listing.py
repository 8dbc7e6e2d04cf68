"""A page in JSON of which few files are looked at: each becomes an object when it is asked for.

A run takes some files of a page that lists ten thousand. To make objects of all of them takes several times as
long as to find out their names, and to keep them in another form than they came in takes as long again. So the
text stays beside the page, as its server has compressed it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct, ValidationError

from cachi2ish.core.pages import IndexFile, ListedFiles, Page
from cachi2ish.files.inflate import InflateError, inflate
from cachi2ish.simple_api.fields import Links, PageSource, check_amount, instant
from cachi2ish.simple_api.json_pages import WireFile, WireProject, file_of, leniently, page_of, read_json


class _Entry(Struct, frozen=True, gc=False):
    """What has to be known of each file."""

    filename: Annotated[str, Meta(min_length=1)]
    url: str


class _Texts(Struct, frozen=True, gc=False):
    """The files as they stand in the text."""

    files: list[Raw]


class _EntryWithReason(_Entry, frozen=True, gc=False):
    """The same, and why it was yanked."""

    yanked: bool | str | None = None


_LISTED = msgspec.json.Decoder(WireProject[_Entry])
_LISTED_WITH_REASONS = msgspec.json.Decoder(WireProject[_EntryWithReason])
_TEXTS = msgspec.json.Decoder(_Texts)
_FILE = msgspec.json.Decoder(WireFile)

#: With one of these a page is read whole, but where they all stand in the reasons of yanked files. An escape may
#: stand for anything, half of a surrogate pair included; and addresses that hold a credential have one of the
#: others (`cachi2ish.core.urls.redact`): the text is to be kept.
_ESCAPE = b"\\"
_TELLING = (_ESCAPE, b"@", b"?", b"&")

#: Characters that JSON writes as one backslash and one more.
_ESCAPED = ('"', "\n", "\r", "\t")


def skim_json(body: bytes, source: PageSource, packed: bytes) -> Page:
    """Return what `read_json` returns; the files become objects one by one, where that is possible.

    packed: the body as one gzip member; without it all files become objects at once. Raises `UnavailableError`.
    """
    if not packed or not body.isascii():
        return read_json(body, source)
    check_amount(body, b",", source.project, source.index)
    telling = [mark for mark in _TELLING if mark in body]
    listed: WireProject[_Entry] | WireProject[_EntryWithReason]
    try:
        if not telling:
            listed = _LISTED.decode(body)
        else:
            listed = _LISTED_WITH_REASONS.decode(body)
            if not _are_in_reasons(telling, body, listed.files):
                return read_json(body, source)
    except (ValueError, RecursionError):
        return read_json(body, source)  # which knows what is wrong, or reads what can be read
    # JSON has control characters as escapes only.
    if not Links.are_plain([entry.url for entry in listed.files], controls=False):
        return read_json(body, source)
    names = [entry.filename for entry in listed.files]
    return page_of(listed, _Files(body, packed, names, source), source)


def _are_in_reasons(telling: Iterable[bytes], body: bytes, entries: Iterable[_EntryWithReason]) -> bool:
    """Return whether ``telling`` stand in what is said of yanked files and nowhere else."""
    reasons = " ".join([one.yanked for one in entries if isinstance(one.yanked, str)])
    meant = ((mark, _ESCAPED if mark == _ESCAPE else (mark.decode(),)) for mark in telling)
    return all(body.count(mark) == sum(map(reasons.count, texts)) for mark, texts in meant)


def unpack_json(packed: bytes, most: int, source: PageSource) -> Page:
    """Return the page whose text is kept; all its addresses are absolute.

    most: bytes that it may have unpacked. Raises `ValueError` for what is no gzip member of such a page.
    """
    member = inflate()
    try:
        body = member.decompress(packed, most)
    except InflateError as error:
        raise ValueError(str(error)) from error
    if not member.eof:
        raise ValueError("it ends too early")
    return skim_json(body, source, packed)


class _Files(ListedFiles):
    """The files of a text whose addresses are all plain: none needs resolving."""

    def __init__(self, body: bytes, packed: bytes, names: Sequence[str], source: PageSource) -> None:
        super().__init__(names, packed)
        self._body = body
        self._source = source
        self._made: dict[int, IndexFile] = {}

    def file(self, position: int) -> IndexFile:
        """Return the file at ``position``; raises `UnavailableError` where `read_json` does."""
        made = self._made.get(position)  # whoever keeps a page and whoever chooses from it ask for the same
        if made is None:
            made = self._made[position] = self._make(position)
        return made

    def _make(self, position: int) -> IndexFile:
        try:
            return _file(self._texts[position])
        except (ValueError, RecursionError):  # for a number of 5000 digits, say, all of the page is refused
            return self._read[position]

    def __iter__(self) -> Iterator[IndexFile]:
        return map(self._make, range(len(self)))

    @cached_property
    def _read(self) -> Sequence[IndexFile]:
        return read_json(self._body, self._source).files

    @cached_property
    def _texts(self) -> list[Raw]:
        return _TEXTS.decode(self._body).files


def _file(text: Raw) -> IndexFile:
    try:
        entry = _FILE.decode(text)
    except ValidationError:  # a bad value costs itself, and not the file
        found = leniently(WireFile, json.loads(bytes(text)))
        if found is None:  # what must be there is: see `_Entry`
            raise
        entry = found
    return file_of(entry, entry.url, (), instant(entry.upload_time))
