"""What to tell about a requirement of which no file may be taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence

from cachi2ish.core.as_of import not_there_then
from cachi2ish.core.choose.candidates import Candidate, Refusal
from cachi2ish.core.distributions import read_name, version_order
from cachi2ish.core.pages import Page
from cachi2ish.core.requirements import Pinned
from cachi2ish.core.targets.machine import Target
from cachi2ish.errors import UnavailableError

#: How many wheels or versions an error message lists before it says how many more there are.
_LISTED = 6


def quarantined(requirement: Pinned, page: Page) -> UnavailableError:
    """Return the error for a project that its index suspects."""
    because = f": {page.status_reason}" if page.status_reason else ""
    return UnavailableError(
        f"{requirement} is quarantined on {page.index}{because}",
        hint="the index suspects the project of being malicious (PEP 792); remove it or replace it",
        origin=requirement.origin,
    )


def nothing_to_take(
    requirement: Pinned, page: Page, candidates: Sequence[Candidate], refused: Sequence[Refusal]
) -> UnavailableError:
    """Return the error for a version that the index does not have, or has no file of that may be taken."""
    withheld = {one.file.filename for one in page.withheld}
    if not candidates and all(refusal.filename in withheld for refusal in refused):
        return _no_such_version(requirement, page, {refusal.filename for refusal in refused})
    wheels = sorted(c.file.filename for c in candidates if not c.is_sdist)
    if wheels and len(wheels) == len(candidates) and all("allow_binary" in refusal.reason for refusal in refused):
        return UnavailableError(
            f"{requirement} has no sdist {page.place}, only {_listed(wheels, 'wheel')}",
            hint='allow wheels with "allow_binary": true in the input, or pin a version that has an sdist',
            origin=requirement.origin,
        )
    return UnavailableError(
        f"{requirement} has no file {page.place} that may be taken: {_reasons(refused)}",
        hint=_way_out(refused, names_a_wheel=_names_a_wheel(requirement, candidates)),
        origin=requirement.origin,
    )


def nothing_for(
    requirement: Pinned, page: Page, targets: Sequence[Target], refused: Sequence[Refusal]
) -> UnavailableError:
    """Return the error for a version of which some targets can take no file."""
    named = ", ".join(map(str, targets))
    return UnavailableError(
        f"{requirement} has no file {page.place} for {named}: {_reasons(refused)}",
        hint="pin a version that has a wheel for it or an sdist, write a marker that leaves the requirement"
        ' out there, or take the target out of "targets"',
        origin=requirement.origin,
    )


def _reasons(refused: Sequence[Refusal]) -> str:
    if len(refused) > _LISTED:
        counts = Counter(refusal.reason for refusal in refused).most_common(_LISTED)
        rest = len(refused) - sum(count for _, count in counts)
        listed = "; ".join(f"{count} file{'' if count == 1 else 's'}: {reason}" for reason, count in counts)
        return f"{listed}{f'; and {rest} more' if rest else ''}"
    shown = sorted(refused, key=lambda refusal: refusal.filename)
    return "; ".join(f"{refusal.filename}: {refusal.reason}" for refusal in shown)


def _names_a_wheel(requirement: Pinned, candidates: Sequence[Candidate]) -> bool:
    return any(not one.is_sdist and one.is_named_by(requirement.digests) for one in candidates)


def _way_out(refused: Sequence[Refusal], *, names_a_wheel: bool) -> str:
    reasons = " ".join(refusal.reason for refusal in refused)
    if "hashes" in reasons and "allow_binary" in reasons and names_a_wheel:
        return (
            "the hashes name only wheels: lock the sdist too (pip-compile --generate-hashes and"
            ' uv pip compile --generate-hashes name every file), or set "allow_binary": true'
        )
    if "hashes" in reasons:
        return "lock the requirement again; if it was right, the index serves another file than it did then"
    if "binary." in reasons:
        return 'change "binary" in the input, or pin a version that has a file that passes it'
    if "--only-binary" in reasons:
        return 'set "allow_binary": true, or take the project out of --only-binary'
    if "index date" in reasons:
        return "pin a version whose files were there then, take a later index date, or allow other files of it"
    return "pin a version that has a file of the permitted kind"


def _no_such_version(requirement: Pinned, page: Page, withheld: Container[str]) -> UnavailableError:
    versions = _versions(page)
    later = tuple(one for one in page.withheld if one.file.filename in withheld)
    if later:
        then = f"; then it had {_listed(versions, 'version', newest_first=True)}" if versions else ""
        error = not_there_then(str(requirement), page, later, then)
        error.origin = requirement.origin
        return error
    known = f"; it has {_listed(versions, 'version', newest_first=True)}" if versions else ""
    return UnavailableError(
        f"{requirement} is not {page.place}{known}",
        hint="check the version, or name the index that has it with --extra-index-url",
        origin=requirement.origin,
    )


def _versions(page: Page) -> list[str]:
    names = (read_name(file.filename, page.project) for file in page.files)
    return sorted({name.version for name in names if name}, key=lambda text: (version_order(text), text))


def _listed(names: list[str], noun: str, *, newest_first: bool = False) -> str:
    shown = list(reversed(names))[:_LISTED] if newest_first else names[:_LISTED]
    plural = "" if len(names) == 1 else "s"
    return f"{len(names)} {noun}{plural} ({', '.join(shown)}{_and_more(len(names))})"


def _and_more(count: int) -> str:
    return f", and {count - _LISTED} more" if count > _LISTED else ""
