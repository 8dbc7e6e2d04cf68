"""How large the history of a mirror is, and how fast: ``python -m benchmarks.history --projects 70000``.

The default is a tenth of PyPI, and takes some minutes. One project has 40,000 files, the others 14 each.
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from packaging.utils import NormalizedName

from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.instants import instant_of
from cachi2ish.mirror.records import Look, Registry

_INDEX = Registry(name="pypi", url="https://index.example/simple/")
_START, _DAYS = datetime(2015, 1, 1, tzinfo=UTC), 4000
_LOOK = instant_of(_START + timedelta(days=_DAYS + 1))
_LARGE, _USUAL = 40_000, 14
_PAGES = 1000


def _name(number: int) -> NormalizedName:
    return NormalizedName(f"project-{number}-name")


def _file(project: str, number: int, chance: random.Random) -> IndexFile:
    wheel = number % 2 == 1
    stem = f"{project.replace('-', '_')}-1.{number}.0"
    filename = f"{stem}-py3-none-any.whl" if wheel else f"{stem}.tar.gz"
    digest = sha256(filename.encode()).hexdigest()
    place = sha256(digest.encode()).hexdigest()
    return IndexFile(
        filename=filename,
        url=f"https://files.example/packages/{place[:2]}/{place[2:4]}/{place[4:]}/{filename}",
        hashes=(("sha256", digest),),
        requires_python=">=3.8",
        size=chance.randrange(10_000_000),
        upload_time=_START + timedelta(days=chance.random() * _DAYS),
        core_metadata=(("sha256", place),) if wheel else None,
    )


def _page(number: int, count: int, chance: random.Random) -> Page:
    name = _name(number)
    return Page(
        project=name,
        index=_INDEX.url,
        files=tuple(_file(name, each, chance) for each in range(count)),
        versions=tuple(f"1.{each}.0" for each in range(count)),
    )


def measure(projects: int, folder: Path) -> None:
    """Print what a history of so many projects takes. Processor time, since other programs run beside."""
    chance = random.Random(1)
    path = folder / "history.sqlite"
    with SqlHistory(path) as history:
        history.configure(_INDEX)
        counts = [_LARGE, *(projects - 1) * [_USUAL]]
        used = 0.0
        for number, count in enumerate(counts):
            page = _page(number, count, chance)
            began = time.process_time()
            history.observe("pypi", _name(number), page, Look(seen_at=_LOOK + number))
            used += time.process_time() - began
        print(f"a first look: {used / projects * 1000:.2f} ms")
        took = []
        for _ in range(_PAGES):
            cutoff = Cutoff(_START + timedelta(days=chance.random() * _DAYS))
            began = time.process_time()
            history.page("pypi", _name(chance.randrange(1, projects)), cutoff)
            took.append((time.process_time() - began) * 1000)
        took.sort()
        half, most = took[_PAGES // 2], took[_PAGES * 99 // 100]
        print(f"a page as of a date: {half:.2f} ms, {most:.2f} ms at the 99th percentile")
        began = time.process_time()
        day = history.freeze("pypi", Cutoff(_START + timedelta(days=_DAYS // 2)), _LOOK)
        print(f"to freeze {day.projects} pages: {time.process_time() - began:.1f} s")
    print(f"bytes of a file: {path.stat().st_size / sum(counts):.0f}, of {sum(counts)} files")
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--projects", type=int, default=70_000)
    with tempfile.TemporaryDirectory() as folder:
        measure(parser.parse_args().projects, Path(folder))


if __name__ == "__main__":
    main()
