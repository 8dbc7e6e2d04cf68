"""Compares the files of a page with those that are known, and writes down what differs, and no more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from packaging.utils import canonicalize_version
from sqlalchemy import Connection, bindparam, insert, select, update

from cachi2ish.core.distributions import by_version
from cachi2ish.core.messages import excerpt
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.mirror.history.known_files import FileState, KnownFile, key_of, other_hashes, split_url
from cachi2ish.mirror.history.sight import Sight
from cachi2ish.mirror.history.tables import file, file_state, site
from cachi2ish.mirror.instants import instant_of, text_of
from cachi2ish.mirror.records import AlarmKind, Instant

#: What makes two files one.
Identity = tuple[str, bytes]

_NEW_FILES, _NEW_STATES = insert(file), insert(file_state)
_ADDED_FILES = select(file.c.id, file.c.filename, file.c.key).where(
    file.c.generation_id == bindparam("generation"), file.c.first_seen == bindparam("seen")
)
_SITE = select(site.c.id).where(site.c.url == bindparam("address"))


@dataclass(slots=True)
class Compared:
    """What differs. available: the instants of the files that are new, as far as they have any."""

    added: int = 0
    changed: int = 0
    vanished: list[KnownFile] = field(default_factory=list)
    available: list[Instant] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        """Whether nothing differs."""
        return not (self.added or self.changed or self.vanished)


def identified(sight: Sight, page: Page) -> dict[Identity, IndexFile]:
    """Return the files of a page by what makes them what they are."""
    found: dict[Identity, IndexFile] = {}
    for shown in page.files:
        key = key_of(sight.registry.rules.name, sight.project.name, shown)
        found.setdefault((shown.filename, key), shown)
    return found


def compare(
    sight: Sight,
    generation_id: int,
    known: Sequence[KnownFile],
    page: Page,
    shown: dict[Identity, IndexFile],
) -> Compared:
    """Write down how ``shown``, the files of ``page``, differ from ``known``, those of the generation."""
    compared = Compared()
    by_identity = {(one.filename, one.key): one for one in known}
    states: list[dict[str, Any]] = []
    for identity, one in shown.items():
        before = by_identity.get(identity)
        if before is not None:
            _meet_again(sight, before, one, compared, states)
    vanish(sight, [one for identity, one in by_identity.items() if identity not in shown], compared, states)
    new = {identity: one for identity, one in shown.items() if identity not in by_identity}
    if new:
        names = {one.filename: sight.seen_at if one.state.listed else one.state_from for one in known}
        states += _add_files(sight, generation_id, new, page, names, compared)
    if states:
        sight.connection.execute(_NEW_STATES, states)
    _raise_alarms(sight, by_identity, shown, new)
    return compared


def vanish(sight: Sight, gone: Iterable[KnownFile], compared: Compared, states: list[dict[str, Any]]) -> None:
    """Note the states of files that are not listed any more."""
    for one in gone:
        if one.state.listed:
            compared.vanished.append(one)
            states.append(_row(one.id, sight.seen_at, one.state._replace(listed=False)))


def write_vanished(sight: Sight, gone: Iterable[KnownFile]) -> Compared:
    """Write down that these files are not listed any more."""
    compared, states = Compared(), list[dict[str, Any]]()
    vanish(sight, gone, compared, states)
    if states:
        sight.connection.execute(_NEW_STATES, states)
    return compared


def _meet_again(
    sight: Sight, before: KnownFile, shown: IndexFile, compared: Compared, states: list[dict[str, Any]]
) -> None:
    state = before.state.followed_by(FileState.of(shown))
    if state != before.state:
        states.append(_row(before.id, sight.seen_at, state))
        compared.changed += 1
    values: dict[str, Any] = {}
    url, path = split_url(shown.url, shown.filename)
    if (url, path) != (before.site, before.path):
        values |= {"site_id": _site(sight, url), "path": path}
    if before.available is None and state.upload_time is not None:
        # It is dated only now, so it must not come onto pages that are closed without it.
        values["available"] = available = sight.available_from(state.upload_time)
        compared.available += [] if available is None else [available]
    if values:
        sight.connection.execute(update(file).where(file.c.id == before.id).values(values))


def _add_files(
    sight: Sight,
    generation_id: int,
    new: dict[Identity, IndexFile],
    page: Page,
    names: Mapping[str, Instant],
    compared: Compared,
) -> list[dict[str, Any]]:
    """Write down files that were not seen before; return the rows of their states.

    names: until when other files had these.
    """
    versions = _versions(new.values(), page)
    rows: list[dict[str, Any]] = []
    states: dict[Identity, FileState] = {}
    for (filename, key), shown in new.items():
        url, path = split_url(shown.url, filename)
        state = FileState.of(shown)
        available = sight.available_from(state.upload_time, names.get(filename))
        if available is not None:
            compared.available.append(available)
        states[filename, key] = state
        rows.append(
            {
                "generation_id": generation_id,
                "filename": filename,
                "version": versions.get(filename),
                "key": key,
                "hashes": other_hashes(shown, key),
                "site_id": _site(sight, url),
                "path": path,
                "first_seen": sight.seen_at,
                "available": available,
            }
        )
    sight.connection.execute(_NEW_FILES, rows)
    # Asked for afterwards: to be told the number of each row, it would be inserted by a statement of its own.
    added = sight.connection.execute(_ADDED_FILES, {"generation": generation_id, "seen": sight.seen_at})
    numbers = {(filename, key): number for number, filename, key in added}
    compared.added = len(rows)
    return [_row(numbers[identity], sight.seen_at, state) for identity, state in states.items()]


def _row(number: int, seen_from: Instant, state: FileState) -> dict[str, Any]:
    return {"file_id": number, "seen_from": seen_from, **state._asdict()}


def site_number(connection: Connection, url: str) -> int:
    """Return the number of a site, which is added where it is new."""
    number: int | None = connection.execute(_SITE, {"address": url}).scalar_one_or_none()
    if number is None:
        number = connection.execute(insert(site).returning(site.c.id), {"url": url}).scalar_one()
    return number


def _site(sight: Sight, url: str) -> int:
    number = sight.sites.get(url)
    if number is None:
        number = sight.sites[url] = site_number(sight.connection, url)
    return number


def _versions(shown: Iterable[IndexFile], page: Page) -> dict[str, str]:
    """Return the versions of files by their names, as the index spells them (PEP 700), else as the names do."""
    names = [one.filename for one in shown]
    normal = cache(_normal)  # most versions are spelled alike on the page and in the names
    spelled = {normal(version): version for version in page.versions or ()}
    return {
        names[position]: spelled.get(normal(version), version)
        for version, positions in by_version(names, page.project).items()
        for position in positions
    }


def _normal(version: str) -> str:
    # In the names of files "_" may stand for the "+" before a local label.
    return canonicalize_version(version if "+" in version else version.replace("_", "+", 1)).casefold()


def _raise_alarms(
    sight: Sight,
    known: dict[Identity, KnownFile],
    shown: dict[Identity, IndexFile],
    new: dict[Identity, IndexFile],
) -> None:
    names = {one.filename for one in known.values()}
    swapped = [name for name, _ in new if name in names]
    late = [
        name
        for (name, _), one in new.items()
        if name not in names and one.upload_time is not None and sight.is_late(instant_of(one.upload_time))
    ]
    other = [
        identity[0]
        for identity, one in shown.items()
        if (before := known.get(identity)) is not None
        and before.state.upload_time is not None
        and (one.upload_time is None or instant_of(one.upload_time) != before.state.upload_time)
    ]
    if swapped:
        sight.raise_alarm(AlarmKind.OTHER_BYTES, f"{_shown(swapped)} had another digest before")
    if late and known and sight.last is not None:
        when = text_of(sight.last.last_at)
        sight.raise_alarm(
            AlarmKind.LATE_FILE, f"{_shown(late)} was not there {when}, and claims an earlier upload time"
        )
    if other:
        sight.raise_alarm(AlarmKind.OTHER_TIME, f"{_shown(other)} had another upload time before")


def _shown(names: Sequence[str]) -> str:
    more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    return f"{excerpt(names[0])}{more}"
