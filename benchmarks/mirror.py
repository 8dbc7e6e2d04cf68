"""The mirror: pages and files of the real index, fetched once, checked at each use."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import requests
from pydantic import ValidationError
from pypi_simple import ACCEPT_ANY, NoSuchProjectError, PyPISimple, UnsupportedContentTypeError
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from benchmarks.failures import BenchmarkError
from benchmarks.workload import Held, ListedFile, ListedProject, Pin, hold
from cachi2ish import __version__
from cachi2ish.core.urls import redact

_TIMEOUT = (15, 60)  # seconds to connect, and between two pieces
_PIECE = 256 * 1024

Say = Callable[[str], None]


@dataclass(frozen=True)
class Mirror:
    """What is there: for each pin the page of its project, its sdist and its best wheel below ``site``."""

    site: Path
    projects: tuple[ListedProject, ...]
    held: tuple[Held, ...]


def build(folder: Path, pins: tuple[Pin, ...], index_url: str, say: Say) -> Mirror:
    """Bring what is missing below ``folder`` from the index, one request at a time; leave alone what is there.

    Raises BenchmarkError if the index cannot be read or sends a file with another digest.
    """
    site = folder / "site"
    with _client(index_url) as client:
        try:
            projects = tuple(_page(client, folder / "pages", pin.project, say) for pin in pins)
            held = tuple(
                file for pin, known in zip(pins, projects, strict=True) for file in hold(pin, known.files)
            )
            missing = [each.file for each in held if not _is_right(site / each.file.path, each.file.sha256)]
            for number, file in enumerate(missing, 1):
                say(f"mirror: file {number} of {len(missing)}, {file.filename}")
                _download(client.s, file, site / file.path)
        except (requests.RequestException, NoSuchProjectError, UnsupportedContentTypeError) as error:
            raise BenchmarkError(f"the mirror could not be made: {_shown(error)}") from error
    return Mirror(site, projects, held)


def _client(index_url: str) -> PyPISimple:
    session = requests.Session()
    session.headers["User-Agent"] = f"cachi2ish-benchmarks/{__version__}"
    session.verify = os.environ.get("PIP_CERT") or True
    retry = Retry(total=5, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504), raise_on_status=False)
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    return PyPISimple(endpoint=index_url, session=session, accept=ACCEPT_ANY)


def _page(client: PyPISimple, folder: Path, project: str, say: Say) -> ListedProject:
    path = folder / f"{project}.json"
    try:
        return ListedProject.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        say(f"mirror: page of {project}")
    page = client.get_project_page(project, timeout=_TIMEOUT)
    files = tuple(
        ListedFile(
            filename=file.filename,
            url=file.url,
            sha256=file.digests["sha256"],
            size=file.size,
            requires_python=file.requires_python,
            upload_time=file.upload_time,
            yanked=(file.yanked_reason or True) if file.is_yanked else False,
        )
        for file in page.packages
        if "sha256" in file.digests
    )
    listed = ListedProject(project=project, files=files)
    _place(path, [listed.model_dump_json(exclude_none=True).encode()])
    return listed


def _download(session: requests.Session, file: ListedFile, path: Path) -> None:
    with session.get(file.url, stream=True, timeout=_TIMEOUT, headers={"Accept-Encoding": "identity"}) as answer:
        answer.raise_for_status()
        _place(path, answer.iter_content(_PIECE))
    if not _is_right(path, file.sha256):
        path.unlink()
        raise BenchmarkError(f"the index sent another file than {file.filename} with sha256 {file.sha256}")


def _place(path: Path, pieces: Iterable[bytes]) -> None:
    """Write beside the place and move it there, so that a run that is killed leaves no half file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f"{path.name}.part")
    with half.open("wb") as writer:
        for piece in pieces:
            writer.write(piece)
    half.replace(path)


def _shown(error: Exception) -> str:
    """The error's text without the credentials that an address in it may hold."""
    return re.sub(r"\w+://\S+", lambda found: redact(found[0]), str(error))


def _is_right(path: Path, sha256: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False
