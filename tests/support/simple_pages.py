"""Project pages of a Simple repository, as text: JSON (PEP 691) and HTML (PEP 503)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from urllib.parse import quote

from packaging.utils import parse_sdist_filename, parse_wheel_filename

from tests.support.distributions import Dist

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"
PLAIN_HTML = "text/html"

_API_VERSION = "1.4"


@dataclass(frozen=True)
class Listed:
    """A file on a page. url: as it stands there, None for the server's own; yanked: a reason, or True."""

    dist: Dist
    upload_time: datetime | str | None = None
    yanked: str | bool | None = None
    requires_python: str | None = None
    digests: tuple[str, ...] = ("sha256",)
    size: bool = True
    url: str | None = None

    @property
    def href(self) -> str:
        return self.url or f"../../files/{quote(self.dist.filename)}"

    @property
    def hashes(self) -> dict[str, str]:
        return {name: hashlib.new(name, self.dist.content).hexdigest() for name in self.digests}

    @property
    def uploaded(self) -> str | None:
        return self.upload_time.isoformat() if isinstance(self.upload_time, datetime) else self.upload_time

    @property
    def version(self) -> str | None:
        try:
            if self.dist.filename.endswith(".whl"):
                return str(parse_wheel_filename(self.dist.filename)[1])
            return str(parse_sdist_filename(self.dist.filename)[1])
        except ValueError:
            return None


@dataclass
class Project:
    """All that a page says."""

    name: str
    files: dict[str, Listed] = field(default_factory=dict)
    status: str | None = None
    reason: str = ""


def json_page(project: Project) -> bytes:
    page: dict[str, object] = {
        "meta": {"api-version": _API_VERSION},
        "name": project.name,
        "versions": sorted({file.version for file in project.files.values() if file.version}),
        "files": [_json_file(file) for file in project.files.values()],
    }
    if project.status:
        page["project-status"] = {"status": project.status, "reason": project.reason}
    return json.dumps(page).encode()


def _json_file(file: Listed) -> dict[str, object]:
    entry: dict[str, object] = {"filename": file.dist.filename, "url": file.href, "hashes": file.hashes}
    if file.requires_python is not None:
        entry["requires-python"] = file.requires_python
    if file.yanked is not None:
        entry["yanked"] = file.yanked or file.yanked == ""  # PEP 691: a text there is not empty
    if file.size:
        entry["size"] = len(file.dist.content)
    if file.uploaded is not None:
        entry["upload-time"] = file.uploaded
    return entry


def html_page(project: Project) -> bytes:
    meta = [("repository-version", _API_VERSION)]
    if project.status:
        meta += [("project-status", project.status), ("project-status-reason", project.reason)]
    return _html(f"Links for {project.name}", meta, (_anchor(file) for file in project.files.values()))


def _anchor(file: Listed) -> str:
    hashes = file.hashes
    fragment = next((f"#{name}={value}" for name, value in hashes.items()), "")
    yanked = ("" if file.yanked else None) if isinstance(file.yanked, bool) else file.yanked
    stated = {
        "href": file.href + fragment,
        "data-requires-python": file.requires_python,
        "data-yanked": yanked,
        "data-upload-time": file.uploaded,
    }
    attributes = " ".join(f'{name}="{escape(value)}"' for name, value in stated.items() if value is not None)
    return f"<a {attributes}>{escape(file.dist.filename)}</a>"


def root_json(names: Sequence[str]) -> bytes:
    projects = [{"name": name} for name in sorted(names)]
    return json.dumps({"meta": {"api-version": _API_VERSION}, "projects": projects}).encode()


def root_html(names: Sequence[str]) -> bytes:
    anchors = (f'<a href="{quote(name)}/">{escape(name)}</a>' for name in sorted(names))
    return _html("Simple index", [("repository-version", _API_VERSION)], anchors)


def _html(title: str, meta: Iterable[tuple[str, str]], anchors: Iterable[str]) -> bytes:
    tags = "".join(f'<meta name="pypi:{name}" content="{escape(content)}">' for name, content in meta)
    body = "\n".join(f"{anchor}<br>" for anchor in anchors)
    return (
        f"<!DOCTYPE html>\n<html><head>{tags}<title>{escape(title)}</title></head>\n"
        f"<body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    ).encode()


def negotiate(accept: str, offered: Sequence[str]) -> str | None:
    """The content type that a client with this Accept header gets (RFC 9110, 12.5.1), None for no match."""
    weights: dict[str, float] = {}
    for item in accept.split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        weight = next((p.removeprefix("q=") for p in parameters if p.startswith("q=")), "1")
        weights[name] = float(weight)
    anything = weights.get("*/*", 0.0)
    best = max(offered, key=lambda kind: weights.get(kind, anything / 1000))
    return best if weights.get(best, anything) else None
