"""Pages as of an instant, made from the log."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from packaging.utils import NormalizedName
from sqlalchemy import Connection, select

from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.pages import QUARANTINED, Page
from cachi2ish.mirror.batches import in_batches
from cachi2ish.mirror.history.known_files import KnownFile, files_by_generation, files_of, key_text
from cachi2ish.mirror.history.projects_seen import (
    Generation,
    KnownProject,
    KnownRegistry,
    by_name,
    find_project,
    generation_at,
    generations_of,
    last_look,
    names_of,
)
from cachi2ish.mirror.history.tables import file
from cachi2ish.mirror.instants import end_of, instant_of, text_of
from cachi2ish.mirror.records import Coverage, DatedPage, Instant, Refusal
from cachi2ish.simple_api.page_digest import page_digest
from cachi2ish.simple_api.refusal_reasons import RefusalReason

#: How many projects are read at once where all are wanted.
_AT_ONCE = 500


def dated_page(
    connection: Connection,
    registry: KnownRegistry,
    name: NormalizedName,
    cutoff: Cutoff | None,
    *,
    observed_only: bool,
) -> DatedPage | Refusal:
    """Return the page, or why there is none."""
    known = find_project(connection, registry.id, name)
    look = None if known is None else last_look(connection, known.id)
    if known is None or look is None:
        return Refusal(
            reason=RefusalReason.UNKNOWN, text=f"nobody has looked for {name} on {registry.rules.name} yet"
        )
    generations = next((found for _, found in generations_of(connection, [known.id])), [])
    if not generations:
        return Refusal(
            reason=RefusalReason.ABSENT,
            text=f"{name} is not on {registry.rules.name}",
            looked_at=look.last_at,
        )
    before = end_of(cutoff)
    chosen = generation_at(generations, before)
    reason = _refused(connection, chosen, before, observed_only=observed_only)
    if reason is not None:
        text = _because(reason, registry.rules.name, name, chosen, before)
        return Refusal(reason=reason, text=text, looked_at=look.last_at)
    files = in_order(files_of(connection, [chosen.id], before))
    page = page_of(registry, name, chosen, files, cutoff)
    return DatedPage(
        page=page,
        keys=tuple([key_text(one.key) for one in files]),
        coverage=Coverage.OBSERVED if before is None or chosen.first_seen < before else Coverage.COMPUTED,
        unseen=0 if before is None else sum(one.first_seen >= before for one in files),
        by_first_sight=sum(one.state.upload_time is None for one in files),
        closed=is_closed(known, before),
        digest=page_digest(page),
        looked_at=look.last_at,
        quarantined=generations[-1].newest.status == QUARANTINED,
    )


def is_closed(known: KnownProject, before: Instant | None) -> bool:
    """Return whether the page as of then never changes again."""
    return before is not None and known.closed_until is not None and before <= known.closed_until


def in_order(files: Iterable[KnownFile]) -> list[KnownFile]:
    """Return those that are listed, in the order in which they came; equal histories give the same order."""
    return sorted(
        (one for one in files if one.state.listed),
        key=lambda one: (
            one.first_seen if one.available is None else one.available,
            one.filename,
            one.key,
        ),
    )


def page_of(
    registry: KnownRegistry,
    name: NormalizedName,
    chosen: Generation,
    files: Sequence[KnownFile],
    cutoff: Cutoff | None,
) -> Page:
    """Return the page with these files."""
    state = chosen.at(end_of(cutoff))
    # PEP 700: those that have a file, spelled as the index does.
    versions = tuple(dict.fromkeys(one.version for one in files if one.version is not None))
    return Page(
        project=name,
        index=registry.rules.url,
        files=tuple([one.on_page() for one in files]),
        status=state.status,
        status_reason=state.reason,
        versions=versions if state.versions else None,
        cutoff=None if cutoff is None else cutoff.instant,
    )


def _refused(
    connection: Connection, chosen: Generation, before: Instant | None, *, observed_only: bool = False
) -> RefusalReason | None:
    """Return why a project has no page as of then; None where it has one."""
    state = chosen.at(before)
    if not state.exists:
        return RefusalReason.DELETED
    if state.status == QUARANTINED:
        return RefusalReason.QUARANTINED
    if before is None:
        return None
    if observed_only and chosen.first_seen >= before:
        return RefusalReason.COVERAGE
    return _not_yet(connection, chosen, before)


def _not_yet(connection: Connection, chosen: Generation, before: Instant) -> RefusalReason | None:
    first = chosen.first_available
    if first is not None and first < before:
        return None
    if chosen.first_seen >= before:
        return RefusalReason.NOT_YET
    return RefusalReason.UNTIMED if _has_undated(connection, chosen, before) else None


def _because(
    reason: RefusalReason, where: str, name: NormalizedName, chosen: Generation, before: Instant | None
) -> str:
    """Return the sentence that says why; where: the name of the registry."""
    when = "by now" if before is None else f"before {text_of(before)}"
    state = chosen.at(before)
    match reason:
        case RefusalReason.DELETED:
            return f"{name} was deleted from {where} {when}"
        case RefusalReason.QUARANTINED:
            because = f": {state.reason}" if state.reason else ""
            return f"{where} has put {name} into quarantine {when}{because}"
        case RefusalReason.COVERAGE:
            looked = f"{name} was first looked at {text_of(chosen.first_seen)}"
            return f"{looked}, and only pages that were observed are wanted"
        case RefusalReason.NOT_YET:
            first, came = chosen.first_available, "none of its files has an upload time"
            if first is not None:
                came = f"its first file came {text_of(first)}"
            return f"{name} was not on {where} {when}: {came}"
        case _:
            return f"{where} states no upload time for the files of {name}"


def _has_undated(connection: Connection, chosen: Generation, before: Instant) -> bool:
    """Return whether there are files that were seen by then, though they are not dated before."""
    found = select(file.c.id).where(file.c.generation_id == chosen.id, file.c.first_seen < before)
    undated = found.where(file.c.available.is_(None) | (file.c.available >= before))
    return connection.execute(undated.limit(1)).first() is not None


# All of them, in the ascending order of their numbers: rows lie so. By names, each would be read from elsewhere on
# the disk.


def all_digests(connection: Connection, registry: KnownRegistry, cutoff: Cutoff) -> Iterator[tuple[int, bytes]]:
    """Yield the number of each project that has a page as of ``cutoff``, ascending, and the digest of the page."""
    before = instant_of(cutoff.instant)
    for part in in_batches(_generations(connection, registry, before), _AT_ONCE):
        names = names_of(connection, [number for number, _ in part])
        chosen_at = {chosen.id: (names[number], chosen) for number, chosen in part}
        found = {
            generation: _digest(registry, *chosen_at[generation], files, cutoff)
            for generation, files in files_by_generation(connection, chosen_at.keys(), before)
        }
        for number, chosen in part:
            yield number, found.get(chosen.id) or _digest(registry, names[number], chosen, (), cutoff)


def _digest(
    registry: KnownRegistry,
    name: NormalizedName,
    chosen: Generation,
    files: Iterable[KnownFile],
    cutoff: Cutoff,
) -> bytes:
    return bytes.fromhex(page_digest(page_of(registry, name, chosen, in_order(files), cutoff)))


def all_projects(
    connection: Connection, registry: KnownRegistry, cutoff: Cutoff | None
) -> Iterator[NormalizedName]:
    """Yield all projects that have a page, by name."""
    found = array("q", (number for number, _ in _generations(connection, registry, end_of(cutoff))))
    for number, name in by_name(connection, registry):
        place = bisect_left(found, number)
        if place < len(found) and found[place] == number:
            yield name


def _generations(
    connection: Connection, registry: KnownRegistry, before: Instant | None
) -> Iterator[tuple[int, Generation]]:
    """Yield the numbers of all projects that have a page, ascending, and what the name means."""
    numbers = array("q", sorted(number for number, _ in by_name(connection, registry)))
    for some in in_batches(numbers, _AT_ONCE):
        for number, generations in generations_of(connection, some):
            chosen = generation_at(generations, before)
            if _refused(connection, chosen, before) is None:
                yield number, chosen
