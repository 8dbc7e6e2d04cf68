"""What the commands of the mirror print of its history."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cachi2ish.cli.display.figures import counted, readable_size
from cachi2ish.core.cache_contents import Amount
from cachi2ish.core.cutoff import rfc3339
from cachi2ish.core.messages import printable
from cachi2ish.mirror.records import FileChange, Instant, Status

if TYPE_CHECKING:
    from cachi2ish.mirror.held.interface import SharingState
    from cachi2ish.mirror.held.shared.moving_files import Moved

#: Seconds between two lines of progress.
_PAUSE = 10.0


def status_text(status: Status, sharing: SharingState | None = None) -> str:
    """Return how much is known, a line for each kind, and the newest alarms."""
    due = "none" if not status.due else str(status.due)
    if status.overdue is not None:
        due += f", the first since {_moment(status.overdue)}"
    rows = [
        (f"projects of {name}", f"{number} seen, {status.followed[name]} followed")
        for name, number in status.projects.items()
    ]
    rows += [
        ("files", str(status.files)),
        ("looks", str(status.looks)),
        ("projects due", due),
        ("vanished files to be fetched", str(status.to_rescue)),
        ("vanished files that are lost", str(status.lost)),
        ("size of the history", readable_size(status.size)),
        ("alarms", str(status.all_alarms) if status.alarms else "none"),
    ]
    if sharing is not None:
        rows += [
            ("files are shared in", f"{sharing.place}{f', {sharing.problem}' if sharing.problem else ''}"),
            ("files still to be put there", str(sharing.unsent)),
        ]
    width = max(len(label) for label, _ in rows)
    lines = [f"{label:{width}}  {value}" for label, value in rows]
    lines += [
        f"{_moment(one.at)}  {one.kind.value}  {one.registry} {one.project}: {printable(one.text)}"
        for one in status.alarms
    ]
    return "".join(f"{line}\n" for line in lines)


def status_json(status: Status, sharing: SharingState | None = None) -> str:
    """Return the same as a JSON object; sizes in bytes, instants in RFC 3339 or null."""
    content: dict[str, object] = {
        "projects": dict(status.projects),
        "followed": dict(status.followed),
        "files": status.files,
        "looks": status.looks,
        "due": status.due,
        "overdue": None if status.overdue is None else _moment(status.overdue),
        "to_rescue": status.to_rescue,
        "lost": status.lost,
        "bytes": status.size,
        "alarms": [
            {
                "at": _moment(one.at),
                "registry": one.registry,
                "project": one.project,
                "kind": one.kind.value,
                "text": one.text,
            }
            for one in status.alarms
        ],
    }
    if sharing is not None:
        content["shared"] = {"place": sharing.place, "problem": sharing.problem, "unsent": sharing.unsent}
    return json.dumps(content, indent=2) + "\n"


def diff_text(changes: Iterable[FileChange]) -> str:
    """Return a line for each change: what came, what went, and what is different."""
    return "".join(f"{_change(one)}\n" for one in changes)


def _change(one: FileChange) -> str:
    match one.change:
        case "added":
            return f"+ {printable(one.filename)}"
        case "removed":
            return f"- {printable(one.filename)}"
    what = f"{printable(one.filename)} {one.change}" if one.filename else one.change
    return f"~ {what}: {printable(one.before)} -> {printable(one.after)}"


def diff_json(changes: Iterable[FileChange]) -> str:
    """Return the changes as a list of JSON objects."""
    listed = [
        {"filename": one.filename, "change": one.change, "before": one.before, "after": one.after}
        for one in changes
    ]
    return json.dumps(listed, indent=2) + "\n"


def staying_text(staying: Amount) -> Iterator[str]:
    """Yield what stays in a store since it may be nowhere else."""
    if staying.count:
        amount = f"{counted(staying.count, 'file')}, {readable_size(staying.size)}"
        yield f"{amount}, kept: no registry has listed them within two days (--also-vanished removes such)"


def moved_text(done: Moved, verb: str) -> str:
    """Return how many files were copied, or are sound."""
    there = f"; {done.there:,} were there before" if done.there else ""
    return f"{counted(done.files, 'file')} {verb}, {readable_size(done.size)}{there}"


def on_moved(report: Callable[[str], None], verb: str) -> Callable[[Moved], None]:
    """Return a callback that reports a line every ten seconds."""
    reported_at = time.monotonic()

    def watch(done: Moved) -> None:
        nonlocal reported_at
        if time.monotonic() - reported_at >= _PAUSE:
            reported_at = time.monotonic()
            report(f"{moved_text(done, verb)} so far")

    return watch


def counted_projects(number: int) -> str:
    """Return a number of projects in words."""
    return counted(number, "project")


def _moment(instant: Instant) -> str:
    return rfc3339(datetime.fromtimestamp(instant // 1_000_000, UTC))
