"""Other words for everything that is said, so that what hangs on the old ones shows itself."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from cachi2ish.advice import Hint
from cachi2ish.cli.display import hints
from cachi2ish.core.choose import explain
from cachi2ish.errors import Cachi2ishError


def other(text: str) -> str:
    """Return ``text`` in letters that no rule looks for; different texts stay different."""
    return codecs.encode(text, "rot13")


@contextmanager
def reworded() -> Iterator[None]:
    """Number the reasons, the warnings and the hints, and write each problem in other letters."""
    reasons = {
        reason: type(words)(f"<{number}>", words.hint)
        for number, (reason, words) in enumerate(explain.WORDS.items())
    }
    warnings = {kind: f"<{number}>" for number, kind in enumerate(explain.WARNINGS)}
    numbered = {hint: f"<{number}>" for number, hint in enumerate(Hint)}
    make = Cachi2ishError.__init__

    def make_in_other_words(self: Cachi2ishError, problem: str, **fields: Any) -> None:
        hint = fields.get("hint")
        if hint is not None and not isinstance(hint, Hint):
            fields["hint"] = other(hint)
        make(self, other(problem), **fields)

    with (
        patch.object(explain, "WORDS", reasons),
        patch.object(explain, "WARNINGS", warnings),
        patch.object(hints, "WORDS", numbered),
        patch.object(Cachi2ishError, "__init__", make_in_other_words),
    ):
        yield
