"""The date, and what becomes of files without upload time, as options and the configuration file say it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from cachi2ish.core.as_of import Missing, MissingPolicy, PackageDates
from cachi2ish.core.cutoff import Cutoff, InvalidDateError
from cachi2ish.core.messages import did_you_mean
from cachi2ish.core.urls import bare, redact, split_web
from cachi2ish.errors import InputError, Origin, UsageError
from cachi2ish.settings.config_file import ConfigFile

_OPTION = "--index-date-missing"
_WORDS = tuple(one.value for one in Missing)


def default_dates(
    date: str | None, missing: Iterable[str], stated: ConfigFile, file: Path, now: datetime
) -> PackageDates:
    """Return what holds for packages that state no date of their own; raises `InputError`.

    date, missing: the options, which are stronger; what they cannot be is a `UsageError`. stated: the
    configuration file, read from ``file``.
    """
    origin = Origin(str(file))
    cutoff = None
    if date is not None:
        cutoff = _cutoff(date, "--index-date", None, now)
    elif stated.index_date is not None:
        cutoff = _cutoff(stated.index_date, "index-date", origin, now)
    said, by_index = _of_options(missing)
    if said is None:
        # What the options say of all indexes is stronger than what the file says of one.
        said, in_file = _of_file(stated, origin)
        by_index = {**in_file, **by_index}
    return PackageDates(cutoff, MissingPolicy(said or Missing.REFUSE, tuple(sorted(by_index.items(), key=str))))


def _cutoff(text: str, place: str, origin: Origin | None, now: datetime) -> Cutoff:
    try:
        return Cutoff.parse(text, now)
    except InvalidDateError as error:
        kind = UsageError if origin is None else InputError
        raise kind(f"{place}: {error}", hint=error.hint, origin=origin) from None


def _of_options(texts: Iterable[str]) -> tuple[Missing | None, dict[str, Missing]]:
    everywhere: Missing | None = None
    by_index: dict[str, Missing] = {}
    for text in texts:
        address, separator, word = text.rpartition("=")
        if separator:
            by_index[_address(address, None)] = _missing(word)
        else:
            everywhere = _missing(word)
    return everywhere, by_index


def _of_file(stated: ConfigFile, origin: Origin) -> tuple[Missing | None, dict[str, Missing]]:
    said = stated.index_date_missing
    if isinstance(said, dict):
        return None, {_address(address, origin): Missing(word) for address, word in said.items()}
    return (None if said is None else Missing(said)), {}


def _missing(word: str) -> Missing:
    try:
        return Missing(word.strip().lower())
    except ValueError:
        problem = f"{_OPTION}: {redact(word)!r} is neither refuse nor allow"
        raise UsageError(
            "; ".join(filter(None, (problem, did_you_mean(word, _WORDS)))),
            hint="write refuse or allow for all indexes, or https://host/simple/=allow for one",
        ) from None


def _address(address: str, origin: Origin | None) -> str:
    if split_web(address.strip()) is None:
        place = _OPTION if origin is None else _OPTION.lstrip("-")
        kind = UsageError if origin is None else InputError
        raise kind(
            f"{place}: {redact(address)!r} is not the address of an index",
            hint="name the index as --index-url does: https://host/simple/=allow",
            origin=origin,
        )
    return bare(address)
