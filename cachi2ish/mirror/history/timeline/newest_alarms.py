"""What upstreams have done lately that they never should."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.utils import NormalizedName
from sqlalchemy import Connection, select

from cachi2ish.mirror.history.tables import alarm, project, registry
from cachi2ish.mirror.records import Alarm, AlarmKind

#: How many a status has.
_MOST = 100

_NEWEST = (
    select(
        alarm.c.at, alarm.c.kind, alarm.c.text, registry.c.name.label("registry"), project.c.name.label("project")
    )
    .join(project, project.c.id == alarm.c.project_id)
    .join(registry, registry.c.id == project.c.registry_id)
    .order_by(alarm.c.at.desc(), alarm.c.id.desc())
    .limit(_MOST)
)


def newest_alarms(connection: Connection) -> Iterator[Alarm]:
    """Yield the alarms of all registries, the newest first."""
    for row in connection.execute(_NEWEST):
        yield Alarm(row.at, row.registry, NormalizedName(row.project), AlarmKind(row.kind), row.text)
