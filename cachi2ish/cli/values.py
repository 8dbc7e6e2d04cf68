"""The values that options have: each is refused with what was given, what is wanted, and what was meant.

What cannot be a value of an option is a matter of usage (exit status 2), as an unknown option is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import TypeVar

import typer

_EMPTY = "it is empty; is a variable not set?"

#: So alike is a word to the one that was meant.
_ALIKE = 0.4

_Choice = TypeVar("_Choice", bound=Enum)


def path_of(text: str | Path) -> Path:
    """Return the path that was given; a tilde that the shell left as it is stands for the home directory."""
    if not str(text):
        raise typer.BadParameter(_EMPTY)
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise typer.BadParameter(f"{text}: {error}") from None


def place(text: str) -> str:
    """Return a place in the build's file system, whose home directory is not known here: no tilde is expanded."""
    if not text:
        raise typer.BadParameter(_EMPTY)
    return text


def one_of(
    choices: type[_Choice], synonyms: Mapping[str, _Choice] | None = None
) -> Callable[[str | _Choice], _Choice]:
    """Return what reads one of ``choices`` by its value, in capitals or not; none has an empty value to give.

    synonyms: what else may be said, in small letters.
    """
    words: dict[str, _Choice] = {one.value: one for one in choices if one.value}
    known = {**words, **(synonyms or {})}

    def read(text: str | _Choice) -> _Choice:
        if isinstance(text, choices):
            return text
        word = str(text).strip().lower()
        if not word:
            raise typer.BadParameter(_EMPTY)
        if word not in known:
            raise typer.BadParameter(f"{text!r} is not one of {', '.join(words)}{did_you_mean(word, words)}")
        return known[word]

    return read


def whole_number(least: int, most: int) -> Callable[[str | int], int]:
    """Return what reads a whole number from ``least`` to ``most``."""

    def read(text: str | int) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise typer.BadParameter(f"{str(text)[:100]!r} is not a whole number from {least} to {most}")
        return number

    return read


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Return a question to add to what is wrong with ``word``, empty where it is like none of ``words``."""
    stated = tuple(words)
    begun = [one for one in stated if word and one.startswith(word)]
    near = begun[:1] or get_close_matches(word, stated, n=1, cutoff=_ALIKE)
    return f"; did you mean {near[0]}?" if near else ""


def told_whole(error: typer.BadParameter) -> typer.BadParameter:
    """Return ``error`` with what the library has left out: the value that was given, or what is missing."""
    if not error.message:  # an argument is missing
        error.message = getattr(error.param, "help", None) or ""
        return error
    details: Callable[[], list[Mapping[str, object]]] | None = getattr(error.__cause__, "errors", None)
    for detail in details()[:1] if details else ():
        given = repr(str(detail["input"])[:100])
        if detail["type"] == "bool_parsing":
            error.message = f"{given} is neither true nor false"
        elif given not in error.message:
            error.message = f"{given}: {error.message}"
    return error
