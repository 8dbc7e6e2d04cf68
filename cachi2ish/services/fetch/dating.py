"""Which date holds for which requirement: the input's before the settings', a project's before its package's."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from datetime import datetime

from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from cachi2ish.advice import Hint
from cachi2ish.core.as_of import HOW_TO_WRITE_DIGEST, DayDigests, MissingPolicy, PackageDates, parse_day_digest
from cachi2ish.core.cutoff import Cutoff, InvalidDateError
from cachi2ish.core.digests import InvalidDigestError
from cachi2ish.core.modes import Missing
from cachi2ish.core.requirements import Pinned
from cachi2ish.errors import Cachi2ishError, InputError, raise_all
from cachi2ish.lockfiles.interface import Lock
from cachi2ish.services.fetch.input.package_input import PackageInput
from cachi2ish.services.progress import Reporter


def dates_of(package: PackageInput, place: str, default: PackageDates, now: datetime) -> PackageDates:
    """Return the dates of a package; raises all that is wrong with them at once.

    place: the package's, for messages. default: what the settings say. now: what durations count back from.
    """
    errors: list[Cachi2ishError] = []
    cutoff = default.cutoff
    if package.index_date is not None:
        try:
            cutoff = _cutoff(package.index_date, f"{place}.index_date", now)
        except InputError as error:
            errors.append(error)
    overrides: dict[NormalizedName, Cutoff | None] = {}
    for name, date in (package.index_date_overrides or {}).items():
        where = f"{place}.index_date_overrides.{name}"
        try:
            project = _project(name, where, overrides)
            overrides[project] = None  # named, whatever becomes of its date
            overrides[project] = _cutoff(date, where, now)
        except InputError as error:
            errors.append(error)
    digests = default.digests
    if package.index_digest is not None:
        try:
            digests = _digests(package.index_digest, f"{place}.index_digest")
        except InputError as error:
            errors.append(error)
    raise_all(errors)
    missing = package.index_date_missing
    return PackageDates(
        cutoff=cutoff,
        missing=default.missing if missing is None else MissingPolicy(Missing(missing)),
        overrides=tuple(sorted(overrides.items(), key=lambda item: item[0])),
        digests=digests,
    )


def _cutoff(date: object, place: str, now: datetime) -> Cutoff | None:
    if not isinstance(date, str):  # false
        return None
    try:
        return Cutoff.parse(date, now)
    except InvalidDateError as error:
        raise InputError(f"{place}: {error}", hint=error.hint) from None


def _digests(text: object, place: str) -> DayDigests:
    if not isinstance(text, str):  # false
        return DayDigests()
    try:
        return DayDigests(parse_day_digest(text))
    except InvalidDigestError as error:
        raise InputError(f"{place}: {error}", hint=HOW_TO_WRITE_DIGEST) from None


def _project(name: str, place: str, known: Container[NormalizedName]) -> NormalizedName:
    try:
        project = canonicalize_name(name, validate=True)
    except InvalidName:
        raise InputError(f"{place}: {name!r} is not the name of a project", hint="give its name only") from None
    if project in known:
        raise InputError(f"{place} names {project} a second time", hint="state one date for a project")
    return project


def how_to_pin(error: Cachi2ishError, dates: PackageDates, folder: str) -> Cachi2ishError:
    """Return the error, that of an unpinned requirement with the command that pins as of the dates of its package.

    folder: of the package, relative to the source, as the file of the error is. uv and we compare alike: what was
    uploaded at the instant is no longer there.
    """
    if error.hint is not Hint.PIN_EXACTLY or error.origin is None or not dates.declared:
        return error
    file = error.origin.file
    stem, suffix = posixpath.splitext(file)
    written = f"{stem}.txt" if suffix == ".in" else f"{stem}.lock.txt"
    words = ["uv", "pip", "compile", "--universal", "--generate-hashes"]
    words += ["--exclude-newer", str(dates.cutoff)] if dates.cutoff else []
    for project, cutoff in dates.overrides:
        words += ["--exclude-newer-package", f"{project}={cutoff or 'false'}"]
    import shlex  # noqa: PLC0415  (for this error alone)

    command = shlex.join([*words, "--output-file", written, file])
    named = json.dumps(posixpath.relpath(written, folder), ensure_ascii=False)
    return error.reworded(
        error.problem,
        f'pin it, as of its date: run `{command}`, and name what it writes: "requirements_files": [{named}]',
    )


def unused_overrides(dates: PackageDates, place: str, locks: Iterable[Lock]) -> Iterator[str]:
    """Yield a warning for each project with a date of its own that no pinned requirement asks for."""
    pinned = {one.project for lock in locks for one in lock.requirements if isinstance(one, Pinned)}
    for project, _ in dates.overrides:
        if project not in pinned:
            yield f"{place}.index_date_overrides: no pinned requirement is called {project}"


def unused_policies(policy: MissingPolicy, indexes: Iterable[str]) -> Iterator[str]:
    """Yield a warning for each index that the policy on missing upload times names, and that is not asked.

    indexes: the addresses of those that are, as `cachi2ish.core.urls.bare` makes them.
    """
    known = set(indexes)
    for address, _ in policy.by_index:
        if address not in known:
            yield f"--index-date-missing names {address}, which is none of the indexes that are asked"


def refuse_unused_digests(digests: DayDigests, indexes: Collection[str]) -> None:
    """Raise `InputError` where a digest of a day names an index that is not asked: it would prove nothing.

    indexes: the addresses of those that are, as `cachi2ish.core.urls.bare` makes them; empty where none is.
    """
    for address, _ in digests.by_index:
        if indexes and address not in indexes:
            raise InputError(
                f"--index-digest names {address}, which is none of the indexes that are asked",
                hint=f"the indexes are {' and '.join(sorted(indexes))}",
            )


def announce(dates: Sequence[tuple[str, PackageDates]], now: datetime, reporter: Reporter) -> None:
    """Tell which instants hold, and warn of those that are still to come. dates: by the package's path."""
    lines: dict[str, None] = {}
    future: dict[Cutoff, None] = {}
    several = len({one for _, one in dates}) > 1
    for path, one in dates:
        if not one.declared:
            continue
        place = f" for the package at {path!r}" if several else ""
        lines[f"index date{place}: {_effect(one.cutoff)}"] = None
        lines |= {f"index date for {project}{place}: {_effect(cutoff)}": None for project, cutoff in one.overrides}
        cutoffs = (one.cutoff, *(cutoff for _, cutoff in one.overrides))
        future |= {cutoff: None for cutoff in cutoffs if cutoff is not None and cutoff.instant > now}
    for line in lines:
        reporter.info(line)
    for cutoff in future:
        reporter.warning(
            f"the index date {cutoff.declared} ends at {cutoff}, which is still to come: what is uploaded until"
            " then counts too, so that a later run may fetch other files"
        )


def _effect(cutoff: Cutoff | None) -> str:
    if cutoff is None:
        return "none, files of any time count"
    return f"{cutoff.declared}, that is, files uploaded before {cutoff} count"
