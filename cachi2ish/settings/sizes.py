"""Numbers of bytes as people write them."""

from __future__ import annotations

import re

from cachi2ish.core.messages import excerpt

_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*(?:([kmgt])(i)?)?b?", re.IGNORECASE | re.ASCII)

_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_SI = 1000
_BINARY = 1024


class InvalidSizeError(ValueError):
    """The text is no number of bytes. ``str()``: the problem, as a sentence; hint: what to write instead."""

    hint = "write a number with a unit: 500MB, 5GB (powers of 1000) or 5GiB (powers of 1024)"


def parse_size(text: str) -> int:
    """Return a number of bytes: ``5GB``, ``1.5 TB`` (powers of 1000), ``512MiB`` (powers of 1024), ``1000B``.

    The ``B`` may be left out behind another letter, and capitals make no difference: ``5g`` is ``5GB``. A number
    alone, of which nobody knows what it counts, is refused, unless it is zero. Raises `InvalidSizeError`.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise InvalidSizeError(f"{excerpt(text.strip())!r} is not a size")
    if found[0].rstrip()[-1].isdigit() and float(found[1]):
        raise InvalidSizeError(f"{excerpt(text.strip())!r} has no unit")
    power = _POWERS[(found[2] or "").lower()]
    base = _BINARY if found[3] else _SI
    whole, _, fraction = found[1].partition(".")
    # In whole numbers: a float would lose bytes.
    return int(int(whole + fraction) * base**power // 10 ** len(fraction))
