"""The pages that the mirror serves: JSON (PEP 691) and HTML (PEP 503), each compressed as well."""

from __future__ import annotations

import gzip
from pathlib import Path

from msgspec.structs import replace
from packaging.utils import canonicalize_name

from benchmarks.mirror import Mirror
from benchmarks.workload import ListedFile, ListedProject
from cachi2ish.core.distributions import by_version
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.simple_api.html_pages import write_html
from cachi2ish.simple_api.json_pages import write_json


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
        page = page_of(project.model_copy(update={"files": tuple(sized)}), files_url)
        _write(folder / "index.json", write_json(page))
        _write(folder / "index.html", write_html(_without_times(page)))


def page_of(project: ListedProject, files_url: str) -> Page:
    """A project page as PyPI has it, without what no case asks for: metadata beside wheels (PEP 658)."""
    name = canonicalize_name(project.project)
    return Page(
        project=name,
        index="",
        files=tuple(_file(file, files_url) for file in project.files),
        versions=tuple(sorted(by_version((file.filename for file in project.files), name))),
    )


def _file(file: ListedFile, files_url: str) -> IndexFile:
    return IndexFile(
        filename=file.filename,
        url=files_url + file.path,
        hashes=(("sha256", file.sha256),),
        requires_python=file.requires_python,
        yanked=file.yanked is not False,
        yanked_reason=file.yanked if isinstance(file.yanked, str) else "",
        size=file.size,
        upload_time=file.upload_time,
    )


def _without_times(page: Page) -> Page:
    """As PyPI's HTML, which has no place for them."""
    return replace(page, files=tuple(replace(file, upload_time=None) for file in page.files))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content, 6, mtime=0))
