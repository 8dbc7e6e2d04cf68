"""What a team writes who need no tool: requests in threads, and nothing left behind but the files.

Its work is what a prefetch in Python cannot go without: pages are read, files are streamed and their digests are
compared. There is no cache, no second try, no look into the files, and no record. The difference from cachi2ish is
what cachi2ish adds; the difference from curl is what Python costs.

    python -m benchmarks.script INDEX_URL REQUIREMENTS OUTPUT
"""

from __future__ import annotations

import hashlib
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import local
from typing import TypedDict
from urllib.parse import urljoin

import requests
from packaging.utils import canonicalize_name

from benchmarks.pins import pins_in

_JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
_PAGES, _FILES = 8, 24  # threads; together as many as cachi2ish lets fetch files
_CHUNK = 256 * 1024


class _File(TypedDict):
    filename: str
    url: str
    hashes: dict[str, str]


class Script:
    """One run. ``output``: a folder that is there."""

    def __init__(self, index_url: str, output: Path) -> None:
        self._index_url = index_url
        self._output = output
        self._own = local()
        self._pages = ThreadPoolExecutor(_PAGES)
        self._files = ThreadPoolExecutor(_FILES)

    def run(self, pins: dict[str, frozenset[str]]) -> None:
        """Fetch the sdist of each project whose sha256 is pinned; raises whatever goes wrong."""
        with self._pages, self._files:
            started = [file for files in self._pages.map(self._start, pins.items()) for file in files]
            for file in started:
                file.result()

    def _start(self, pin: tuple[str, frozenset[str]]) -> list[Future[None]]:
        name, digests = pin
        answer = self._session().get(f"{self._index_url}{canonicalize_name(name)}/", headers=_JSON)
        answer.raise_for_status()
        listed: list[_File] = answer.json()["files"]
        sdists = (file for file in listed if not file["filename"].endswith(".whl"))
        wanted = (file for file in sdists if file["hashes"].get("sha256") in digests)
        return [self._files.submit(self._fetch, urljoin(answer.url, file["url"]), file) for file in wanted]

    def _fetch(self, url: str, file: _File) -> None:
        digest = hashlib.sha256()
        with (
            self._session().get(url, stream=True) as answer,
            (self._output / file["filename"]).open("wb") as target,
        ):
            answer.raise_for_status()
            while chunk := answer.raw.read(_CHUNK):
                digest.update(chunk)
                target.write(chunk)
        if digest.hexdigest() != file["hashes"]["sha256"]:
            raise ValueError(f"{file['filename']} is not what the page says")

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = requests.Session()
        return session


if __name__ == "__main__":
    folder = Path(sys.argv[3])
    folder.mkdir(exist_ok=True)
    Script(sys.argv[1], folder).run(pins_in(Path(sys.argv[2]).read_text()))
