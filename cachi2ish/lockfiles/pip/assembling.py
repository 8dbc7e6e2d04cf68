"""From the lines of a closure to its requirements: constraints applied, repetitions merged, hashes demanded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName, canonicalize_version

from cachi2ish.core.digests import Digest, any_strong
from cachi2ish.core.requirements import Git, Pinned, Purpose, Requirement, Url
from cachi2ish.errors import Cachi2ishError, LockFileError
from cachi2ish.lockfiles.pip.closure import Line
from cachi2ish.lockfiles.pip.lines import Pin, admits, pin_of, unpinned

#: Lines of one project: each is compared with all others. A lock has a few, for markers and builds.
_MOST_LINES = 500


class _Known(Struct, frozen=True):
    """Everything that the closure says about one project: requirements, then constraints."""

    entries: tuple[Line, ...]
    constraints: tuple[Line, ...]

    def __len__(self) -> int:
        return len(self.entries) + len(self.constraints)

    def beside(self, marker: str | None) -> Iterable[Line]:
        """What holds for a requirement with ``marker``: the unmarked lines and those with the same marker."""
        return (line for line in (*self.entries, *self.constraints) if line.marker in {None, marker})


class _Found(Struct, frozen=True):
    """A version, the line that pins it, and the marker under which it does."""

    pin: Pin
    at: Line
    marker: str | None


#: Requirements with the same slot must be one and the same.
_Slot = tuple[NormalizedName, str | None, str | None]


def _slot(requirement: Requirement) -> _Slot:
    # Every build has an environment of its own, so one file may list the versions that several builds need.
    if requirement.purpose is Purpose.BUILD and isinstance(requirement, Pinned):
        return requirement.project, requirement.marker, canonicalize_version(requirement.version)
    return requirement.project, requirement.marker, None


def assemble(
    entries: Sequence[Line], constraints: Sequence[Line], purpose: Purpose
) -> tuple[tuple[Requirement, ...], tuple[Cachi2ishError, ...]]:
    """Return the requirements of a closure in their order, and what is wrong with them.

    As in pip, a version that one line or constraint pins holds for all lines of the project, a constraint
    fetches nothing by itself, and hashes that several lines state are intersected. A constraint with a marker
    counts for requirements with the same marker, and pins one that nothing else pins for its marker's case.
    """
    known = _by_project(entries, constraints)
    found: list[Requirement] = []
    errors: list[Cachi2ishError] = []
    for project, lines in known.items():
        if len(lines) > _MOST_LINES:
            errors.append(_too_many(project, lines))
    for line in entries:
        if len(known[line.project]) > _MOST_LINES:
            continue
        try:
            found.extend(_requirements(line, known[line.project], purpose))
        except LockFileError as error:
            errors.append(error)
    merged: dict[_Slot, Requirement] = {}
    for requirement in found:
        key = _slot(requirement)
        try:
            merged[key] = _merge(merged[key], requirement) if key in merged else requirement
        except LockFileError as error:
            errors.append(error)
    return tuple(merged.values()), tuple(errors)


def demand_hashes(requirements: Iterable[Requirement], because: str) -> Iterable[Cachi2ishError]:
    """Yield an error for each pinned requirement without a strong digest, in hash-checking mode."""
    for requirement in requirements:
        if not isinstance(requirement, Pinned) or any_strong(requirement.digests):
            continue
        weak = ", ".join(sorted({digest.algorithm for digest in requirement.digests}))
        problem = f"has only {weak} hashes, which prove nothing" if weak else "has no hash"
        yield LockFileError(
            f"{requirement} {problem}, and hash-checking mode is on, because {because}",
            hint="lock with hashes: `pip-compile --generate-hashes` or `uv pip compile --generate-hashes`",
            origin=requirement.origin,
        )


def _by_project(entries: Sequence[Line], constraints: Sequence[Line]) -> dict[NormalizedName, _Known]:
    lines: dict[NormalizedName, tuple[list[Line], list[Line]]] = defaultdict(lambda: ([], []))
    for line in entries:
        lines[line.project][0].append(line)
    for line in constraints:
        lines[line.project][1].append(line)
    return {project: _Known(tuple(ours), tuple(theirs)) for project, (ours, theirs) in lines.items()}


def _too_many(project: NormalizedName, lines: _Known) -> LockFileError:
    return LockFileError(
        f"{project} stands on {len(lines)} lines, more than the {_MOST_LINES} that are compared with one another",
        hint="lock again: each version needs one line for each marker",
        origin=(*lines.entries, *lines.constraints)[_MOST_LINES].origin,
    )


def _requirements(line: Line, known: _Known, purpose: Purpose) -> Iterable[Requirement]:
    addressed = [(other, other.direct) for other in known.constraints if other.direct is not None]
    everywhere = [direct for other, direct in addressed if other.marker in {None, line.marker}]
    if line.direct is not None:
        for direct in everywhere:
            if not _same(line.direct, direct):
                raise _contradiction(line.direct, direct)
        yield line.direct
        return
    own = pin_of(line.name, line.specifier, line.origin)
    if own is None and any(other.direct for other in known.entries if other.marker is None):
        return  # the direct requirement is what pip installs for this line too
    for other, direct in addressed:
        yield _at_address(line, other, direct, known)
    if not everywhere:
        yield from _versions(line, own, known, purpose, demanded=not addressed)


def _versions(line: Line, own: Pin | None, known: _Known, purpose: Purpose, *, demanded: bool) -> Iterator[Pinned]:
    """Yield what a line without an address pins, or others pin for it; demanded: there has to be one."""
    pins = _pins_from(line, known) if own is None else [_Found(own, line, line.marker)]
    if not pins and demanded:
        raise unpinned(line.name, line.specifier, line.origin)
    for pin in pins:
        yield _pinned(line, pin, known, purpose)


def _at_address(line: Line, constraint: Line, direct: Url | Git, known: _Known) -> Url | Git:
    """Return what an address in a constraint makes of a line: pip takes what is there, if each line admits it."""
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415  (most constraints have no address)

    markers = {None, line.marker, constraint.marker}
    beside = (one for one in (line, *known.entries, *known.constraints) if one.marker in markers)
    versions = SpecifierSet(",".join(dict.fromkeys(one.specifier for one in beside if one.specifier)))
    if isinstance(direct, Url):
        _intersection(line.digests, frozenset({direct.digest}), line, constraint)
    elif line.digests:
        raise LockFileError(
            f"{line.name} has a hash, and the constraint at {constraint.origin} says that it comes from git",
            hint="remove the hash: the commit says which files they are, also in hash-checking mode",
            origin=line.origin,
        )
    marker = line.marker if constraint.marker in {None, line.marker} else _both(line.marker, constraint.marker)
    return replace(
        direct, name=line.name, extras=line.extras, marker=marker, origin=line.origin, versions=str(versions)
    )


def _pins_from(line: Line, known: _Known) -> list[_Found]:
    """Return the versions that other lines pin for an unpinned one."""
    for other in known.beside(line.marker):
        pin = _pin(other)
        if pin is not None:
            return [_Found(pin, other, line.marker)]
    marked = ((_pin(other), other) for other in known.constraints)
    return [_Found(pin, other, _both(line.marker, other.marker)) for pin, other in marked if pin is not None]


def _pin(line: Line) -> Pin | None:
    return None if line.direct else pin_of(line.name, line.specifier, line.origin)


def _both(first: str | None, second: str | None) -> str | None:
    return f"({first}) and ({second})" if first and second else first or second


def _pinned(line: Line, found: _Found, known: _Known, purpose: Purpose) -> Pinned:
    digests = line.digests
    for other in (line, found.at, *known.constraints):
        if other.marker not in {None, line.marker, found.at.marker}:
            continue
        if not admits(other.specifier, found.pin):
            where = "" if found.at is line else f", pinned at {found.at.origin},"
            place = "" if other is line else f" at {other.origin}"
            raise LockFileError(
                f"{line.name}{found.pin}{where} contradicts {other.name}{other.specifier}{place}",
                hint="make both admit the same version; lock again if a tool wrote them",
                origin=line.origin,
            )
        digests = _intersection(digests, other.digests, line, other)
    return Pinned(
        name=line.name,
        extras=line.extras,
        marker=found.marker,
        origin=line.origin,
        purpose=purpose,
        version=found.pin.version,
        arbitrary=found.pin.arbitrary,
        digests=digests,
    )


def _intersection(
    ours: frozenset[Digest],
    theirs: frozenset[Digest],
    line: Line | Requirement,
    other: Line | Requirement,
) -> frozenset[Digest]:
    if not ours or not theirs or ours is theirs:
        return ours or theirs
    both = ours & theirs
    if not both:
        raise LockFileError(
            f"no hash of {line.name} is also one of those at {other.origin}, so no file fulfils both",
            hint="state the same hashes in both places, or in one only",
            origin=line.origin,
        )
    return both


def _merge(first: Requirement, second: Requirement) -> Requirement:
    """Return one requirement for two lines with the same project and marker."""
    if not _same(first, second):
        raise _contradiction(second, first)
    extras = tuple(sorted({*first.extras, *second.extras}))
    if isinstance(first, Pinned) and isinstance(second, Pinned):
        digests = _intersection(second.digests, first.digests, second, first)
        return replace(first, extras=extras, digests=digests, arbitrary=first.arbitrary or second.arbitrary)
    if isinstance(first, Pinned) or isinstance(second, Pinned):
        return replace(first, extras=extras)
    versions = ",".join(dict.fromkeys(one.versions for one in (first, second) if one.versions))
    return replace(first, extras=extras, versions=versions)


def _contradiction(second: Requirement, first: Requirement) -> LockFileError:
    return LockFileError(
        f"{second} contradicts {first} at {first.origin}",
        hint="keep one of them, or give each an environment marker for the case in which it holds",
        origin=second.origin,
    )


def _same(first: Requirement, second: Requirement) -> bool:
    match first, second:
        case Pinned(), Pinned():
            return Pin(first.version).same(Pin(second.version))
        case Url(), Url():
            return (first.url.redacted, first.digest, first.subdirectory) == (
                second.url.redacted,
                second.digest,
                second.subdirectory,
            )
        case Git(), Git():
            return (first.url.redacted, first.commit, first.subdirectory) == (
                second.url.redacted,
                second.commit,
                second.subdirectory,
            )
        case _:
            return False
