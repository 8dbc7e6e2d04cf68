from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis.internal.conjecture import engine

from tests.fuzz.campaign import Campaign

_SHARE = pytest.StashKey[float]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Give each target the same part of ``FUZZ_SECONDS``, on each of the workers that there are."""
    seconds = os.environ.get("FUZZ_SECONDS")
    targets = [item for item in session.items if "campaign" in getattr(item, "fixturenames", ())]
    if seconds and targets:
        workers = getattr(session.config, "workerinput", {}).get("workercount", 1)
        session.config.stash[_SHARE] = float(seconds) * workers / len(targets)


@pytest.fixture
def campaign(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> Iterator[Campaign]:
    # Temporary files belong into the room too: it is where an example may write.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "room"))
    # Five minutes of making an input smaller would be half of all; what is slow is not made much smaller.
    monkeypatch.setattr(engine, "MAX_SHRINKING_SECONDS", 60)
    number = os.environ.get("FUZZ_SEED")
    made = Campaign(
        request.node.name,
        tmp_path,
        request.config.stash.get(_SHARE, None),
        int(number) if number else None,
    )
    yield made
    gc.collect()  # what is closed late is closed now, and not in the room of the next target
    record_property("inputs", made.inputs)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many inputs each target had."""
    if "FUZZ_SECONDS" not in os.environ:
        return
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "teardown":
                for name, value in report.user_properties:
                    terminalreporter.write_line(f"{value:>9} {name}: {report.nodeid.rpartition('::')[2]}")
