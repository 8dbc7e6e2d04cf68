"""One look at one project, while it is written down: what was known before, and what is noted of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, insert, update

from cachi2ish.mirror.history.projects_seen import KnownProject, KnownRegistry, LastLook, ProjectState
from cachi2ish.mirror.history.tables import alarm, observation, project, project_state
from cachi2ish.mirror.records import Alarm, AlarmKind, Instant, Look, UntimedFiles

# Made once: making a statement takes as long as executing it.
_NEW_STATE, _NEW_LOOK = insert(project_state), insert(observation)
_LONGER = (
    update(observation)
    .where(observation.c.id == bindparam("row"))
    .values(last_at=bindparam("seen"), looks=observation.c.looks + 1, etag=bindparam("tag"))
)
_LOOKED_AT = (
    update(project)
    .where(project.c.id == bindparam("row"))
    .values(closed_until=bindparam("until"), due_at=bindparam("due"))
)


@dataclass(slots=True)
class Sight:
    """One look. last: the one before. is_new: whether the project was not known at all.

    sites: the numbers of those that the transaction has met.
    """

    connection: Connection
    registry: KnownRegistry
    project: KnownProject
    look: Look
    last: LastLook | None
    is_new: bool
    sites: dict[str, int]
    alarms: list[Alarm] = field(default_factory=list)

    @property
    def seen_at(self) -> Instant:
        """When the upstream was asked."""
        return self.look.seen_at

    def raise_alarm(self, kind: AlarmKind, text: str) -> None:
        """Write an alarm down."""
        self.alarms.append(Alarm(self.seen_at, self.registry.rules.name, self.project.name, kind, text))
        row = {"project_id": self.project.id, "at": self.seen_at, "kind": kind.value, "text": text}
        self.connection.execute(insert(alarm), row)

    def add_state(self, generation_id: int, state: ProjectState) -> None:
        """Write down what is new of a project."""
        row = {"generation_id": generation_id, "seen_from": self.seen_at, **state._asdict()}
        self.connection.execute(_NEW_STATE, row)

    def is_late(self, upload_time: Instant) -> bool:
        """Return whether a file that was not seen before claims a time at which pages are closed already."""
        closed = self.project.closed_until
        return closed is not None and upload_time < closed

    def available_from(self, upload_time: Instant | None, not_before: Instant | None = None) -> Instant | None:
        """Return the instant after which a file that was not seen before is on dated pages; None for never.

        It is the upload time, but for a file that was not there at a later look: that look. not_before: until when
        another file had its name: both cannot have been there at once.
        """
        available = upload_time
        if upload_time is None:
            by_sight = self.registry.rules.untimed is UntimedFiles.FIRST_SEEN
            available = self.seen_at if by_sight else None
        elif self.is_late(upload_time) and self.last is not None:
            available = self.last.last_at
        return available if available is None or not_before is None else max(available, not_before)

    def note(self, *, same: bool, missing: bool, follow: bool = True) -> None:
        """Write down that the project was looked at. same: nothing differs from the last look.

        follow: whether it is to be looked at again.
        """
        look, last = self.look, self.last
        if same and last is not None:
            longer = {"row": last.id, "seen": look.seen_at, "tag": look.etag or last.etag}
            self.connection.execute(_LONGER, longer)
        else:
            row = {
                "project_id": self.project.id,
                "first_at": look.seen_at,
                "last_at": look.seen_at,
                "looks": 1,
                "missing": missing,
                "serial": look.serial,
                "etag": look.etag,
                "digest": None if look.digest is None else bytes.fromhex(look.digest),
            }
            self.connection.execute(_NEW_LOOK, row)
        rules, known = self.registry.rules, self.project
        closed = look.seen_at - rules.settling
        followed = follow or known.due_at is not None
        values = {
            "row": known.id,
            "until": closed if known.closed_until is None else max(closed, known.closed_until),
            "due": look.seen_at + rules.interval if followed else None,
        }
        self.connection.execute(_LOOKED_AT, values)
