"""Which locks an old pip refuses: pip itself is asked, over loopback, where there is a newer release of all.

``tests/core/test_extras.py`` holds what ``fetch-deps`` warns of against the same table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import Done, Shell, clean_environment

from tests.support.distributions import Dist, make_wheel
from tests.support.index_server import IndexServer
from tests.support.old_pips import EXTRAS, TRAPS, Trap

VERSIONS = ("1.0", "1.0.post1", "1.5", "2.0")


@dataclass(frozen=True)
class Bench:
    """A source with a lock, and an index that has its files and newer ones."""

    shell: Shell
    source: Path
    index: IndexServer

    def write(self, trap: Trap) -> None:
        pins = []
        for line in trap.lines:
            requirement, _, marker = line.partition(" ; ")
            name = requirement.partition("[")[0]
            pinned, *newer = (self._wheel(name, version, trap) for version in VERSIONS)
            for dist in (pinned, *newer):
                self.index.add(name, dist)
            pins.append(f"{requirement}==1.0{' ; ' if marker else ''}{marker} {pinned.hash_option()}\n")
        constraints = ("-c constraints.txt\n",) if trap.constraints else ()
        (self.source / "constraints.txt").write_text("".join(f"{line}\n" for line in trap.constraints))
        (self.source / "requirements.txt").write_text("".join((*constraints, *pins)))

    def _wheel(self, name: str, version: str, trap: Trap) -> Dist:
        offered = "".join(f"\nProvides-Extra: {extra}" for extra in EXTRAS)
        first, *others = trap.dependencies.get(name, (f"{name}==0 ; extra == 'never'",))
        return make_wheel(name, version, requires=(first + offered, *others))

    def install(self, pip: Path, *options: str) -> Done:
        places = ("--index-url", self.index.index_url, "--dry-run", "--ignore-installed")
        lock = ("-r", "requirements.txt")
        command = (sys.executable, "-m", "pip", "install", "--quiet", "--no-cache-dir", *places, *options, *lock)
        return self.shell.try_(*command, cwd=self.source, PYTHONPATH=str(pip))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    (tmp_path / "source").mkdir()
    with IndexServer() as index:
        yield Bench(Shell(clean_environment(), ()), tmp_path / "source", index)


@pytest.mark.parametrize("name", TRAPS)
def test_pip_refuses_what_the_table_says(bench: Bench, old_pips: Path, name: str) -> None:
    bench.write(TRAPS[name])
    done = bench.install(old_pips / "23.2.1")
    assert (done.status != 0) is TRAPS[name].refused, done.errors


@pytest.mark.parametrize(("version", "refused"), [("23.0.1", True), ("23.2.1", True), ("24.0", False)])
def test_the_pips_that_refuse_are_those_that_the_warning_names(
    bench: Bench, old_pips: Path, version: str, refused: bool
) -> None:
    bench.write(TRAPS["no extra is named"])
    assert (bench.install(old_pips / version).status != 0) is refused
    assert bench.install(old_pips / version, "--no-deps").status == 0
