"""Where the files of the mirror's tests are: on the disk, or all of them in a real S3 server.

``MIRROR_FILES=s3 pytest tests/mirror`` runs the same tests with files in S3 (``make mirror-company``).
"""

from __future__ import annotations

import os
from functools import cache
from itertools import count
from pathlib import Path

from cachi2ish.cache.housekeeping import DiskHousekeeping
from cachi2ish.cli.wiring_files import shared_files
from cachi2ish.http.verification import key_of
from cachi2ish.mirror.held.interface import SharedFiles
from cachi2ish.mirror.rooms import SharedPlace
from cachi2ish.settings.buckets import Bucket
from tests.support.s3_server import shared_s3

IN_S3 = os.environ.get("MIRROR_FILES") == "s3"

_numbers = count(1)
_places: dict[Path, Bucket] = {}


def new_place() -> Bucket:
    """Return a place in S3 in which nothing is."""
    return Bucket(_bucket(), f"place-{next(_numbers)}")


def files_in(place: Bucket, endpoint: str | None = None) -> SharedFiles:
    """Return what is there. endpoint: another way to the server than the straight one."""
    environment = shared_s3().environment
    for name, value in environment.items():  # the library reads some of them itself
        os.environ.setdefault(name, value)
    return shared_files(place, environment if endpoint is None else {**environment, "AWS_ENDPOINT_URL": endpoint})


def shared_place(directory: Path, files: SharedFiles, limit: int = 10**12) -> SharedPlace:
    """Return what a mirror in ``directory`` has in common with others."""
    housekeeping = DiskHousekeeping(directory / "files", directory / "files/catalogue.sqlite")
    return SharedPlace(
        files=files, limit=limit, pruning=lambda: housekeeping.pruning(pretend=False), unfinished=key_of
    )


def place_of(directory: Path) -> Bucket | None:
    """Return where a mirror in ``directory`` has its files, where all tests have them in S3."""
    if not IN_S3:
        return None
    return _places.setdefault(directory, new_place())


@cache
def _bucket() -> str:
    return shared_s3().new_bucket()
