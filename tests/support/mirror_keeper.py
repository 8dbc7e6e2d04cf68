"""Somebody who has a mirror, and runs its commands: for tests of ``cachi2ish mirror``."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from cachi2ish.mirror.records import HISTORY
from tests.support.command_line import Outcome

if TYPE_CHECKING:
    from tests.cli.conftest import Person


class Keeper:
    """Keeps a mirror of the index of ``person`` in ``directory``."""

    def __init__(self, person: Person, directory: Path) -> None:
        self.person, self.directory = person, directory

    def runs(self, *arguments: str | Path, code: int = 0) -> Outcome:
        outcome = self.person.runs("mirror", "--directory", self.directory, *arguments)
        assert outcome.code == code, outcome.err
        return outcome

    def syncs(self, code: int = 0) -> Outcome:
        return self.runs("sync", "--registry", f"pypi={self.person.index.index_url}", code=code)

    def status(self) -> dict[str, object]:
        content: dict[str, object] = json.loads(self.runs("status", "--format", "json").out)
        return content

    def let_all_be_due(self) -> None:
        """Let the next sync look at all projects, whenever they were looked at."""
        with closing(sqlite3.connect(self.directory / HISTORY)) as history, history:
            history.execute("UPDATE project SET due_at = 0")
