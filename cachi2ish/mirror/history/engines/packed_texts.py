"""Texts of which most are the same sixty-four digits with something around them: the digits alone are kept.

A history has millions of each. What is not as PyPI writes it is kept as it is, and so is what was written before:
what is packed begins with an equals sign, and has 44 characters.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from base64 import urlsafe_b64encode
from binascii import a2b_base64

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

_PACKED = 44

_PLACE = re.compile("packages/([0-9a-f]{2})/([0-9a-f]{2})/([0-9a-f]{60})/")
_DIGEST = re.compile('{"sha256":"([0-9a-f]{64})"}')

#: From the letters of addresses to those of base64.
_PLAIN = str.maketrans("-_", "+/")


class Packed(TypeDecorator[str]):
    """A text of which the digits alone are kept."""

    impl = Text

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002  (as it is called)
        """Return what the database gets."""
        digits = None if value is None else self._digits(value)
        if digits is None:
            return value
        return f"={urlsafe_b64encode(bytes.fromhex(digits)).decode()[:43]}"

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002  (as above)
        """Return what was written down."""
        if value is None or len(value) != _PACKED or value[0] != "=" or value[-1] in "/#":
            return value
        return self._text(a2b_base64(value[1:].translate(_PLAIN) + "=").hex())

    @abstractmethod
    def _digits(self, text: str) -> str | None:
        """Return the digits; None for a text that is of another kind."""

    @abstractmethod
    def _text(self, digits: str) -> str:
        """Return the text around the digits."""


class Place(Packed):
    """The path of a file's address without the name: on PyPI a digest in three parts."""

    cache_ok = True

    def _digits(self, text: str) -> str | None:
        found = _PLACE.fullmatch(text)
        return None if found is None else "".join(found.groups())

    def _text(self, digits: str) -> str:
        return f"packages/{digits[:2]}/{digits[2:4]}/{digits[4:]}/"


class Digests(Packed):
    """Digests as JSON: a sha256 alone, nearly always."""

    cache_ok = True

    def _digits(self, text: str) -> str | None:
        found = _DIGEST.fullmatch(text)
        return None if found is None else found[1]

    def _text(self, digits: str) -> str:
        return f'{{"sha256":"{digits}"}}'
