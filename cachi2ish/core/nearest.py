"""What somebody probably meant who wrote a word that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

#: So alike is a word to the one that was meant, where 1 is the same: with less, ``amd64`` would be ``armv6l``.
_ALIKE = 0.6


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "", *, most: int = 1, begin: str = "") -> str:
    """Return a question that names what ``word`` is most like, or begins; ``otherwise`` where there is nothing.

    most: words to name. begin: what stood before ``word``, which each of ``known`` needs before it as well.
    """
    word = word.lower()
    words = {one.lower(): one for one in known}
    begun = [one for one in words if word and one.startswith(word)]
    near = list(dict.fromkeys([*begun[:1], *get_close_matches(word, words, n=most, cutoff=_ALIKE)]))
    meant = " or ".join(repr(f"{begin}{words[one]}") for one in near[:most])
    return f"did you mean {meant}?" if meant else otherwise
