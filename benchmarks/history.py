"""How large and how fast the history of a mirror is, and how that grows: ``make bench-history``.

    python -m benchmarks.history [--projects 7000 70000] [--databases sqlite postgresql] [--keep FOLDER] …

Histories of made-up registries with the shape of PyPI (`benchmarks.simulated_registry`) are filled by the way that
looks at a real one take; 700,000 projects are all of PyPI. Each kind of figures is measured in a process of its
own (`benchmarks.history_measures`). With --keep, what was filled stays in FOLDER, a run that was broken off goes
on, and another run measures again what --only names, or everything. On a machine that others use, only bytes,
counts and the time of processors are worth anything.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.failures import BenchmarkError
from benchmarks.history_growth import growth_table, verdicts
from benchmarks.history_measures import DAYS, KINDS
from benchmarks.history_watch import SERVER, Figures
from benchmarks.registry_shape import PYPI

_FIGURES = "figures.json"

#: Days that have gone by, among the figures.
_DAYS_DONE = "days that have gone by"


def run(folder: Path, database: str, projects: int, kinds: list[str]) -> Figures:
    """Fill and measure a history in ``folder``; return all figures that there are of it.

    Raises `BenchmarkError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / _FIGURES
    figures: Figures = json.loads(kept.read_text()) if kept.exists() else {}
    with _place(folder, database) as (place, environment):
        for kind in ["fill", *(kind for kind in kinds if kind != "fill")]:
            days = int(figures.get(_DAYS_DONE, 0))
            print(f"{database}, {projects:,} projects: {kind}", file=sys.stderr, flush=True)
            command = [sys.executable, "-m", "benchmarks.history_measures", kind, place, str(projects)]
            done = subprocess.run(
                [*command, f"--days-before={days}"],
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
                check=False,
            )
            if done.returncode:
                raise BenchmarkError(f"{kind} has failed for {projects} projects on {database}")
            figures |= json.loads(done.stdout)
            if kind == "days":
                figures[_DAYS_DONE] = days + DAYS
            kept.write_text(json.dumps(figures, indent=1))
    return figures


@contextmanager
def _place(folder: Path, database: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the place of the history, and the environment of who measures."""
    if database == "sqlite":
        yield str(folder / "history.sqlite"), dict(os.environ)
        return
    # The server is that of the tests: Debian's, on loopback, not waiting for the disk.
    from tests.support.postgresql import PostgresqlServer  # noqa: PLC0415  (it needs a driver)

    with PostgresqlServer(kept=folder.absolute()) as server:
        number = (folder / "data" / "postmaster.pid").read_text().splitlines()[0]
        yield server.address().with_credentials, {**os.environ, SERVER: number}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--projects", type=int, nargs="+", default=[7_000, 70_000])
    parser.add_argument("--databases", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite"])
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where histories are, and stay")
    parser.add_argument(
        "--only", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND", help=" ".join(KINDS)
    )
    given = parser.parse_args()
    print(f"{PYPI.projects:,} projects and {PYPI.files:,} files are all of PyPI; files in proportion\n")
    with ExitStack() as stack:
        root = given.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for database in given.databases:
            found: dict[int, Figures] = {}
            for projects in sorted(set(given.projects)):
                try:
                    found[projects] = run(root / f"{database}-{projects}", database, projects, given.only)
                except BenchmarkError as error:
                    print(f"error: {error}", file=sys.stderr)
                    return 1
            print(f"{growth_table(database, found)}\n\n{verdicts(found[max(found)])}\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
