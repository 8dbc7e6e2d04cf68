"""The state of a run as one line: whole where there is room, and its most telling parts where there is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cachi2ish.cli.display.units import counted, readable_size, readable_wait
from cachi2ish.services.progress import Counts
from cachi2ish.services.reporter import Doing, StageName

_SHORT: dict[StageName, str] = {
    "read": "reading",
    "choose": "choosing",
    "transfer": "fetching",
    "record": "writing",
}


#: The stages in which files arrive.
_WITH_FILES = frozenset({"choose", "transfer"})


@dataclass(frozen=True, slots=True)
class Moment:
    """What a line is about. speed: bytes per second; left: seconds; both None where they are not known.

    doing: None before the first stage.
    """

    counts: Counts
    speed: float | None
    left: float | None
    doing: Doing | None


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a line. weight: the lightest parts go first where there is no room."""

    weight: int
    text: str


def log_line(moment: Moment) -> str:
    """Return the line for a log."""
    return ", ".join(part.text for part in _parts(moment))


def screen_line(moment: Moment, width: int) -> str:
    """Return the line for a terminal, at most ``width`` characters of ASCII."""
    doing = moment.doing
    labels = ("", "") if doing is None else (sentence(doing), _word(doing))
    files_arrive = doing is not None and doing.files and doing.stage in _WITH_FILES
    shows_counts = files_arrive and moment.counts.expected > 0
    parts = list(_parts(moment)) if shows_counts else []
    while parts:
        text = ", ".join(part.text for part in parts)
        for line in (*(f"{label}: {text}" for label in labels), text):
            if len(line) <= width:
                return line
        if len(parts) == 1:
            return text[:width]
        parts.remove(min(parts, key=lambda part: part.weight))
    return next((label for label in labels if len(label) <= width), labels[-1][:width])


def sentence(doing: Doing) -> str:
    """Return what is being done as a sentence of a log."""
    match doing.stage:
        case "read":
            return "reading requirements files"
        case "choose" if doing.local:
            return f"looking up index pages{' and files' if doing.files else ''} in the cache"
        case "choose":
            return f"reading index pages{', and fetching files' if doing.files else ''}"
        case "transfer" if doing.local:
            return "taking the remaining files from the cache"
        case "transfer":
            return "fetching the remaining files"
        case "record":
            return "writing the output"


def _word(doing: Doing) -> str:
    """Return what is being done where there is no room for a sentence."""
    return "looking up" if doing.local and doing.stage in _WITH_FILES else _SHORT[doing.stage]


def _parts(moment: Moment) -> Iterator[_Part]:
    counts = moment.counts
    so_far = "" if counts.final else " so far"
    yield _Part(9, f"{counts.arrived} of {counted(counts.expected, 'file')}{so_far}")
    if counts.present:
        total = f" of {readable_size(counts.total)}" if counts.final and counts.total is not None else ""
        yield _Part(7, f"{readable_size(counts.present)}{total}")
    if moment.speed is not None:
        yield _Part(6, f"{readable_size(moment.speed)}/s")
    if moment.left is not None:
        yield _Part(8, f"{readable_wait(moment.left)} left")
    if counts.cached:
        yield _Part(5, f"{counts.fetched} from the network, {counts.cached} from the cache")
