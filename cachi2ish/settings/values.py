"""How settings are written: their names, and their values as text in an option or a variable, and in TOML.

Any other value raises `InvalidValueError`: for a text, with the text, what is wanted, and what was probably meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar, dataclass_transform

from cachi2ish.core.messages import did_you_mean, excerpt

#: What the variables of settings begin with.
OWN_VARIABLES = "CACHI2ISH_"

_EMPTY = "it is empty; is a variable not set?"

_Choice = TypeVar("_Choice", bound=Enum)


class InvalidValueError(ValueError):
    """This is no value of a setting. ``str()``: the problem, as a sentence; hint: what to write instead."""

    def __init__(self, problem: str = "", hint: str = "") -> None:
        super().__init__(problem)
        self.hint = hint


class Setting(NamedTuple):
    """How a setting is written.

    help: the option's. option: its name without hyphens, where that is not the key: one command alone has it.
    metavar: what stands for its value there; empty for an option without one.
    parse: reads the text of an option or a variable; raises `InvalidValueError`.
    negatable: whether ``--no-…`` takes it back. repeatable: whether there may be several.
    variable: whether there is a variable. any_command: the option stands before every command, too; there the
    variable is read, so that it is weaker than either.
    never_empty: whether an empty variable is refused, and not passed over: less would be checked than was meant.
    toml: reads a value of the configuration file; None where the file has no such key.
    wanted: what the file takes, in words.
    """

    help: str
    option: str = ""
    metavar: str = ""
    parse: Callable[[str], Any] = str
    negatable: bool = False
    repeatable: bool = False
    variable: bool = True
    never_empty: bool = False
    any_command: bool = False
    toml: Callable[[object], bool | str | tuple[str, ...] | None] | None = None
    wanted: str = ""


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Values:
    """Values of settings by name, which are fields as in a dataclass; what is not given is as in the class.

    Not a dataclass: that takes three milliseconds for `Flags`, which each run and ``--help`` would wait for. Its
    ``repr`` shows no value, since addresses may hold passwords. A module with such a class does without
    `annotations` from `__future__`, as `cachi2ish.settings.flags.SETTINGS` needs objects, no text.
    """

    def __init__(self, **values: Any) -> None:  # noqa: ANN401  (mypy knows the fields)
        unknown = [name for name in values if not hasattr(type(self), name)]
        if unknown:
            raise TypeError(f"there is no {' and no '.join(unknown)}")
        vars(self).update(values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name} does not change")

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in vars(self).keys() | vars(other))

    __hash__ = None  # type: ignore[assignment]  # nobody asks for it

    def replaced(self, **values: Any) -> Self:  # noqa: ANN401  (as above)
        """Return the same with other values."""
        return type(self)(**{**vars(self), **values})


def key_of(name: str) -> str:
    """Return the key of a setting in the configuration file; the option has two hyphens before it."""
    return name.replace("_", "-")


def variable_of(name: str) -> str:
    """Return the variable of a setting."""
    return f"{OWN_VARIABLES}{name.upper()}"


# Texts.


def path_of(text: str | Path) -> Path:
    """Return the path that was given; a tilde that the shell left as it is stands for the home directory."""
    if not str(text):
        raise InvalidValueError(_EMPTY)
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise InvalidValueError(f"{text}: {error}") from None


def not_empty(text: str) -> str:
    """Return the text that was given, such as a place that is a path or an address."""
    if not text:
        raise InvalidValueError(_EMPTY)
    return text


def path_in_build(text: str) -> str:
    """Return a path in the build's file system, whose home directory is not known here: no tilde is expanded."""
    if not text:
        raise InvalidValueError(_EMPTY)
    return text


