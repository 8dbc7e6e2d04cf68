"""The date, the policy for files without upload time, and the digest of a frozen day, as settings write them."""

from __future__ import annotations

from datetime import datetime

from cachi2ish.core.as_of import HOW_TO_WRITE_DIGEST, DayDigests, MissingPolicy, PackageDates, parse_day_digest
from cachi2ish.core.cutoff import Cutoff, InvalidDateError
from cachi2ish.core.digests import InvalidDigestError
from cachi2ish.core.messages import did_you_mean
from cachi2ish.core.modes import Missing
from cachi2ish.core.urls import bare, redact, split_web
from cachi2ish.settings.flags import Source

_WORDS = tuple(one.value for one in Missing)


def default_dates(options: Source, file: Source, now: datetime) -> PackageDates:
    """Return what holds for packages that have no date of their own; raises `InputError`."""
    everywhere, by_index = _policies(options)
    if everywhere is None:
        # An option for all indexes is stronger than a line of the file for one.
        everywhere, in_file = _policies(file)
        by_index = {**in_file, **by_index}
    policy = MissingPolicy(everywhere or Missing.REFUSE, tuple(sorted(by_index.items(), key=str)))
    return PackageDates(
        _cutoff(options, now) or _cutoff(file, now), policy, digests=_digests(options) or _digests(file)
    )


def _cutoff(source: Source, now: datetime) -> Cutoff | None:
    text = source.flags.index_date
    if text is None:
        return None
    try:
        return Cutoff.parse(text, now)
    except InvalidDateError as error:
        raise source.error(f"{source.name('index_date')}: {error}", error.hint) from None


def _policies(source: Source) -> tuple[Missing | None, dict[str, Missing]]:
    everywhere: Missing | None = None
    by_index: dict[str, Missing] = {}
    for text in source.flags.index_date_missing:
        address, separator, word = text.rpartition("=")
        if separator:
            by_index[_address(address, source, "index_date_missing", "allow")] = _policy(word, source)
        else:
            everywhere = _policy(word, source)
    return everywhere, by_index


def _policy(word: str, source: Source) -> Missing:
    try:
        return Missing(word.strip().lower())
    except ValueError:
        problem = f"{source.name('index_date_missing')}: {redact(word)!r} is neither refuse nor allow"
        raise source.error(
            "; ".join(filter(None, (problem, did_you_mean(word, _WORDS)))),
            "write refuse or allow for all indexes, or https://host/simple/=allow for one",
        ) from None


def _digests(source: Source) -> DayDigests:
    everywhere, by_index = "", dict[str, str]()
    for text in source.flags.index_digest:
        address, separator, written = text.rpartition("=")
        try:
            digest = parse_day_digest(written)
        except InvalidDigestError as error:
            raise source.error(
                f"{source.name('index_digest')}: {redact(str(error))}", HOW_TO_WRITE_DIGEST
            ) from None
        if separator:
            by_index[_address(address, source, "index_digest", "sha256:…")] = digest
        elif everywhere not in ("", digest):
            raise source.error(
                f"{source.name('index_digest')}: two digests are given for all indexes",
                "write which index each one is for: https://host/2024-10-01/simple/=sha256:…",
            )
        else:
            everywhere = digest
    return DayDigests(everywhere, tuple(sorted(by_index.items())))


def _address(address: str, source: Source, setting: str, example: str) -> str:
    if split_web(address.strip()) is None:
        raise source.error(
            f"{source.name(setting)}: {redact(address)!r} is not the address of an index",
            f"name the index as --index-url does: https://host/simple/={example}",
        )
    return bare(address)
