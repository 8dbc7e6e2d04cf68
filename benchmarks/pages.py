"""The pages that the mirror serves: JSON (PEP 691) and HTML (PEP 503), each compressed as well."""

from __future__ import annotations

import gzip
import html
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from benchmarks.mirror import Mirror
from benchmarks.workload import ListedFile, ListedProject

Json: TypeAlias = Mapping[str, "Json"] | list["Json"] | str | int | bool | None


def write_pages(mirror: Mirror, files_url: str) -> None:
    """Write both pages of each project below ``mirror.site``; their links lead to ``files_url``.

    The pages list all files of the index, so that reading them takes what it takes in reality; the links of files
    that are not held lead nowhere.
    """
    sizes = {each.file.sha256: (mirror.site / each.file.path).stat().st_size for each in mirror.held}
    for project in mirror.projects:
        sized = [
            file.model_copy(update={"size": sizes[file.sha256]}) if file.sha256 in sizes else file
            for file in project.files
        ]
        folder = mirror.site / "simple" / project.project
        _write(folder / "index.json", json_page(project, sized, files_url))
        _write(folder / "index.html", html_page(project, sized, files_url))


def json_page(project: ListedProject, files: Iterable[ListedFile], files_url: str) -> str:
    """A project page as PyPI writes it, without what no case asks for: metadata beside wheels (PEP 658)."""
    listed: list[Json] = [_json_file(file, files_url) for file in files]
    page: Json = {"meta": {"api-version": "1.1"}, "name": project.project, "files": listed}
    return json.dumps(page, separators=(",", ":"))


def html_page(project: ListedProject, files: Iterable[ListedFile], files_url: str) -> str:
    """The same for a client that does not ask for JSON: without sizes and times, as on PyPI."""
    title = html.escape(f"Links for {project.project}")
    links = "\n".join(_link(file, files_url) for file in files)
    return (
        "<!DOCTYPE html>\n<html>\n  <head>\n"
        f'    <meta name="pypi:repository-version" content="1.1">\n    <title>{title}</title>\n'
        f"  </head>\n  <body>\n    <h1>{title}</h1>\n{links}\n</body>\n</html>\n"
    )


def _json_file(file: ListedFile, files_url: str) -> Json:
    described: dict[str, Json] = {
        "filename": file.filename,
        "url": files_url + file.path,
        "hashes": {"sha256": file.sha256},
        "requires-python": file.requires_python,
        "yanked": file.yanked,
    }
    if file.size is not None:
        described["size"] = file.size
    if file.upload_time is not None:
        described["upload-time"] = file.upload_time.isoformat().replace("+00:00", "Z")
    return described


def _link(file: ListedFile, files_url: str) -> str:
    attributes = {"href": f"{files_url}{file.path}#sha256={file.sha256}"}
    if file.requires_python:
        attributes["data-requires-python"] = file.requires_python
    if file.yanked is not False:
        attributes["data-yanked"] = "" if file.yanked is True else file.yanked
    written = " ".join(f'{name}="{html.escape(value)}"' for name, value in attributes.items())
    return f"<a {written}>{html.escape(file.filename)}</a><br />"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = text.encode()
    path.write_bytes(content)
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content, 6, mtime=0))
