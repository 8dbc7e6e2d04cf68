"""Rewriting a lock in TOML for an offline build: the addresses of files in the output become paths, nothing else.

A tool reads an archive as it has read one: what comes from git, or for uv from an address, changes its kind with
its address. The record tells what stood there, so that each byte comes back.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from urllib.parse import quote, unquote, urlsplit

from msgspec import Struct

from cachi2ish.core.outputs import DEPS, OUTPUT_DIR
from cachi2ish.core.urls import redact_text
from cachi2ish.errors import InputError
from cachi2ish.lockfiles import injection
from cachi2ish.lockfiles.injection import Replacement, replace
from cachi2ish.lockfiles.interface import Addressed, Decoded, LockText, Placed
from cachi2ish.lockfiles.toml_locks import decode, restored
from cachi2ish.lockfiles.toml_strings import TomlString, strings_in

_FOLDER = f"/{DEPS}/"


class Form(Enum):
    """How an address is written, and what becomes of it."""

    FILE = "the address of a file, which becomes that of another one"
    UV_ARCHIVE = "an archive for uv, which becomes a path"
    UV_COMMIT = "a commit for uv, which becomes the path of an archive with its hash"
    UV_EDGE = "the commit of what is needed, which becomes the same path"
    PYLOCK_COMMIT = "a commit by the standard, which becomes an archive with its hash"
    PDM_COMMIT = "a commit for PDM, which becomes the address of an archive with its hash"
    POETRY_ARCHIVE = "an archive for Poetry, which becomes a path, since its file has another name"
    POETRY_COMMIT = "a commit for Poetry, which becomes the path of an archive with its hash"


#: Tells what a text of a document is, by the keys that lead to it; None where it is no address to rewrite.
FormOf = Callable[[tuple[str | int, ...]], Form | None]


def form_in_uv(path: tuple[str | int, ...]) -> Form | None:
    """Return what a text of ``uv.lock`` is."""
    match path:
        case ("package", _, "metadata", *_):
            return None
        case ("package", _, "source", "git"):
            return Form.UV_COMMIT
        case ("package", _, _, *_, "source", "git"):
            return Form.UV_EDGE
        case ("package", _, "source", "url") | ("package", _, _, *_, "source", "url"):
            return Form.UV_ARCHIVE
        case ("package", _, "sdist" | "wheels", *_, "url"):
            return Form.FILE
    return None


def form_in_pylock(path: tuple[str | int, ...]) -> Form | None:
    """Return what a text of ``pylock.toml`` is (PEP 751)."""
    match path:
        case ("packages", _, "vcs", *_, "url"):
            return Form.PYLOCK_COMMIT
        case ("packages", _, "sdist" | "wheels" | "archive", *_, "url"):
            return Form.FILE
    return None


def form_in_pdm(path: tuple[str | int, ...]) -> Form | None:
    """Return what a text of ``pdm.lock`` is: with the strategy ``static_urls``, files have addresses."""
    match path:
        case ("package", _, "git"):
            return Form.PDM_COMMIT
        case ("package", _, "url") | ("package", _, "files", *_, "url") | ("metadata", "files", *_, "url"):
            return Form.FILE
    return None


def form_in_poetry(path: tuple[str | int, ...]) -> Form | None:
    """Return what a text of ``poetry.lock`` may be: `places_in` looks at the type of its source."""
    match path:
        case ("package", _, "source", "url"):
            return Form.POETRY_ARCHIVE
    return None


class Place(Struct, frozen=True):
    """An address in a document."""

    form: Form
    string: TomlString


def places_in(text: str, form_of: FormOf) -> Iterator[Place]:
    """Yield the addresses of a document that can be rewritten, in their order."""
    for string in strings_in(text):
        form = form_of(string.path)
        if form is Form.POETRY_ARCHIVE:
            form = _form_of_source(text, string)
        if form is not None and _as_written_by_its_tool(text, form, string):
            yield Place(form, string)


def _as_written_by_its_tool(text: str, form: Form, string: TomlString) -> bool:
    """Return whether there is room for what takes the place of a text."""
    match form:
        case Form.UV_COMMIT:  # something is written behind its inline table
            return "{" in text[string.table[1] : string.key[0]]
        case Form.PYLOCK_COMMIT:  # the other dotted keys of the table would keep its old name
            return not text[string.table[1] :].lstrip().startswith(".")
    return True


#: From the files of a package of Poetry, of which there is one or none, to the address of its source.
_POETRY = re.compile(
    r"files = (?P<files>\[\]"
    r'|\[\r?\n +\{file = "[^"\\\r\n]+", hash = "[^"\\\r\n]+"\},\r?\n\])'
    r"(?P<between>\r?\n(?:(?!\[\[).*\n)*?\[package\.source\]\r?\ntype = )"
    r'"(?P<type>git|url)"(?P<before>\r?\nurl = )\Z',
)


def _poetry(text: str, string: TomlString) -> re.Match[str] | None:
    """Return what stands before the address of a source, from the files of its package on, as Poetry writes it."""
    if text[string.table[1] : string.table[1] + 1] != "]":  # no header
        return None
    begin = max(text.rfind("\n[[package]]", 0, string.span[0]), 0)
    files = text.rfind("\nfiles = [", begin, string.span[0])
    return None if files < 0 else _POETRY.match(text, files + 1, string.span[0])


def _form_of_source(text: str, string: TomlString) -> Form | None:
    found = _poetry(text, string)
    if found is None:
        return None
    return {("git", True): Form.POETRY_COMMIT, ("url", False): Form.POETRY_ARCHIVE}.get(
        (found["type"], found["files"] == "[]")
    )


def lock_text(file: str, text: str, form_of: FormOf, found: Callable[[Place], Addressed | None]) -> LockText:
    """Return a lock whose addresses ``inject-files`` rewrites. found: returns what of the requirements one is."""
    return LockText(file, text, tuple(found(place) for place in places_in(text, form_of)), only_fetched=True)


class TomlRewriter:
    """`Rewriter` for locks in TOML. An address whose file is not in the output stays."""

    def __init__(self, form_of: FormOf) -> None:
        self._form_of = form_of

    def decode(self, content: bytes, file: str) -> Decoded:
        """See `Rewriter.decode`."""
        return Decoded(decode(content, file), "utf-8")

    def encode(self, text: str, encoding: str) -> bytes:
        """See `Rewriter.encode`."""
        return text.encode(encoding)

    def replacement_urls(self, text: str, placed: Sequence[Placed | None]) -> tuple[str, ...]:
        """See `Rewriter.replacement_urls`."""
        same_count(sum(1 for _ in places_in(text, self._form_of)), len(placed))
        return tuple("" if one is None else placed_url(one) for one in placed)

    def substitute(self, text: str, urls: Sequence[str]) -> str:
        """See `Rewriter.substitute`."""
        cuts = (_Cut.of(text, place, url) for place, url in self._paired(text, urls))
        return replace(text, ((one.start, one.end, f"{one.before}{one.address}{one.after}") for one in cuts))

    def restore(self, text: str, record: str | None) -> str:
        """See `Rewriter.restore`."""
        return restored(text, record)

    def record(self, text: str, urls: Sequence[str]) -> str:
        """See `Rewriter.record`."""
        cuts = (_Cut.of(text, place, url) for place, url in self._paired(text, urls))
        return injection.render_record(
            Replacement(placed=one.placed, original=text[one.start : one.end], before=one.before, after=one.after)
            for one in cuts
        )

    def record_name(self, filename: str) -> str:
        """See `Rewriter.record_name`."""
        return injection.record_name(filename)

    def redacted(self, text: str) -> str:
        """See `Rewriter.redacted`."""
        return redact_text(text)

    def _paired(self, text: str, urls: Sequence[str]) -> Iterator[tuple[Place, str]]:
        places = tuple(places_in(text, self._form_of))
        same_count(len(places), len(urls))
        return ((place, url) for place, url in zip(places, urls, strict=True) if url)


class _Cut(Struct, frozen=True):
    """What gives way, from and to, and what is written there. placed: the name of the file, unquoted."""

    start: int
    end: int
    before: str
    address: str
    after: str
    placed: str

    @classmethod
    def of(cls, text: str, place: Place, url: str) -> _Cut:
        """Return how ``place`` is rewritten. url: of the file, with its digest behind it for a commit."""
        address, _, digest = url.partition("#sha256=")
        path = unquote(urlsplit(address).path)
        string = place.string
        placed = posixpath.basename(path)
        match place.form:
            case Form.FILE:
                start, before, after = string.span[0], '"', '"'
            case Form.UV_ARCHIVE | Form.UV_EDGE | Form.UV_COMMIT:
                start, before, address, after = string.key[0], 'path = "', _escaped(path), '"'
                if place.form is Form.UV_COMMIT:
                    after += f' }}{_line_end(text)}sdist = {{ hash = "sha256:{digest}"'
            case Form.PYLOCK_COMMIT:
                between = text[string.table[1] : string.span[0]]
                start, before = string.table[0], f'archive{between}"'
                inline = "{" in between
                after = f'"{", " if inline else _line_end(text)}hashes.sha256 = "{digest}"'
            case Form.PDM_COMMIT:
                start, before = string.key[0], 'url = "'
                after = f'"{_line_end(text)}files = {_file_list(text, placed, digest)}'
            case Form.POETRY_ARCHIVE | Form.POETRY_COMMIT:
                found = _poetry(text, string)
                if found is None:  # it was there when the place was found
                    raise InputError("an address of poetry.lock is not where it was")
                start, address, after = found.start("files"), _escaped(path), '"'
                one = _NAMED.sub(lambda _: f'file = "{placed}"', found["files"])
                files = one if place.form is Form.POETRY_ARCHIVE else _file_list(text, placed, digest)
                before = f'{files}{found["between"]}"file"{found["before"]}"'
        return cls(start, string.span[1], before, address, after, placed)


_NAMED = re.compile(r'file = "[^"]*"')


def _file_list(text: str, name: str, digest: str) -> str:
    """Return one file as PDM and Poetry write the files of a package."""
    end = _line_end(text)
    return f'[{end}    {{file = "{name}", hash = "sha256:{digest}"}},{end}]'


def _escaped(path: str) -> str:
    """Return a text as a basic string of TOML has it; unlike JSON it takes a character as it is, but no DEL."""
    return json.dumps(path, ensure_ascii=False)[1:-1].replace("\x7f", "\\u007f")


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def placed_url(one: Placed) -> str:
    """Return the template of the address of a file, with the digest of a commit's behind it."""
    digest = f"#sha256={one.sha256}" if one.sha256 else ""
    return f"file://{OUTPUT_DIR}{_FOLDER}{quote(one.filename, safe='+!~')}{digest}"


def same_count(found: int, given: int) -> None:
    """Raise `InputError` where a lock has not as many addresses as were expected."""
    if found != given:
        raise InputError(
            f"the lock has {found} addresses, and {given} were expected",
            hint="the file has changed since it was read: run fetch-deps again",
        )
