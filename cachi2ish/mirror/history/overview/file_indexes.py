"""What is kept in memory of the files of projects that people look at: names, times, and what was seen to change.

It is made of the rows of a project once, and made again when a look has seen something else. Pages of other dates,
further pages and comparisons then read no row of a file but those that they show.
"""

from __future__ import annotations

from array import array
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from threading import Lock
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Row, bindparam, not_, select

from cachi2ish.core.distributions import version_order
from cachi2ish.mirror.batches import in_batches
from cachi2ish.mirror.history.known_files import key_text
from cachi2ish.mirror.history.projects_seen import Generation
from cachi2ish.mirror.history.tables import file, file_state
from cachi2ish.mirror.pasts import NEVER, PastFile, PlainFiles, SeenState, VersionTally

#: What all indexes together may have, in files of some 200 bytes; one that is not plain counts for four.
_MOST, _OF_OTHERS, _OF_VERSION = 320_000, 4, 2

#: Numbers in one statement.
_AT_ONCE = 500

_ROW = tuple(file.c[name] for name in ("id", "generation_id", "filename", "version", "available", "first_seen"))
_STATE = tuple(file_state.c[name] for name in SeenState._fields)

# Made once: making a statement takes as long as executing it.
_MINE = file.c.generation_id.in_(bindparam("generations", expanding=True))
_FILES = select(*_ROW).where(_MINE)
_SEEN_OTHERWISE = (
    select(file_state.c.file_id)
    .join(file, file.c.id == file_state.c.file_id)
    .where(
        _MINE,
        not_(file_state.c.listed)
        | file_state.c.yanked.is_not(None)
        | (file_state.c.seen_from != file.c.first_seen),
    )
    .distinct()
)
_WITH_STATES = (
    select(*_ROW, file.c.key, *_STATE)
    .join(file_state, file_state.c.file_id == file.c.id)
    # Said of both tables: a database that knows little of their sizes would read all states for a few files.
    .where(
        file.c.id.in_(bindparam("files", expanding=True)),
        file_state.c.file_id.in_(bindparam("files", expanding=True)),
    )
    .order_by(file.c.id, file_state.c.seen_from)
)


#: Many projects have the same versions.
_order_of, _shared = lru_cache(20_000)(version_order), lru_cache(20_000)(str)


class FileIndex(Struct, frozen=True, kw_only=True):
    """The files of a project. look: the row of ``observation`` as of which it is so.

    tallies, plain: see `ProjectPast`. versions, ids: of each plain file. others: those that are not plain, by id.
    """

    look: int
    tallies: Sequence[VersionTally]
    plain: PlainFiles
    versions: Sequence[str]
    ids: Sequence[int]
    others: Mapping[int, PastFile]

    @property
    def weight(self) -> int:
        """What it takes of `_MOST`."""
        return len(self.ids) + _OF_OTHERS * len(self.others) + _OF_VERSION * len(self.tallies)

    def ids_of(self, versions: Collection[str]) -> list[int]:
        """Return the ids of the plain files of versions."""
        return [number for number, one in zip(self.ids, self.versions, strict=True) if one in versions]


