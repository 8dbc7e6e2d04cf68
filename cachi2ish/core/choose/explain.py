"""The words for reasons and warnings, and the errors for a requirement of which no file may be taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from msgspec import Struct

from cachi2ish.advice import Hint
from cachi2ish.core.as_of import not_there_then
from cachi2ish.core.choose.candidates import Candidate
from cachi2ish.core.choose.reasons import Facts, FileWarning, Reason, Refusal, WarningKind
from cachi2ish.core.cutoff import rfc3339
from cachi2ish.core.digests import strong
from cachi2ish.core.distributions import read_name, version_order
from cachi2ish.core.pages import Page
from cachi2ish.core.requirements import Pinned
from cachi2ish.core.targets.machine import Target
from cachi2ish.core.urls import redact
from cachi2ish.errors import UnavailableError

#: How many wheels or versions an error message lists before it says how many more there are.
_LISTED = 6


class _Words(Struct, frozen=True):
    """text: the end of "not taken: …", with the `Facts` in braces. hint: what helps against it, if anything."""

    text: str
    hint: Hint | None = None


#: Where several reasons have a hint, the first one here is given.
WORDS: Mapping[Reason, _Words] = {
    Reason.NOT_LOCKED: _Words("none of the requirement's hashes is this file's", Hint.LOCK_AGAIN),
    Reason.WHEELS_OF_PROJECT_ONLY: _Words(
        "binary.packages names the project, so only its wheels are taken", Hint.WIDEN_FILTER
    ),
    Reason.SDIST_OF_PROJECT_ONLY: _Words(
        "binary.packages does not name the project, so only its sdist is taken", Hint.WIDEN_FILTER
    ),
    Reason.OTHER_IMPLEMENTATION: _Words("it is not for {0} (binary.py_impl)", Hint.WIDEN_FILTER),
    Reason.OTHER_PYTHON: _Words("it is not for Python {0} (binary.py_version)", Hint.WIDEN_FILTER),
    Reason.OTHER_ABI: _Words("its ABI is not {0} (binary.abi)", Hint.WIDEN_FILTER),
    Reason.OTHER_PLATFORM: _Words("its platform is not {0} on {1} (binary.os, binary.arch)", Hint.WIDEN_FILTER),
    Reason.OTHER_PLATFORM_TAG: _Words("its platform does not match {0} (binary.platform)", Hint.WIDEN_FILTER),
    Reason.WHEELS_ONLY: _Words(
        "the requirements file takes wheels only here (--only-binary)", Hint.ALLOW_LOCKED_WHEELS
    ),
    Reason.NO_UPLOAD_TIME: _Words("it has no upload time, which an index date needs", Hint.PIN_EARLIER_FILES),
    Reason.UNREADABLE_UPLOAD_TIME: _Words(
        "its upload time cannot be read ({declared!r}), and an index date needs it", Hint.PIN_EARLIER_FILES
    ),
    Reason.UPLOADED_LATER: _Words("uploaded {upload_time}, after the index date", Hint.PIN_EARLIER_FILES),
    Reason.UNREADABLE_NAME: _Words("its name is not that of a wheel (PEP 427)"),
    Reason.UNSAFE_NAME: _Words("its name cannot be used as a file name"),
    Reason.SDISTS_ONLY: _Words("the requirements file takes sdists only here (--no-binary)"),
    Reason.WHEELS_NOT_ALLOWED: _Words("wheels are not allowed (allow_binary)"),
    Reason.NO_TARGET: _Words("no target accepts its tags"),
    Reason.NOT_THIS_TARGET: _Words("its tags are not accepted there"),
    Reason.NEEDS_PYTHON: _Words("it needs Python {requires_python}"),
    Reason.NOT_PREFERRED: _Words("{preferred} is preferred"),
}

#: The same for warnings; the name of the file goes before.
WARNINGS: Mapping[WarningKind, str] = {
    WarningKind.YANKED: "is yanked today{because} (taken, because it is pinned)",
    WarningKind.NO_UPLOAD_TIME: "has no upload time: taken as if it had been there before {cutoff}",
    WarningKind.UNREADABLE_UPLOAD_TIME: (
        "has an upload time that cannot be read ({declared!r}): taken as if it had been there before {cutoff}"
    ),
}

#: Reasons of files that the index has, and did not have at the index date.
_NOT_THERE_THEN = frozenset({Reason.NO_UPLOAD_TIME, Reason.UNREADABLE_UPLOAD_TIME, Reason.UPLOADED_LATER})


def words_of(reason: Reason, facts: Facts) -> str:
    """Return a reason in words, as the end of "not taken: …"."""
    return WORDS[reason].text.format(
        *map(_one_of, facts.accepted),
        preferred=facts.preferred,
        requires_python=facts.requires_python,
        declared=facts.declared,
        upload_time=rfc3339(facts.upload_time) if facts.upload_time else "",
    )


def _one_of(accepted: frozenset[str] | None) -> str:
    return "anything" if accepted is None else " or ".join(sorted(accepted))


def warning_of(warning: FileWarning) -> str:
    """Return a warning in words."""
    because = f": {warning.yanked_reason}" if warning.yanked_reason else ""
    cutoff = rfc3339(warning.cutoff) if warning.cutoff else ""
    words = WARNINGS[warning.kind].format(because=because, cutoff=cutoff, declared=warning.declared)
    return f"{warning.filename} {words}"


def quarantined(requirement: Pinned, page: Page) -> UnavailableError:
    """Return the error for a project that its index suspects."""
    because = f": {page.status_reason}" if page.status_reason else ""
    return UnavailableError(
        f"{requirement} is quarantined on {page.index}{because}",
        hint=Hint.LEAVE_QUARANTINED,
        origin=requirement.origin,
    )


def listed_twice(requirement: Pinned, page: Page, one: Candidate) -> UnavailableError:
    """Return the error for a name that stands on a page with several contents, of which no digest picks one."""
    files = (one.file, *one.rivals[:_LISTED])
    listed = " and ".join(f"{min(map(str, strong(file.digests)))} at {redact(file.url)}" for file in files)
    return UnavailableError(
        f"{requirement}: {one.file.filename} stands {page.place} more than once, as different files: {listed}",
        hint="name the one that is meant by its digest: --hash=sha256:…",
        origin=requirement.origin,
    )


def nothing_to_take(
    requirement: Pinned, page: Page, candidates: Sequence[Candidate], refused: Sequence[Refusal]
) -> UnavailableError:
    """Return the error for a version that the index does not have, or has no file of that may be taken."""
    reasons = {refusal.reason for refusal in refused}
    if not candidates and reasons <= _NOT_THERE_THEN:
        return _no_such_version(requirement, page, refused)
    wheels = sorted(c.file.filename for c in candidates if not c.is_sdist)
    if wheels and len(wheels) == len(candidates) and reasons == {Reason.WHEELS_NOT_ALLOWED}:
        return UnavailableError(
            f"{requirement} has no sdist {page.place}, only {_listed(wheels, 'wheel')}{_others(page)}",
            hint=Hint.NAME_TARGETS if requirement.marker else Hint.ALLOW_WHEELS,
            origin=requirement.origin,
        )
    return UnavailableError(
        f"{requirement} has no file {page.place} that may be taken: {_reasons(refused)}{_others(page)}",
        hint=_way_out(reasons, names_a_wheel=_names_a_wheel(requirement, candidates)),
        origin=requirement.origin,
    )


def nothing_for(
    requirement: Pinned, page: Page, targets: Sequence[Target], refused: Sequence[Refusal], exact: Sequence[str]
) -> UnavailableError:
    """Return the error for a version of which some targets can take no file.

    exact: for each target that could if its Python were exact, the first such version.
    """
    named = ", ".join(map(str, targets))
    return UnavailableError(
        f"{requirement} has no file {page.place} for {named}: {_reasons(refused)}{_others(page)}",
        hint=exact_python(exact) if len(exact) == len(targets) else Hint.DROP_TARGET,
        origin=requirement.origin,
    )


def exact_python(versions: Sequence[str]) -> str:
    """Return the hint for targets that name no patch version, which would do with these."""
    listed = " and ".join(f'"{version}"' for version in dict.fromkeys(versions))
    return f"name an exact Python: {listed} would do (without a third number it is 0, as for pip)"


def _reasons(refused: Sequence[Refusal]) -> str:
    if len(refused) > _LISTED:
        counts = Counter((refusal.reason, refusal.facts) for refusal in refused).most_common(_LISTED)
        rest = len(refused) - sum(count for _, count in counts)
        listed = "; ".join(f"{count} file{'' if count == 1 else 's'}: {words_of(*why)}" for why, count in counts)
        return f"{listed}{f'; and {rest} more' if rest else ''}"
    shown = sorted(refused, key=lambda refusal: refusal.filename)
    return "; ".join(f"{refusal.filename}: {words_of(refusal.reason, refusal.facts)}" for refusal in shown)


def _names_a_wheel(requirement: Pinned, candidates: Sequence[Candidate]) -> bool:
    return any(not one.is_sdist and one.is_named_by(requirement.digests) for one in candidates)


def _way_out(reasons: AbstractSet[Reason], *, names_a_wheel: bool) -> Hint:
    if {Reason.NOT_LOCKED, Reason.WHEELS_NOT_ALLOWED} <= reasons and names_a_wheel:
        return Hint.LOCK_SDIST
    hints = (words.hint for reason, words in WORDS.items() if reason in reasons and words.hint)
    return next(hints, Hint.PIN_OTHER_FORMAT)


def _no_such_version(requirement: Pinned, page: Page, refused: Sequence[Refusal]) -> UnavailableError:
    versions = _versions(page)
    names = {refusal.filename for refusal in refused}
    later = tuple(one for one in page.excluded if one.file.filename in names)
    if later:
        then = f"; then it had {_listed(versions, 'version', newest_first=True)}" if versions else ""
        return not_there_then(str(requirement), page, later, f"{then}{_others(page)}", requirement.origin)
    known = f"; it has {_listed(versions, 'version', newest_first=True)}" if versions else ""
    return UnavailableError(
        f"{requirement} is not {page.place}{known}{_others(page)}",
        hint=Hint.ONE_FILE_PER_INDEX if page.behind else Hint.NAME_INDEX_OF_VERSION,
        origin=requirement.origin,
    )


def _others(page: Page) -> str:
    """Return which indexes else were used or were not, as the end of a sentence."""
    if page.behind:
        behind = " and ".join(page.behind)
        return f"; it has the project and answers for it alone, so {behind} behind it was not used"
    return f"; the project is not on {' or '.join(page.absent)}" if page.absent else ""


def _versions(page: Page) -> list[str]:
    names = (read_name(file.filename, page.project) for file in page.files)
    return sorted({name.version for name in names if name}, key=lambda text: (version_order(text), text))


def _listed(names: list[str], noun: str, *, newest_first: bool = False) -> str:
    shown = list(reversed(names))[:_LISTED] if newest_first else names[:_LISTED]
    plural = "" if len(names) == 1 else "s"
    return f"{len(names)} {noun}{plural} ({', '.join(shown)}{_and_more(len(names))})"


def _and_more(count: int) -> str:
    return f", and {count - _LISTED} more" if count > _LISTED else ""
