"""Where the histories of the mirror's tests are: in SQLite, or all of them on a PostgreSQL of their own.

``HISTORY_DATABASE=postgresql pytest tests/mirror`` runs the same tests on the other (``make mirror-company``).
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from cachi2ish.mirror.history.engines.interface import HistoryPlace
from cachi2ish.mirror.history.store import SqlHistory
from tests.support.postgresql import PostgresqlServer

ON_POSTGRESQL = os.environ.get("HISTORY_DATABASE") == "postgresql"

_places: dict[Path, HistoryPlace] = {}


def history_at(path: Path) -> HistoryPlace:
    """Return the place of the history that ``path`` stands for; nothing is known in one that is new.

    On PostgreSQL, ``path`` is only its name.
    """
    if not ON_POSTGRESQL:
        if not path.exists():
            # Making one takes longer than most tests.
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(_empty(), path)
        return path
    if path not in _places:
        _places[path] = _server().new_history()
    return _places[path]


def text_of(place: HistoryPlace) -> str:
    """Return what the option ``--database`` takes, or the path of a file."""
    return str(place) if isinstance(place, Path) else place.with_credentials


@cache
def _empty() -> Path:
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    path = Path(folder.name) / "history.sqlite"
    SqlHistory(path).close()
    return path


@cache
def _server() -> PostgresqlServer:
    server = PostgresqlServer().__enter__()
    atexit.register(server.__exit__)
    return server
