"""Fills the templates: all that comes from outside is escaped, and nothing is asked of anywhere else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

_ROOM = __name__.rpartition(".")[0]

#: Sizes are shown in powers of this (SI).
_KILO = 1000

#: Stands in a table for a value that there is not.
_NOTHING = "\N{EN DASH}"

_STATIC = ("style.css", "mark.svg")

#: What a page may load: its own style sheet and its own mark; no script, no frame, no form to anywhere else.
CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)


#: Characters of a reason, or of anything else that an upstream may write at any length, on a page.
_LONGEST_WORDS = 200


class Templates:
    """The templates of this room, and the files that they need."""

    def __init__(self) -> None:
        """Read the files. Their names have a digest, so that they may be kept for ever."""
        self.files: dict[str, bytes] = {}
        named: dict[str, str] = {}
        for name in _STATIC:
            content = files(_ROOM).joinpath("static", name).read_bytes()
            stem, _, suffix = name.rpartition(".")
            named[name] = f"{stem}-{hashlib.sha256(content).hexdigest()[:16]}.{suffix}"
            self.files[named[name]] = content
        self._environment = Environment(
            loader=PackageLoader(_ROOM),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals.update(static=named, query=query)
        self._environment.filters.update(size=readable_size, day=day, minute=minute, segment=segment, short=short)

    def fill(self, template: str, root: str, content: Mapping[str, Any]) -> bytes:
        """Return a page. root: the way from it to the root of the mirror, empty or with a slash at its end.

        ``head_only`` in the content: return how it begins, up to its heading.
        """
        return (
            self._environment.get_template(template)
            .render(**{"root": root, "head_only": False, **content})
            .encode()
        )

    def compile(self) -> None:
        """Read all templates, which the first request for each would have to wait for."""
        for name in self._environment.list_templates(extensions=["html"]):
            self._environment.get_template(name)


def readable_size(size: float | None) -> str:
    """Return a number of bytes for people."""
    if size is None:
        return _NOTHING
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if round(amount, 1) < _KILO:
            return f"{amount:.{0 if unit == 'B' else 1}f} {unit}"
        amount /= _KILO
    return f"{amount:.1f} TB"


def day(text: str | None) -> str:
    """Return the day of an instant."""
    return _NOTHING if text is None else text[:10]


def minute(text: str | None) -> str:
    """Return an instant to the minute, UTC."""
    return "never" if text is None else f"{text[:10]} {text[11:16]}"


def short(text: str) -> str:
    """Return what an upstream says, or its beginning and three dots: its twin has all of it."""
    return text if len(text) <= _LONGEST_WORDS else f"{text[: _LONGEST_WORDS - 1]}…"


def segment(text: str) -> str:
    """Return a text as a segment of a path."""
    return quote(text, safe="")


def query(**fields: object) -> str:
    """Return the query of an address, with its question mark; empty and missing fields are left out."""
    given = {name: value for name, value in fields.items() if value not in {None, ""}}
    return f"?{urlencode(given, safe=':,')}" if given else ""