def one_of(
    choices: type[_Choice], synonyms: Mapping[str, _Choice] | None = None, hints: Mapping[str, str] | None = None
) -> Callable[[str | _Choice], _Choice]:
    """Return what reads one of ``choices`` by its value, in capitals or not.

    synonyms: other words for them, in small letters. hints: what to write instead of words that others have.
    """
    words: dict[str, _Choice] = {one.value: one for one in choices}
    known = {**words, **(synonyms or {})}

    def read(text: str | _Choice) -> _Choice:
        if isinstance(text, choices):
            return text
        word = str(text).strip().lower()
        if not word:
            raise InvalidValueError(_EMPTY)
        if word not in known:
            problem = f"{excerpt(str(text))!r} is not one of {', '.join(words)}"
            hint = (hints or {}).get(word) or did_you_mean(word, words)
            raise InvalidValueError("; ".join(filter(None, (problem, hint))))
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
            raise InvalidValueError(f"{excerpt(str(text))!r} is not a whole number from {least} to {most}")
        return number

    return read


_SIZE = r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*(?:([kmgt])(i)?)?b?"
_SIZE_HINT = "write a number with a unit: 500MB, 5GB (powers of 1000) or 5GiB (powers of 1024)"
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_SI = 1000
_BINARY = 1024


def parse_size(text: str) -> int:
    """Return a number of bytes: ``5GB``, ``1.5 TB`` (powers of 1000), ``512MiB`` (powers of 1024), ``1000B``.

    The ``B`` may be left out behind another letter, and capitals make no difference: ``5g`` is ``5GB``. A number
    alone, of which nobody knows what it counts, is refused, unless it is zero.
    """
    found = re.fullmatch(_SIZE, text.strip(), re.IGNORECASE | re.ASCII)
    if found is None:
        raise InvalidValueError(f"{excerpt(text.strip())!r} is not a size", _SIZE_HINT)
    if found[0].rstrip()[-1].isdigit() and float(found[1]):
        raise InvalidValueError(f"{excerpt(text.strip())!r} has no unit", _SIZE_HINT)
    power = _POWERS[(found[2] or "").lower()]
    base = _BINARY if found[3] else _SI
    whole, _, fraction = found[1].partition(".")
    # In whole numbers: a float would lose bytes.
    return int(int(whole + fraction) * base**power // 10 ** len(fraction))


def parse_epoch(text: str) -> datetime:
    """Return the instant that is a number of seconds after 1970, UTC."""
    try:
        seconds = int(text) if text.isascii() and text.isdecimal() else -1
        if seconds >= 0:
            return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise InvalidValueError(
        f"{text!r}, which is not a number of seconds since 1970",
        "set it to the output of: git log -1 --format=%ct",
    )


# Values of TOML: each becomes the text of an option. None: unset.


def toml_text(value: object) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise InvalidValueError
    return value


def toml_text_or_none(value: object) -> str | None:
    """Return a text; an empty one is unset."""
    return toml_text(value) or None


def toml_texts(value: object) -> tuple[str, ...]:
    """Return the texts of a list, or the one that needs no brackets."""
    return tuple(toml_text(one) for one in (value if isinstance(value, list) else [value]))


def toml_date(value: object) -> str:
    """Return a date or an instant, which TOML has without quotation marks, or what is written as text."""
    return value.isoformat() if isinstance(value, date | datetime) else toml_text(value)


def toml_number(value: object) -> str:
    """Return a whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidValueError
    return str(value)


def toml_boolean(value: object) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise InvalidValueError
    return value


def toml_pairs(value: object) -> tuple[str, ...]:
    """Return the texts of a table as ``key=text``."""
    if not isinstance(value, dict):
        raise InvalidValueError
    return tuple(f"{key}={toml_text(text)}" for key, text in value.items())


def toml_text_or_pairs(value: object) -> tuple[str, ...]:
    """Return a text, or those of a table as ``key=text``."""
    return toml_pairs(value) if isinstance(value, dict) else (toml_text(value),)


def toml_words(words: type[Enum]) -> Callable[[object], tuple[str, ...]]:
    """Return what reads one of ``words``, or a table of them, as ``word`` and ``key=word``."""
    known = {one.value for one in words}

    def word_of(value: object) -> str:
        if toml_text(value) not in known:
            raise InvalidValueError
        return toml_text(value)

    def read(value: object) -> tuple[str, ...]:
        if isinstance(value, dict):
            return tuple(f"{key}={word_of(word)}" for key, word in value.items())
        return (word_of(value),)

    return read
