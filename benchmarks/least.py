"""The least that a program in Python does which fetches pins and looks at all of each sdist: a floor.

It has what makes cachi2ish fast: urllib3 without requests, pages read by msgspec, threads, and ISA-L in a process
of its own. Sdists are decompressed to their end, and nothing is looked for in them. There is no cache, no choice,
no second try, no limit, no progress and no record. So its processor time is what no such tool comes below that
keeps the promise to look at all of an sdist.

    python -m benchmarks.least INDEX_URL REQUIREMENTS OUTPUT
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import IO
from urllib.parse import urljoin

import msgspec
import urllib3
from isal import isal_zlib

from benchmarks.pins import pins_in

_HEADERS = {"Accept": "application/vnd.pypi.simple.v1+json", "Accept-Encoding": "gzip"}
_PAGES, _FILES = 8, 12  # threads, as many as cachi2ish has
_CHUNK = 256 * 1024
_GZIP = 31  # zlib's name for a gzip header, with the largest window
_LOOKING = Path(__file__).with_name("looking.py")


class _File(msgspec.Struct):
    filename: str
    url: str
    hashes: dict[str, str]


class _Page(msgspec.Struct):
    files: list[_File]


class Least:
    """One run. ``output``: a folder that is there. paths: where each file's path goes when it is there."""

    def __init__(self, index_url: str, output: Path, paths: IO[str]) -> None:
        self._index_url = index_url
        self._output = output
        self._paths = paths
        self._writing = Lock()
        self._connections = urllib3.PoolManager(maxsize=_PAGES + _FILES)
        self._decoder = msgspec.json.Decoder(_Page)
        self._pages = ThreadPoolExecutor(_PAGES)
        self._files = ThreadPoolExecutor(_FILES)

    def run(self, pins: dict[str, frozenset[str]]) -> None:
        """Fetch the sdist of each project whose sha256 is pinned; raises whatever goes wrong."""
        with self._pages, self._files:
            for started in list(self._pages.map(self._start, pins.items())):
                for file in started:
                    file.result()

    def _start(self, pin: tuple[str, frozenset[str]]) -> list[Future[None]]:
        name, digests = pin
        url = f"{self._index_url}{name.lower().replace('_', '-').replace('.', '-')}/"
        answer = self._connections.request("GET", url, headers=_HEADERS, decode_content=False)
        packed = answer.headers.get("Content-Encoding") == "gzip"
        listed = self._decoder.decode(isal_zlib.decompress(answer.data, _GZIP) if packed else answer.data).files
        sdists = (file for file in listed if not file.filename.endswith(".whl"))
        wanted = (file for file in sdists if file.hashes.get("sha256") in digests)
        return [self._files.submit(self._fetch, urljoin(url, file.url), file) for file in wanted]

    def _fetch(self, url: str, file: _File) -> None:
        digest, path = hashlib.sha256(), self._output / file.filename
        answer = self._connections.request("GET", url, preload_content=False, decode_content=False)
        with path.open("wb", buffering=0) as target:
            while chunk := answer.read(_CHUNK):
                digest.update(chunk)
                target.write(chunk)
        answer.release_conn()
        if digest.hexdigest() != file.hashes["sha256"]:
            raise ValueError(f"{file.filename} is not what the page says")
        with self._writing:
            print(path, file=self._paths, flush=True)


def main() -> None:
    index_url, requirements, output = sys.argv[1:]
    folder = Path(output)
    folder.mkdir(exist_ok=True)
    with subprocess.Popen([sys.executable, str(_LOOKING)], stdin=subprocess.PIPE, text=True) as looking:
        assert looking.stdin
        Least(index_url, folder, looking.stdin).run(pins_in(Path(requirements).read_text()))
        looking.stdin.close()
        if looking.wait():
            sys.exit("not all files could be looked into")


if __name__ == "__main__":
    main()
