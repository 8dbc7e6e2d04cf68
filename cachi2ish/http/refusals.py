"""Why a server refuses, in its own words, fit to be shown: a problem (RFC 9457), else the phrase of the status."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from msgspec import Struct

from cachi2ish.core.urls import redact, redact_text

_PROBLEM = "application/problem+json"

#: The first status that refuses.
_REFUSES = 400

#: Characters that are shown.
_LONGEST = 300


class _Problem(Struct, frozen=True, kw_only=True):
    detail: str = ""


def refusal_of(status: int, phrase: str, headers: Mapping[str, str], body: bytes = b"") -> str:
    """Return the server's own words, as a sentence without its final stop; empty where it says no more than usual.

    phrase: of the status line. headers: names in lower case.
    """
    if status < _REFUSES:
        return ""
    if headers.get("content-type", "").partition(";")[0].strip().lower() == _PROBLEM:
        try:
            detail = msgspec.json.decode(body, type=_Problem).detail
        except (ValueError, RecursionError):
            detail = ""
        if detail.strip():
            return _shown(detail)
    return "" if phrase.casefold() == _usual_phrase(status).casefold() else _shown(phrase)


def said(status: int, phrase: str) -> str:
    """Return a status as a person reads it, such as ``HTTP 404 (Not Found)``."""
    words = refusal_of(status, phrase, {}) or _usual_phrase(status)
    return f"HTTP {status} ({words})" if words else f"HTTP {status}"


def _usual_phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _shown(text: str) -> str:
    line = " ".join(redact(redact_text(word)) for word in text.split())
    line = "".join(letter if letter.isprintable() else "?" for letter in line).rstrip(". ")
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."
