"""Project pages as a tree of files, which a web server, or a reader of ``file:`` URLs, serves as an index.

Each folder has ``index.html`` (PEP 503) and ``index.json`` (PEP 691). They are what `write_html` and `write_json`
make of the same pages, byte for byte. These two are not used, since every run writes such a tree, and a run that
finds all in the cache imports neither of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping

from cachi2ish.core.cutoff import rfc3339
from cachi2ish.core.pages import IndexFile, Page

#: The version of the API (PEP 629, PEP 792), as in `cachi2ish.simple_api.fields`.
_API_VERSION = "1.4"

#: What each folder of the tree holds.
FILES_OF_FOLDER = ("index.html", "index.json")


def page_tree(pages: Iterable[Page]) -> Iterator[tuple[str, str]]:
    """Yield path and text of each file of the tree: those of each page, and at the end those of their list.

    pages: of an active project each; with versions, and of each file a sha256, a size, and perhaps an upload time.
    The addresses of their files stand in the tree as they are. None is kept: there may be thousands.
    """
    names = []
    for page in pages:
        names.append(page.project)
        yield f"{page.project}/index.html", _html(f"Links for {page.project}", map(_anchor, page.files))
        yield (
            f"{page.project}/index.json",
            _json(
                {
                    "name": page.project,
                    "versions": list(page.versions or ()),
                    "files": list(map(_entry, page.files)),
                }
            ),
        )
    names.sort()
    anchors = (f'<a href="{name}/">{name}</a>' for name in names)
    yield "index.html", _html("Simple index", anchors)
    projects = ",".join(_dumped({"name": name}) for name in names)
    yield "index.json", f'{_json({})[:-1]},"projects":[{projects}]}}'


def tree_digest(digests: Mapping[str, bytes]) -> str:
    """Return the sha256 of a whole tree. digests: from the path of each file to the sha256 of its bytes."""
    whole = hashlib.sha256()
    for path in sorted(digests):
        # The name of a file that somebody has added may be no text (PEP 383).
        whole.update(f"{path} {digests[path].hex()}\n".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def _html(title: str, anchors: Iterable[str]) -> str:
    body = "".join(f"{anchor}<br>\n" for anchor in anchors)
    return (
        '<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="pypi:repository-version" content="{_API_VERSION}">\n<title>{title}</title>\n</head>\n'
        f"<body>\n<h1>{title}</h1>\n{body}</body>\n</html>\n"
    )


def _anchor(file: IndexFile) -> str:
    href = _escaped(f"{file.url}#sha256={dict(file.hashes)['sha256']}")
    time = "" if file.upload_time is None else f' data-upload-time="{rfc3339(file.upload_time)}"'
    return f'<a href="{href}"{time}>{_escaped(file.filename)}</a>'


def _escaped(text: str) -> str:
    for character, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#x27;")):
        text = text.replace(character, name)
    return text


def _json(content: Mapping[str, object]) -> str:
    return _dumped({"meta": {"api-version": _API_VERSION}, **content})


def _dumped(content: Mapping[str, object]) -> str:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)


def _entry(file: IndexFile) -> dict[str, object]:
    entry: dict[str, object] = {
        "filename": file.filename,
        "url": file.url,
        "hashes": dict(file.hashes),
        "size": file.size,
    }
    if file.upload_time is not None:
        entry["upload-time"] = rfc3339(file.upload_time)
    return entry
