"""TOML of somebody else, read by the standard library, which needs a bound on the length of keys."""

from __future__ import annotations

import re
import tomllib
from typing import Any

#: Parts of a dotted key. A megabyte of one key takes hours to read; people write four.
MOST_PARTS = 100

#: What has no end is kept as a whole: otherwise each of its quotes would be tried as a beginning.
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|(?P<endless>"(?:[^"\\\n]|\\.)*)|\'[^\'\n]*\'')
_NO_KEY = re.compile(r"[\r\n,=\[\]{}#]+")
_BLANKS = str.maketrans("", "", " \t")


def read_toml(text: str) -> dict[str, Any]:
    """Return the document; raises `tomllib.TOMLDecodeError`, and `RecursionError` for lists in lists in lists."""
    plain = _STRING.sub(r"x\g<endless>", text).translate(_BLANKS)
    # Two dots beside each other are prose in a text of several lines, and no key.
    if any(word.count(".") >= MOST_PARTS and ".." not in word for word in _NO_KEY.split(plain)):
        raise tomllib.TOMLDecodeError(f"a key has more than {MOST_PARTS} parts")
    return tomllib.loads(text)
