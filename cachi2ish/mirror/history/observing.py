"""Writes down what an upstream says of a project: one look, within one transaction.

A page as of a cutoff up to `KnownProject.closed_until` never changes again. Whatever is added here keeps to that:
it is dated after that instant, whatever the upstream says (`Sight.available_from`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from threading import Lock

from msgspec.structs import replace
from packaging.utils import NormalizedName
from sqlalchemy import Connection, bindparam, func, insert, select, update

from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.errors import Cachi2ishError
from cachi2ish.mirror.history.comparing import Compared, Identity, compare, identified, write_vanished
from cachi2ish.mirror.history.engines.database import Database
from cachi2ish.mirror.history.known_files import KnownFile, files_of
from cachi2ish.mirror.history.projects_seen import (
    Generation,
    KnownRegistry,
    ProjectState,
    find_or_add_project,
    find_registry,
    generations_of,
    last_look,
)
from cachi2ish.mirror.history.rescuing import to_be_rescued
from cachi2ish.mirror.history.sight import Sight
from cachi2ish.mirror.history.tables import generation, observation
from cachi2ish.mirror.records import AlarmKind, Changes, Gone, HistoricFile, Look, Unchanged

# Made once: making a statement takes as long as executing it.
_NEW_GENERATION = insert(generation).returning(generation.c.id)
_WIDENED = (
    update(generation)
    .where(
        generation.c.id == bindparam("number_of"),
        generation.c.first_available.is_(None) | (generation.c.first_available > bindparam("least")),
    )
    .values(first_available=bindparam("least"))
)

#: Looks that are written down together.
_TOGETHER = 20


#: What an upstream said of a project at a look.
Sighting = tuple[NormalizedName, Page | Gone | Unchanged, Look]


@dataclass(slots=True)
class _Waiting:
    """A look that is to be written down, and what came of it."""

    registry: str
    project: NormalizedName
    answer: Page | Gone | Unchanged
    look: Look
    outcome: Changes | Exception | None = None

    def changes(self) -> Changes:
        """Return what has changed, once it is written; raise what has kept it from that."""
        if isinstance(self.outcome, Changes):
            return self.outcome
        raise self.outcome or RuntimeError("nobody has written it yet")


class Observer:
    """Writes looks down. Safe to use from many threads: those that wait are written together, by one of them.

    To wait for the disk takes longer than all the rest, and so it is waited for once.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = Lock()
        self._waiting: deque[_Waiting] = deque()

    def observe(
        self, registry: str, project: NormalizedName, answer: Page | Gone | Unchanged, look: Look
    ) -> Changes:
        """Return what has changed, once it is on the disk; see the interface of the history."""
        [changes] = self.observe_many(registry, [(project, answer, look)])
        return changes

    def observe_many(self, registry: str, sightings: Iterable[Sighting]) -> list[Changes]:
        """Return what has changed with each look, once all of them are on the disk.

        Raises what came of the first that could not be written; those that could are.
        """
        mine = [_Waiting(registry, *one) for one in sightings]
        self._waiting.extend(mine)
        for one in mine:
            while one.outcome is None:
                with self._turn:
                    if not one.outcome:
                        self._write_some()
        return [one.changes() for one in mine]

    def _write_some(self) -> None:
        some = [self._waiting.popleft() for _ in range(min(_TOGETHER, len(self._waiting)))]
        try:
            problem, begun = self._write(some)
            if problem is not None and begun and len(some) > 1:
                # One of them cannot be written, and must not take the others with it.
                for one in some:
                    problem, begun = self._write([one])
                    if problem is not None:
                        one.outcome = problem
                    if not begun:
                        break  # nor will the database be there for the rest: who waits is not kept waiting
            for one in some:
                one.outcome = one.outcome or _copied(problem)
        except BaseException:
            # This thread ends; another one writes what is left.
            self._waiting.extend(one for one in some if one.outcome is None)
            raise

    def _write(self, some: list[_Waiting]) -> tuple[Exception | None, bool]:
        """Write all of them or none; return what went wrong, and whether a transaction could be begun."""
        begun = False
        try:
            with self._database.writing() as connection:
                begun = True
                registry_of = cache(partial(find_registry, connection))
                sites: dict[str, int] = {}
                found = [
                    observe(connection, registry_of(one.registry), one.project, one.answer, one.look, sites)
                    for one in some
                ]
        except Exception as error:  # noqa: BLE001  (it is raised where it belongs)
            return error, begun
        for one, changes in zip(some, found, strict=True):
            one.outcome = changes
        return None, True


def _copied(error: Exception | None) -> Exception | None:
    """Return what another thread may raise, too."""
    return error.reworded(error.problem) if isinstance(error, Cachi2ishError) else error


def observe(
    connection: Connection,
    registry: KnownRegistry,
    name: NormalizedName,
    answer: Page | Gone | Unchanged,
    look: Look,
    sites: dict[str, int],
) -> Changes:
    """Write down ``answer``; nothing but an alarm where it is older than what is known.

    sites: the numbers of those that the transaction has met, to which it adds.
    """
    known, is_new = find_or_add_project(connection, registry.id, name)
    last = None if is_new else last_look(connection, known.id)
    sight = Sight(connection, registry, known, look, last, is_new=is_new, sites=sites)
    if _is_older(sight, answer):
        return Changes(ignored=True, alarms=tuple(sight.alarms))
    if isinstance(answer, Unchanged):
        sight.note(same=True, missing=False)
        return Changes()
    return _write_absence(sight) if isinstance(answer, Gone) else _write_page(sight, answer)


