"""From a requirement and a project page to the files to fetch, and for every other file the reason why not.

Pure: the same page, requirement and policy give the same choice. Each reason is one small check; what passes
all of them is put into an order of preference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from packaging.version import InvalidVersion, Version

from cachi2ish.core.digests import comparable, strong
from cachi2ish.core.distributions import (
    SDIST_EXTENSIONS,
    SdistName,
    WheelName,
    has_local_label,
    is_wheel,
    plain_name,
    read_name,
    same_version,
)
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.core.requirements import FormatControl, Formats, Pinned
from cachi2ish.errors import UnavailableError

#: How many wheels or versions an error message lists before it says how many more there are.
_LISTED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the user allows. wheels: `allow_binary`; formats: what the requirements file says on top of it."""

    wheels: bool = False
    formats: FormatControl = field(default_factory=FormatControl)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file of the pinned version that is not taken, and why, as the end of "not taken: …"."""

    filename: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What one requirement becomes. files: at most one sdist, first; then wheels by name."""

    requirement: Pinned
    index: str
    files: tuple[IndexFile, ...]
    refused: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A file of the pinned version, with what its name says."""

    file: IndexFile
    name: SdistName | WheelName

    @property
    def is_sdist(self) -> bool:
        return isinstance(self.name, SdistName)

    @property
    def preference(self) -> tuple[bool, int, str]:
        rank = SDIST_EXTENSIONS.index(self.name.extension) if isinstance(self.name, SdistName) else 0
        return self.file.yanked, rank, self.file.filename


def choose(requirement: Pinned, page: Page, policy: Policy) -> Choice:
    """Choose the files for ``requirement``; raises `UnavailableError` where none may be taken."""
    if page.status == "quarantined":
        because = f": {page.status_reason}" if page.status_reason else ""
        raise UnavailableError(
            f"{requirement} is quarantined on {page.index}{because}",
            hint="the index suspects the project of being malicious (PEP 792); remove it or replace it",
            origin=requirement.origin,
        )
    candidates = _of_the_version(requirement, page)
    accepted: list[_Candidate] = []
    refused: list[Refusal] = []
    for candidate in candidates:
        reason = next(filter(None, (check(candidate, requirement, policy) for check in _CHECKS)), None)
        if reason is None:
            accepted.append(candidate)
        else:
            refused.append(Refusal(candidate.file.filename, reason))
    sdists = sorted((c for c in accepted if c.is_sdist), key=lambda c: c.preference)
    wheels = sorted((c for c in accepted if not c.is_sdist), key=lambda c: c.file.filename)
    taken = (*sdists[:1], *wheels)
    if not taken:
        raise _nothing_to_take(requirement, page, candidates, refused)
    refused.extend(Refusal(other.file.filename, f"{taken[0].file.filename} is preferred") for other in sdists[1:])
    return Choice(
        requirement=requirement,
        index=page.index,
        files=tuple(candidate.file for candidate in taken),
        refused=tuple(sorted(refused, key=lambda refusal: refusal.filename)),
        warnings=tuple(_yanked(taken)),
    )


def _of_the_version(requirement: Pinned, page: Page) -> tuple[_Candidate, ...]:
    found: dict[str, _Candidate] = {}
    for file in page.files:
        name = read_name(file.filename, requirement.project)
        if name and same_version(name.version, requirement.version, arbitrary=requirement.arbitrary):
            found.setdefault(file.filename, _Candidate(file, name))
    return tuple(_exact_local(found.values(), requirement))


def _exact_local(candidates: Iterable[_Candidate], requirement: Pinned) -> Iterable[_Candidate]:
    # "==1.0" matches "1.0+cpu" too (PEP 440), and pip then takes the highest. A prefetch that took all of
    # them would mix builds: where the plain version exists, only it is meant.
    everything = tuple(candidates)
    plain = tuple(c for c in everything if not has_local_label(c.name.version))
    return plain if plain and "+" not in requirement.version else everything


def _unsafe(candidate: _Candidate, _requirement: Pinned, _policy: Policy) -> str | None:
    return None if plain_name(candidate.file.filename) else "its name cannot be used as a file name"


def _wheels_not_allowed(candidate: _Candidate, _requirement: Pinned, policy: Policy) -> str | None:
    return None if candidate.is_sdist or policy.wheels else "wheels are not allowed (allow_binary)"


def _other_format(candidate: _Candidate, requirement: Pinned, policy: Policy) -> str | None:
    permitted = policy.formats.permits(requirement.project)
    if permitted is Formats.WHEELS and candidate.is_sdist:
        return "the requirements file takes wheels only here (--only-binary)"
    if permitted is Formats.SDISTS and not candidate.is_sdist:
        return "the requirements file takes sdists only here (--no-binary)"
    return None


def _not_in_lock(candidate: _Candidate, requirement: Pinned, _policy: Policy) -> str | None:
    named, stated = strong(requirement.digests), strong(candidate.file.digests)
    if named and stated and comparable(named, stated) and not _agree(named, stated):
        return "none of the requirement's hashes is this file's"
    return None


def _agree(named: Iterable[object], stated: Iterable[object]) -> bool:
    return not set(named).isdisjoint(stated)


_CHECKS: tuple[Callable[[_Candidate, Pinned, Policy], str | None], ...] = (
    _unsafe,
    _other_format,
    _wheels_not_allowed,
    _not_in_lock,
)


def _yanked(taken: Iterable[_Candidate]) -> Iterable[str]:
    for candidate in taken:
        if candidate.file.yanked:
            because = f": {candidate.file.yanked_reason}" if candidate.file.yanked_reason else ""
            yield f"{candidate.file.filename} is yanked{because} (taken, because it is pinned)"


def _nothing_to_take(
    requirement: Pinned,
    page: Page,
    candidates: tuple[_Candidate, ...],
    refused: list[Refusal],
) -> UnavailableError:
    if not candidates:
        return _no_such_version(requirement, page)
    wheels = sorted(c.file.filename for c in candidates if not c.is_sdist)
    if len(wheels) == len(candidates) and all("allow_binary" in refusal.reason for refusal in refused):
        return UnavailableError(
            f"{requirement} has no sdist on {page.index}, only {_listed(wheels, 'wheel')}",
            hint='allow wheels with "allow_binary": true in the input, or pin a version that has an sdist',
            origin=requirement.origin,
        )
    shown = sorted(refused, key=lambda refusal: refusal.filename)[:_LISTED]
    reasons = "; ".join(f"{refusal.filename}: {refusal.reason}" for refusal in shown)
    return UnavailableError(
        f"{requirement} has no file on {page.index} that may be taken: {reasons}{_and_more(len(refused))}",
        hint=_way_out(refused, names_a_wheel=_names_a_wheel(requirement, candidates)),
        origin=requirement.origin,
    )


def _names_a_wheel(requirement: Pinned, candidates: Iterable[_Candidate]) -> bool:
    named = strong(requirement.digests)
    return any(not c.is_sdist and _agree(named, strong(c.file.digests)) for c in candidates)


def _way_out(refused: Iterable[Refusal], *, names_a_wheel: bool) -> str:
    reasons = " ".join(refusal.reason for refusal in refused)
    if "hashes" in reasons and "allow_binary" in reasons and names_a_wheel:
        return (
            "the hashes name only wheels: lock the sdist too (pip-compile --generate-hashes and"
            ' uv pip compile --generate-hashes name every file), or set "allow_binary": true'
        )
    if "hashes" in reasons:
        return "lock the requirement again; if it was right, the index serves another file than it did then"
    if "--only-binary" in reasons:
        return 'set "allow_binary": true, or take the project out of --only-binary'
    return "pin a version that has a file of the permitted kind"


def _no_such_version(requirement: Pinned, page: Page) -> UnavailableError:
    versions = _versions(page)
    known = f"; it has {_listed(versions, 'version', newest_first=True)}" if versions else ""
    return UnavailableError(
        f"{requirement} is not on {page.index}{known}",
        hint="check the version, or name the index that has it with --extra-index-url",
        origin=requirement.origin,
    )


def _versions(page: Page) -> list[str]:
    names = (read_name(file.filename, page.project) for file in page.files)
    return sorted({name.version for name in names if name}, key=_version_key)


def _version_key(text: str) -> tuple[bool, Version, str]:
    try:
        return True, Version(text), text
    except InvalidVersion:
        return False, Version("0"), text


def _listed(names: list[str], noun: str, *, newest_first: bool = False) -> str:
    shown = list(reversed(names))[:_LISTED] if newest_first else names[:_LISTED]
    plural = "" if len(names) == 1 else "s"
    return f"{len(names)} {noun}{plural} ({', '.join(shown)}{_and_more(len(names))})"


def _and_more(count: int) -> str:
    return f", and {count - _LISTED} more" if count > _LISTED else ""


def wheels_among(files: Iterable[IndexFile]) -> tuple[IndexFile, ...]:
    """Return those of ``files`` that are wheels."""
    return tuple(file for file in files if is_wheel(file.filename))
