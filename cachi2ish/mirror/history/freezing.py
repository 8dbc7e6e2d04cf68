"""All pages of a day as one digest: the root of a Merkle tree over the projects and the digests of their pages."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from threading import Lock

from packaging.utils import NormalizedName
from sqlalchemy import Connection, bindparam, func, insert, select

from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.merkle import Tree, leaf_of, page_entry, root_of
from cachi2ish.mirror.history.dated_pages import all_digests
from cachi2ish.mirror.history.engines.database import Database
from cachi2ish.mirror.history.projects_seen import KnownRegistry, all_registries, by_name, find_registry
from cachi2ish.mirror.history.tables import frozen, frozen_page, project
from cachi2ish.mirror.instants import instant_of, moment_of, text_of
from cachi2ish.mirror.records import FrozenDay, Instant, Proof

_SHA256 = "sha256:"

#: Bytes of a digest.
_DIGEST = 32

#: Rows that are read at once.
_AT_ONCE = 5000

#: Projects that are named where a day is not closed.
_NAMED = 10

#: Days whose trees are in memory.
_MOST_TREES = 4


class Trees:
    """The trees of the days that were last asked for: a lock asks for hundreds of pages of one day.

    What is frozen never changes. Safe to use from many threads: who asks for one that is being made waits for it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._trees: OrderedDict[int, Future[Tree]] = OrderedDict()

    def of(self, connection: Connection, number: int) -> Tree:
        """Return the tree of the frozen day of this number."""
        with self._lock:
            mine = number not in self._trees
            made = self._trees.setdefault(number, Future())
            self._trees.move_to_end(number)
            while len(self._trees) > _MOST_TREES:
                self._trees.popitem(last=False)
        if mine:
            try:
                made.set_result(
                    Tree([leaf_of(page_entry(name, page)) for name, page in _leaves(connection, number)])
                )
            except BaseException as error:  # noqa: BLE001  (the threads that wait must hear of it)
                with self._lock:
                    if self._trees.get(number) is made:
                        del self._trees[number]
                made.set_exception(error)
        return made.result()


def freeze(database: Database, registry: str, cutoff: Cutoff, now: Instant) -> FrozenDay:
    """Return the digest of a day; written down, with its leaves, where no page of it can change any more."""
    before = instant_of(cutoff.instant)
    with database.reading(in_parts=True) as connection:
        known = find_registry(connection, registry)
        provisional, names = _open_projects(connection, known, before)
        pages = _Pages(all_digests(connection, known, cutoff))
        root, leaves = pages.by_name(by_name(connection, known))
    if not provisional:
        with database.writing() as connection:
            _write(database, connection, known, before, now, root, len(pages), leaves)
    return FrozenDay(
        registry=registry,
        cutoff=cutoff,
        digest=_SHA256 + root.hex(),
        projects=len(pages),
        provisional=provisional,
        open=names,
    )


class _Pages:
    """The pages of a day, by the numbers of projects: with their order, they take 48 bytes each."""

    def __init__(self, digests: Iterable[tuple[int, bytes]]) -> None:
        """Take numbers of projects, in ascending order, and the digests of their pages."""
        self._projects = array("q")
        self._digests = bytearray()
        for number, digest in digests:
            self._projects.append(number)
            self._digests += digest

    def by_name(self, projects: Iterable[tuple[int, str]]) -> tuple[bytes, Iterator[tuple[int, int, bytes]]]:
        """Return the digest over the pages of these projects; and position, number of the project, digest of each.

        projects: numbers and names, by name; those that have no page are left out.
        """
        order = array("q")

        def leaves() -> Iterator[bytes]:
            for number, name in projects:
                place = self._place(number)
                if place is not None:
                    order.append(place)
                    yield leaf_of(page_entry(name, self._at(place)))

        root = root_of(leaves())
        return root, ((at, self._projects[place], self._at(place)) for at, place in enumerate(order))

    def of(self, number: int) -> bytes | None:
        """Return the digest of the page of a project, None where it has none."""
        place = self._place(number)
        return None if place is None else self._at(place)

    def __len__(self) -> int:
        return len(self._projects)

    def _place(self, number: int) -> int | None:
        place = bisect_left(self._projects, number)
        return place if place < len(self._projects) and self._projects[place] == number else None

    def _at(self, place: int) -> bytes:
        return bytes(self._digests[place * _DIGEST : (place + 1) * _DIGEST])


def _open_projects(
    connection: Connection, registry: KnownRegistry, before: Instant
) -> tuple[int, tuple[NormalizedName, ...]]:
    """Return how many followed projects were not looked at since, and some names: their pages may change."""
    closed = project.c.closed_until
    conditions = (
        project.c.registry_id == registry.id,
        project.c.due_at.is_not(None),
        closed.is_(None) | (closed < before),
    )
    count = connection.execute(select(func.count()).select_from(project).where(*conditions)).scalar_one()
    names = connection.execute(select(project.c.name).where(*conditions).order_by(project.c.name).limit(_NAMED))
    return count, tuple(NormalizedName(name) for name in names.scalars())