def _is_older(sight: Sight, answer: Page | Gone | Unchanged) -> bool:
    last, look = sight.last, sight.look
    if last is None:
        return isinstance(answer, Unchanged)
    if look.seen_at <= last.last_at or (isinstance(answer, Unchanged) and last.missing):
        return True
    if look.serial is None:
        return False
    chosen = select(func.max(observation.c.serial)).where(observation.c.project_id == sight.project.id)
    newest = sight.connection.execute(chosen).scalar_one()
    if newest is None or look.serial >= newest:
        return False
    sight.raise_alarm(
        AlarmKind.OLD_PAGE, f"the upstream served a page of serial {look.serial} after one of serial {newest}"
    )
    return True


def _write_absence(sight: Sight) -> Changes:
    found = _newest_generation(sight)
    vanished: list[KnownFile] = []
    if found is not None and found.newest.exists:
        sight.add_state(found.id, found.newest._replace(exists=False))
        vanished = [one for one in files_of(sight.connection, [found.id], None) if one.state.listed]
        to_be_rescued(sight.connection, vanished, sight.seen_at)
    # A name that nobody has registered is not followed: anybody may ask for any number of them.
    same = sight.last is not None and sight.last.missing
    sight.note(same=same, missing=True, follow=found is not None)
    return Changes(vanished=_historic(sight, vanished, exists=False))


def _write_page(sight: Sight, page: Page) -> Changes:
    last, digest = sight.last, sight.look.digest
    if last is not None and not last.missing and digest is not None and last.digest == bytes.fromhex(digest):
        sight.note(same=last.serial == sight.look.serial, missing=False)
        return Changes()
    found = _newest_generation(sight)
    known = [] if found is None else list(files_of(sight.connection, [found.id], None))
    shown = identified(sight, page)
    another = found is not None and _is_another_project(found, known, shown)
    state = ProjectState(
        exists=True, status=page.status, reason=page.status_reason, versions=page.versions is not None
    )
    if found is None or another:
        number, compared = _write_generation(sight, found, known, page, shown)
    else:
        number, compared = found.id, compare(sight, found.id, known, page, shown)
    if found is None or another or state != found.newest:
        sight.add_state(number, state)
    to_be_rescued(sight.connection, compared.vanished, sight.seen_at)
    _widen(sight, number, compared)
    # Pages without a digest are compared by what they state.
    same = digest is None and compared.nothing and last is not None and not last.missing
    sight.note(same=same and last is not None and last.serial == sight.look.serial, missing=False)
    return Changes(
        added=compared.added,
        changed=compared.changed,
        vanished=_historic(sight, compared.vanished, exists=True),
        alarms=tuple(sight.alarms),
    )


def _is_another_project(found: Generation, known: Sequence[KnownFile], shown: Mapping[Identity, object]) -> bool:
    """Return whether the name means another project than before.

    It does where it was gone, and no file of it is back; or where all files were exchanged between two looks.
    """
    if not found.newest.exists:
        return not any((one.filename, one.key) in shown for one in known)
    names = {one.filename for one in known}
    listed = any(one.state.listed for one in known)
    return listed and bool(shown) and names.isdisjoint(name for name, _ in shown)


def _write_generation(
    sight: Sight,
    before: Generation | None,
    known: Sequence[KnownFile],
    page: Page,
    shown: dict[Identity, IndexFile],
) -> tuple[int, Compared]:
    """Write down a project that is new, or another one under a name that was known. Return its number."""
    row = {
        "project_id": sight.project.id,
        "number": 1 if before is None else before.number + 1,
        "first_seen": sight.seen_at,
    }
    number = sight.connection.execute(_NEW_GENERATION, row).scalar_one()
    compared = compare(sight, number, [], page, shown)
    if before is None:
        return number, compared
    gone_from = None if before.newest.exists else before.states[-1][0]
    if gone_from is None:
        compared.vanished += write_vanished(sight, known).vanished
    how = "is back with other files" if gone_from is not None else "has other files under other names, all at once"
    sight.raise_alarm(AlarmKind.REGISTERED_AGAIN, f"{sight.project.name} {how}")
    since = min(compared.available, default=sight.seen_at)
    values = {"since": since if gone_from is None else max(since, gone_from)}
    sight.connection.execute(update(generation).where(generation.c.id == number).values(values))
    return number, compared


def _newest_generation(sight: Sight) -> Generation | None:
    if not sight.is_new:
        for _, generations in generations_of(sight.connection, [sight.project.id]):
            return generations[-1]
    return None


def _widen(sight: Sight, number: int, compared: Compared) -> None:
    """Write down when the first file was there, so that a page of before is told from one without files."""
    if compared.available:
        sight.connection.execute(_WIDENED, {"number_of": number, "least": min(compared.available)})


def _historic(sight: Sight, files: Sequence[KnownFile], *, exists: bool) -> tuple[HistoricFile, ...]:
    rules, name = sight.registry.rules, sight.project.name
    vanished = (replace(one, state=one.state._replace(listed=False)) for one in files)
    return tuple(one.historic(rules.name, name, private=rules.private, exists=exists) for one in vanished)
