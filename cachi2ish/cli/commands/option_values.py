"""The values that options have: each is refused with what was given, what is wanted, and what was meant.

What cannot be a value of an option is a matter of usage (exit status 2), as an unknown option is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import TypeVar

import typer

from cachi2ish.core.messages import did_you_mean, excerpt

_EMPTY = "it is empty; is a variable not set?"

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
            problem = f"{excerpt(str(text))!r} is not one of {', '.join(words)}"
            raise typer.BadParameter("; ".join(filter(None, (problem, did_you_mean(word, words)))))
        return known[word]

    return read


def metavar(choices: type[Enum]) -> str:
    """Return what stands for one of ``choices`` in the help."""
    return f"<{'|'.join(one.value for one in choices)}>"


def whole_number(least: int, most: int) -> Callable[[str | int], int]:
    """Return what reads a whole number from ``least`` to ``most``."""

    def read(text: str | int) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise typer.BadParameter(f"{excerpt(str(text))!r} is not a whole number from {least} to {most}")
        return number

    return read
