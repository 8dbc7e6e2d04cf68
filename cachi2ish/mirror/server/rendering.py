"""Pages as bytes: in the form that the client prefers, with the addresses of the mirror, packed, with an ETag."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

import msgspec
from msgspec.structs import replace
from packaging.utils import NormalizedName

from cachi2ish.core.cutoff import rfc3339
from cachi2ish.core.distributions import is_wheel, version_order
from cachi2ish.core.pages import IndexFile
from cachi2ish.mirror.records import DatedPage
from cachi2ish.simple_api.html_pages import write_html, write_html_list
from cachi2ish.simple_api.json_pages import write_json, write_json_list
from cachi2ish.simple_api.negotiation import HTML, JSON, TEXT_HTML

#: What is offered, first what is taken where the client has no wish: what every client has always understood.
OFFERED = (TEXT_HTML, HTML, JSON)

#: Bytes below which packing saves nothing.
_WORTH_PACKING = 1000

#: What zlib takes for the best of both: a higher one costs far more time than it saves bytes.
_LEVEL = 6


@dataclass(frozen=True, slots=True)
class Rendered:
    """A body in one form. etag: strong. packed: with gzip, None where that is not wanted or not worth it."""

    content_type: str
    body: bytes = field(repr=False)
    etag: str = ""
    packed: bytes | None = field(default=None, repr=False)


def render_page(
    dated: DatedPage,
    form: str,
    root: str,
    *,
    stale: bool = False,
    metadata: Callable[[str], str | None] | None,
    pack: bool,
) -> Rendered:
    """Return a project page.

    form: one of `OFFERED`. root: the way from the page to the root of the mirror, with a slash at its end.
    metadata: from the key of a wheel to the sha256 of its metadata, where the mirror has it; None for a page that
    must not change any more. pack: whether the client takes it packed.
    """
    files = tuple(
        _local(file, key, root, metadata) for file, key in zip(dated.page.files, dated.keys, strict=True)
    )
    page = replace(dated.page, files=files)
    if form != JSON:
        return packed(form, write_html(page), pack=pack)
    return packed(form, write_json(page, coverage=dated.coverage.value, stale=stale), pack=pack)


def without_metadata(dated: DatedPage) -> list[str]:
    """Return the keys of wheels whose metadata the upstream does not have beside them."""
    return [
        key
        for file, key in zip(dated.page.files, dated.keys, strict=True)
        if file.core_metadata is None and is_wheel(file.filename) and not key.startswith("u")
    ]


def render_list(projects: tuple[NormalizedName, ...], form: str, *, pack: bool) -> Rendered:
    """Return the list of all projects."""
    body = write_json_list(dict.fromkeys(projects)) if form == JSON else write_html_list(projects)
    return packed(form, body, pack=pack)


def render_poetry(dated: DatedPage, root: str, *, pack: bool) -> Rendered:
    """Return what the JSON API of PyPI says of a project, as far as installers ask for it: versions and files."""
    releases: dict[str, list[dict[str, object]]] = {version: [] for version in dated.page.positions}
    for version, places in dated.page.positions.items():
        releases[version] = [
            _release_file(_local(dated.page.files[place], dated.keys[place], root, None)) for place in places
        ]
    newest = max(releases, key=version_order, default="")
    info = {"name": dated.page.project, "version": newest, "requires_dist": None, "requires_python": None}
    content = {"info": info, "releases": releases, "urls": releases.get(newest, [])}
    return packed("application/json", msgspec.json.encode(content), pack=pack)


def packed(content_type: str, body: bytes, *, pack: bool) -> Rendered:
    """Return a body with its ETag, and packed where that is wanted and worth it."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:40]}"'
    worth = pack and len(body) >= _WORTH_PACKING
    return Rendered(content_type, body, etag, gzip.compress(body, _LEVEL, mtime=0) if worth else None)


def file_path(key: str, filename: str) -> str:
    """Return the path of a file, from the root of the mirror."""
    return f"files/{key}/{quote(filename)}"


def _local(file: IndexFile, key: str, root: str, metadata: Callable[[str], str | None] | None) -> IndexFile:
    core_metadata = file.core_metadata
    if metadata is not None and core_metadata is None and is_wheel(file.filename):
        digest = metadata(key)
        core_metadata = None if digest is None else (("sha256", digest),)
    return replace(file, url=f"{root}{file_path(key, file.filename)}", core_metadata=core_metadata)


def _release_file(file: IndexFile) -> dict[str, object]:
    return {
        "filename": file.filename,
        "url": file.url,
        "digests": dict(file.hashes),
        "packagetype": "bdist_wheel" if is_wheel(file.filename) else "sdist",
        "requires_python": file.requires_python,
        "size": file.size,
        "upload_time_iso_8601": None if file.upload_time is None else rfc3339(file.upload_time),
        "yanked": file.yanked,
        "yanked_reason": file.yanked_reason or None,
    }
