"""Rewriting ``Pipfile.lock`` for an offline build: archives and commits become files of the output, nothing else.

pipenv checks no hash of a file that it is given by address, but pip does where the address states it behind ``#``.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from cachi2ish.core.outputs import DEPS
from cachi2ish.core.urls import redact_text, split_web
from cachi2ish.lockfiles import injection
from cachi2ish.lockfiles.injection import Replacement, replace
from cachi2ish.lockfiles.interface import Decoded, Placed
from cachi2ish.lockfiles.toml_locks import decode
from cachi2ish.lockfiles.toml_rewriting import placed_url, same_count

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]')

#: A key that is none: of the whole document, and of what stands in a list.
_NOWHERE = ("", (0, 0))

_FOLDER = f"/{DEPS}/"

#: A folder that means the same behind ``#`` in an address, where pip undoes no quoting.
_PLAIN = re.compile(r"[A-Za-z0-9._/-]+")

#: The keys of a package that lead to an address of the web.
_KEYS = frozenset({"file", "git"})


class JsonText(Struct, frozen=True):
    """A text that is a value in an object. path: the keys that lead to it. key, span: with their quotes."""

    path: tuple[str, ...]
    value: str
    key: tuple[int, int]
    span: tuple[int, int]


def texts_in(text: str) -> Iterator[JsonText]:
    """Yield the texts of a document, but for those in lists; of one that is no JSON, whatever looks like them."""
    opened: list[str] = []  # the key of each object or list that is open; "" in a list, and of the document
    last, named = _NOWHERE, _NOWHERE
    for found in _TOKEN.finditer(text):
        raw = found.group()
        if raw == ":":
            named = last
        elif raw in "{[":
            opened.append(named[0])
            named = _NOWHERE
        elif raw in "]},":
            del opened[len(opened) - (raw != ",") :]
            named = _NOWHERE
        elif named is _NOWHERE:
            last = (_plain(raw), found.span())
        else:
            yield JsonText((*opened[1:], named[0]), _plain(raw), named[1], found.span())


class JsonPlace(Struct, frozen=True):
    """An address in a document. digest: ``sha256=…`` of its file, where the lock states it.

    subdirectory: what of the file is built; "" for all of it.
    """

    string: JsonText
    digest: str
    subdirectory: str

    def fragment(self, placed: Placed) -> str:
        """Return what stands behind the address of a file for pip to read; a commit's has its digest there."""
        folder = f"subdirectory={self.subdirectory}" if self.subdirectory else ""
        if placed.sha256:
            return f"&{folder}" if folder else ""
        facts = "&".join(filter(None, (self.digest, folder)))
        return f"#{facts}" if facts else ""


def json_places(text: str) -> Iterator[JsonPlace]:
    """Yield the addresses that can be rewritten, in their order."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return
    for string in texts_in(text):
        match string.path:
            case ("_meta", *_):
                continue
            case (_, _, key) if key in _KEYS:
                if key == "file" and split_web(string.value) is None:
                    continue
            case _:
                continue
        hashes, folder = (_fact(document, string.path, key) for key in ("hashes", "subdirectory"))
        if folder is not None and not (isinstance(folder, str) and _PLAIN.fullmatch(folder)):
            continue
        alone = isinstance(hashes, list) and len(hashes) == 1
        yield JsonPlace(string, str(hashes[0]).replace(":", "=", 1) if alone else "", folder or "")


def _fact(document: object, path: tuple[str, ...], key: str) -> Any:  # noqa: ANN401  (whatever stands there)
    """Return what a package has under ``key``, None where it has nothing."""
    for one in (*path[:2], key):
        document = document.get(one) if isinstance(document, dict) else None
    return document


class JsonRewriter:
    """`Rewriter` for ``Pipfile.lock``. An address whose file is not in the output stays."""

    def decode(self, content: bytes, file: str) -> Decoded:
        """See `Rewriter.decode`."""
        return Decoded(decode(content, file), "utf-8")

    def encode(self, text: str, encoding: str) -> bytes:
        """See `Rewriter.encode`."""
        return text.encode(encoding)

    def replacement_urls(self, text: str, placed: Sequence[Placed | None]) -> tuple[str, ...]:
        """See `Rewriter.replacement_urls`."""
        places = tuple(json_places(text))
        same_count(len(places), len(placed))
        return tuple(
            "" if one is None else f"{placed_url(one)}{place.fragment(one)}"
            for place, one in zip(places, placed, strict=True)
        )

    def substitute(self, text: str, urls: Sequence[str]) -> str:
        """See `Rewriter.substitute`."""
        cuts = self._paired(text, urls)
        return replace(
            text,
            ((one.key[0], one.span[1], f'{_before(text, one)}{url}"') for one, url in cuts),
        )

    def restore(self, text: str, record: str | None) -> str:
        """See `Rewriter.restore`."""
        return json_restored(text, record)

    def record(self, text: str, urls: Sequence[str]) -> str:
        """See `Rewriter.record`."""
        return injection.render_record(
            Replacement(
                placed=posixpath.basename(unquote(urlsplit(url).path)),
                original=text[one.key[0] : one.span[1]],
                before=_before(text, one),
                after=f'{_behind(url)}"',
            )
            for one, url in self._paired(text, urls)
        )

    def record_name(self, filename: str) -> str:
        """See `Rewriter.record_name`."""
        return injection.record_name(filename)

    def redacted(self, text: str) -> str:
        """See `Rewriter.redacted`."""
        return redact_text(text)

    def _paired(self, text: str, urls: Sequence[str]) -> Iterator[tuple[JsonText, str]]:
        places = tuple(json_places(text))
        same_count(len(places), len(urls))
        return ((place.string, url) for place, url in zip(places, urls, strict=True) if url)


def json_restored(text: str, record: str | None) -> str:
    """Return ``text`` as it was before ``inject-files``; raises `InputError` for a damaged record."""
    return injection.restore(text, record, _injected)


def _injected(text: str) -> Iterator[injection.Injected]:
    for one in texts_in(text):
        address = one.value.partition("#")[0]
        folder, found, name = address.rpartition(_FOLDER)
        if found and "/" not in name and folder.startswith("file://"):
            start, raw = one.span[0] + 1, text[slice(*one.span)]
            yield injection.Injected(unquote(name), start, start + len(raw[1:-1].partition("#")[0]))


def _before(text: str, string: JsonText) -> str:
    return f'"file"{text[string.key[1] : string.span[0]]}"'


def _behind(url: str) -> str:
    return "".join(url.partition("#")[1:])


def _plain(raw: str) -> str:
    try:
        return str(json.loads(raw, strict=False))
    except ValueError:
        return raw[1:-1]