def _write(
    database: Database,
    connection: Connection,
    registry: KnownRegistry,
    before: Instant,
    now: Instant,
    root: bytes,
    count: int,
    leaves: Iterable[tuple[int, int, bytes]],
) -> None:
    if _find(connection, registry, before, root) is not None:
        return
    row = {
        "registry_id": registry.id,
        "cutoff": before,
        "made_at": now,
        "projects": count,
        "digest": root,
    }
    number = connection.execute(insert(frozen).returning(frozen.c.id), row).scalar_one()
    database.kind.bulk_insert(connection, frozen_page, ((number, *leaf) for leaf in leaves))


def _find(connection: Connection, registry: KnownRegistry, before: Instant, root: bytes) -> int | None:
    chosen = select(frozen.c.id).where(
        frozen.c.registry_id == registry.id, frozen.c.cutoff == before, frozen.c.digest == root
    )
    found: int | None = connection.execute(chosen).scalar_one_or_none()
    return found


def prove(
    connection: Connection,
    registry: KnownRegistry,
    cutoff: Cutoff,
    name: NormalizedName,
    digest: str,
    trees: Trees,
) -> Proof | None:
    """Return the proof that the page of a project is in the frozen day with this digest; None where it is not."""
    try:
        root = bytes.fromhex(digest.removeprefix(_SHA256))
    except ValueError:
        return None
    number = _find(connection, registry, instant_of(cutoff.instant), root)
    if number is None:
        return None
    chosen = (
        select(frozen_page.c.position, frozen_page.c.digest, frozen.c.projects)
        .join(project, project.c.id == frozen_page.c.project_id)
        .join(frozen, frozen.c.id == frozen_page.c.frozen_id)
        .where(frozen_page.c.frozen_id == number, project.c.registry_id == registry.id, project.c.name == name)
    )
    row = connection.execute(chosen).first()
    if row is None:
        return None
    return Proof(
        digest=row.digest.hex(),
        position=row.position,
        projects=row.projects,
        path=tuple(node.hex() for node in trees.of(connection, number).path(row.position)),
    )


def frozen_days(connection: Connection, registry: KnownRegistry, cutoff: Cutoff) -> tuple[FrozenDay, ...]:
    """Return what was frozen as of ``cutoff``, the newest first."""
    chosen = (
        select(frozen.c.digest, frozen.c.projects)
        .where(frozen.c.registry_id == registry.id, frozen.c.cutoff == instant_of(cutoff.instant))
        .order_by(frozen.c.id.desc())
    )
    return tuple(
        FrozenDay(
            registry=registry.rules.name, cutoff=cutoff, digest=_SHA256 + row.digest.hex(), projects=row.projects
        )
        for row in connection.execute(chosen)
    )


def _leaves(connection: Connection, number: int) -> Iterator[tuple[str, bytes]]:
    yield from ((name, digest) for _, name, digest in _frozen_pages(connection, number))


def _frozen_pages(connection: Connection, number: int) -> Iterator[tuple[int, str, bytes]]:
    """Yield number of the project, name and digest of the page, by name."""
    chosen = (
        select(frozen_page.c.position, frozen_page.c.project_id, project.c.name, frozen_page.c.digest)
        .join(project, project.c.id == frozen_page.c.project_id)
        .where(frozen_page.c.frozen_id == number, frozen_page.c.position > bindparam("last"))
        .order_by(frozen_page.c.position)
        .limit(_AT_ONCE)
    )
    # By their positions, so that not all of them are in memory on the way from a server.
    last = -1
    while rows := connection.execute(chosen, {"last": last}).all():
        yield from (row[1:] for row in rows)
        last = rows[-1].position


def contradictions(connection: Connection) -> list[str]:
    """Return what the log says otherwise now than when a day was frozen, as sentences."""
    registries = {one.id: one for one in all_registries(connection)}
    found = []
    for row in connection.execute(select(frozen).order_by(frozen.c.id)).all():
        registry, cutoff = registries[row.registry_id], Cutoff(moment_of(row.cutoff))
        what = f"{registry.rules.name} before {text_of(row.cutoff)}, which was frozen,"
        others: list[str] = []
        leaves = _compared(
            _frozen_pages(connection, row.id), _Pages(all_digests(connection, registry, cutoff)), others
        )
        if root_of(leaves) != row.digest:
            found.append(f"{what} has other pages than its digest says")
        found += [f"{what} has another page of {name} now" for name in others]
    return found


def _compared(leaves: Iterable[tuple[int, str, bytes]], pages: _Pages, others: list[str]) -> Iterator[bytes]:
    """Yield the hashes of leaves; add to ``others`` the names of which no page, or another one, is there."""
    for number, name, digest in leaves:
        if pages.of(number) != digest:
            others.append(name)
        yield leaf_of(page_entry(name, digest))
