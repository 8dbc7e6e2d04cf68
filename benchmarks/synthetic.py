"""A mirror of made-up projects, as many as one likes: small sdists, and pages with twenty files each."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.mirror import Mirror
from benchmarks.workload import Held, ListedFile, ListedProject, Pin

VERSIONS = 20  # on each page; the newest one is pinned
_BYTES = 20_000  # of each sdist: small, so that the program's own work is what is measured


def make_mirror(folder: Path, count: int) -> Mirror:
    """Write ``count`` sdists below ``folder``; those of an earlier call are written again, the same bytes."""
    site = folder / "site"
    projects, held = [], []
    for number in range(count):
        name = f"made-up-{number:05}"
        listed = tuple(_files(name, site))
        projects.append(ListedProject(project=name, files=listed))
        held.append(Held(name, "sdist", listed[-1]))
    return Mirror(site, tuple(projects), tuple(held))


def pins_of(mirror: Mirror) -> Iterator[Pin]:
    for each in mirror.held:
        yield Pin(each.project, f"1.{VERSIONS - 1}", frozenset({each.file.sha256}))


def _files(name: str, site: Path) -> Iterator[ListedFile]:
    """The files of a page, of which the last one alone is written."""
    for minor in range(VERSIONS):
        stem = f"{name.replace('-', '_')}-1.{minor}"
        last = minor == VERSIONS - 1
        content = _sdist(name, stem) if last else stem.encode()
        file = ListedFile(
            filename=f"{stem}.tar.gz",
            url="https://files.example/",
            sha256=hashlib.sha256(content).hexdigest(),
            size=len(content),
            requires_python=">=3.8",
        )
        if last:
            place = site / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        yield file


def _sdist(name: str, stem: str) -> bytes:
    members = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {stem.rpartition('-')[2]}\n".encode(),
        "pyproject.toml": b'[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n',
        # Digests do not compress.
        "module.py": b"".join(hashlib.sha256(f"{stem} {n}".encode()).digest() for n in range(_BYTES // 32)),
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
        for path, content in members.items():
            member = tarfile.TarInfo(f"{stem}/{path}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    # The time in gzip's header, which would make other bytes of the same files each time.
    return packed.getvalue()[:4] + bytes(4) + packed.getvalue()[8:]