class FileIndexes:
    """The indexes of the projects that were looked at last, within a bound. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[int, FileIndex] = OrderedDict()
        self._weight = 0

    def of(
        self, connection: Connection, looks: Mapping[int, int], generations: Mapping[int, Sequence[Generation]]
    ) -> dict[int, FileIndex]:
        """Return the index of each project. looks: the newest of each; generations: of each that has any."""
        found = self.kept(looks)
        missing = {one: generations.get(one, ()) for one in looks if one not in found}
        for project, index in _read(connection, looks, missing):
            found[project] = index
            self._keep(project, index)
        return found

    def kept(self, looks: Mapping[int, int]) -> dict[int, FileIndex]:
        """Return the indexes that are in memory. looks: the newest of each project."""
        with self._lock:
            found = {
                one: kept for one, look in looks.items() if (kept := self._kept.get(one)) and kept.look == look
            }
            for one in found:
                self._kept.move_to_end(one)
        return found

    def _keep(self, project: int, index: FileIndex) -> None:
        with self._lock:
            before = self._kept.pop(project, None)
            self._weight += index.weight - (0 if before is None else before.weight)
            self._kept[project] = index
            while self._weight > _MOST and len(self._kept) > 1:
                _, dropped = self._kept.popitem(last=False)
                self._weight -= dropped.weight


def _read(
    connection: Connection, looks: Mapping[int, int], generations: Mapping[int, Sequence[Generation]]
) -> Iterator[tuple[int, FileIndex]]:
    owner = {one.id: (project, one.number) for project, some in generations.items() for one in some}
    rows: defaultdict[int, list[Row[*tuple[Any, ...]]]] = defaultdict(list)
    otherwise: set[int] = set()
    for some in in_batches(owner, _AT_ONCE):
        for row in connection.execute(_FILES, {"generations": some}).all():
            rows[owner[row[1]][0]].append(row)
        otherwise.update(connection.execute(_SEEN_OTHERWISE, {"generations": some}).scalars())
    for of_project in rows.values():
        names = Counter(row[2] for row in of_project)
        if len(names) < len(of_project):
            otherwise.update(row[0] for row in of_project if names[row[2]] > 1)
    seen = past_files(connection, otherwise, {one: number for one, (_, number) in owner.items()})
    for project in generations:
        yield project, _index(looks[project], rows[project], seen, owner)


def _index(
    look: int,
    rows: Sequence[Row[*tuple[Any, ...]]],
    seen: Mapping[int, PastFile],
    owner: Mapping[int, tuple[int, int]],
) -> FileIndex:
    names = Counter(row[2] for row in rows)
    others = {
        number: seen[number]
        for number, _, name, *_ in rows
        if number in seen and (names[name] > 1 or not _always_the_same(seen[number]))
    }
    by_version: defaultdict[tuple[int, str], list[tuple[int, int]]] = defaultdict(list)
    plain = []
    for number, generation, name, version, available, first_seen in rows:
        at, mine = NEVER if available is None else available, owner[generation][1]
        key = (mine, _shared(version or ""))
        by_version[key].append((at, first_seen))
        if number not in others:
            plain.append((name, mine, at, key[1], number))
    plain.sort()
    columns = list(zip(*plain, strict=True)) or [(), (), (), (), ()]
    return FileIndex(
        look=look,
        tallies=_tallies(by_version),
        plain=PlainFiles(columns[0], array("l", columns[1]), array("q", columns[2])),
        versions=columns[3],
        ids=array("q", columns[4]),
        others=dict(sorted(others.items())),
    )


def _tallies(by_version: Mapping[tuple[int, str], list[tuple[int, int]]]) -> list[VersionTally]:
    found = []
    for (generation, version), times in by_version.items():
        available = sorted(at for at, _ in times if at != NEVER)
        found.append(
            VersionTally(
                generation,
                version,
                _order_of(version),
                len(times),
                available[0] if available else None,
                min(first_seen for _, first_seen in times),
                tuple(available),
            )
        )
    found.sort(
        key=lambda one: (one.order, -1 if one.first is None else one.first, one.version, one.generation),
        reverse=True,
    )
    return found


def _always_the_same(one: PastFile) -> bool:
    return not one.changed and all(state[1:] == one.states[0][1:] for state in one.states)


def past_files(connection: Connection, ids: Collection[int], numbers: Mapping[int, int]) -> dict[int, PastFile]:
    """Return files with all that was seen of them, by id. numbers: of generations, by the ids of their rows."""
    found: dict[int, PastFile] = {}
    for some in in_batches(sorted(ids), _AT_ONCE):
        rows = connection.execute(_WITH_STATES, {"files": some}).all()
        for number, group in groupby(rows, key=itemgetter(0)):
            of_file = list(group)
            _, generation, filename, version, available, first_seen, key = of_file[0][:7]
            found[number] = PastFile(
                numbers[generation],
                filename,
                version or "",
                key_text(key),
                first_seen,
                available,
                tuple([SeenState._make(row[7:]) for row in of_file]),
            )
    return found
