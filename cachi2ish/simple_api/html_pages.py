"""Pages in HTML, read and written: PEP 503, with what PEP 592, PEP 629, PEP 714, PEP 740 and PEP 792 have added.

``data-upload-time`` is no standard; private indexes write it and uv reads it, and so does this.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from urllib.parse import quote, unquote, urljoin

from cachi2ish.core.cutoff import rfc3339
from cachi2ish.core.distributions import is_wheel, plain_name, sdist_extension
from cachi2ish.core.pages import Hashes, IndexFile, Page, digests_of
from cachi2ish.simple_api.fields import (
    API_VERSION,
    Links,
    PageSource,
    check_amount,
    check_api_version,
    hashes_in_fragment,
    instants,
    not_a_project_page,
    unreadable,
)
from cachi2ish.simple_api.html_tags import Tag, attributes_of, tags, text_of

_USUAL_ENDINGS = (".whl", ".tar.gz", ".zip")

#: Formats of old uploads: no one fetches them any more, but their links make a page a project page.
_LEGACY_ENDINGS = (".egg", ".exe", ".msi", ".rpm", ".deb", ".dmg")

#: What every index puts into the title of a project page, since the first one did.
_TITLE = "links for"

#: Nearly all names are of this form, and need no closer look.
_USUAL_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+!-]*")

#: The tags at which the text of an anchor ends, and the end of the document.
_ENDING = frozenset({"a", "/a", "title", "/title", ""})


class _Reader:
    """Collects what matters of a page: links to distributions, ``<base>``, ``pypi:`` metadata and the title."""

    def __init__(self) -> None:
        self.links: list[tuple[str, dict[str, str]]] = []
        self.anchors = False
        self.base: str | None = None
        self.meta: dict[str, str] = {}
        self.title = ""
        self._open: Tag | None = None
        self._text: list[str] = []

    def read(self, text: str) -> None:
        """Read the whole of a page. Raises `ValueError` for one that is not worth the name."""
        for tag in tags(text):
            name = tag.name
            if self._open is not None:
                self._text.append(tag.before)
                if name in _ENDING:
                    self._end(self._open)
                    self._open = None
            if name == "a":
                self.anchors = True
                if tag.text is not None:
                    self._take(tag.text.strip(), attributes_of(tag))
                elif "href" in tag.inside.lower():
                    self._open, self._text = tag, []
            elif name == "title":
                self._open, self._text = tag, []
            elif name == "base":
                self.base = self.base or attributes_of(tag).get("href")
            elif name == "meta":
                self._metadata(attributes_of(tag))

    def _metadata(self, declared: dict[str, str]) -> None:
        name = declared.get("name", "").strip().lower()
        if name.startswith("pypi:"):
            self.meta.setdefault(name.removeprefix("pypi:"), declared.get("content", ""))

    def _end(self, opened: Tag) -> None:
        """Take in an anchor or the title, whose text is complete."""
        text = text_of("".join(self._text)).strip()
        if opened.name == "title":
            self.title = self.title or text
            return
        self._take(text, attributes_of(opened))

    def _take(self, text: str, declared: dict[str, str]) -> None:
        """Take in the link of an anchor with this text, if it is one to a distribution."""
        if "href" not in declared:
            return
        named = _is_file(text) and _is_name(text)
        # PEP 503: the text is the last part of the URL. Where it is not (a shortened name, an icon, a sentence),
        # the URL is what pip goes by.
        filename = text if named else _last_part(declared["href"])
        if named or _is_file(filename):
            self.links.append((filename, declared))


def read_html(body: bytes, source: PageSource, charset: str | None = None) -> Page:
    """Return what an HTML page states.

    charset: as the Content-Type header says, or None.

    Raises `UnavailableError` for a body that is no project page, or of an API version that is not known.
    """
    text = _decode(body, charset)
    check_amount(text, "<", source.project, source.index)
    reader = _Reader()
    try:
        reader.read(text)
        links = Links(urljoin(source.base, (reader.base or "").strip()))
    except ValueError:  # what html and urllib.parse say to the worst of input
        raise not_a_project_page(source.project, source.index, "the answer is not valid HTML") from None
    check_api_version(reader.meta.get("repository-version", ""), source.project, source.index)
    files = tuple(_files(reader.links, links))
    if not files and not _is_empty_project(reader):
        because = "the answer is an HTML page without links to distributions"
        raise not_a_project_page(source.project, source.index, because)
    return Page(
        project=source.project,
        index=source.index,
        files=files,
        status=reader.meta.get("project-status", "").strip().lower() or "active",
        status_reason=reader.meta.get("project-status-reason", ""),
    )


def _is_empty_project(reader: _Reader) -> bool:
    # A login page and the list of all projects have no files either; a project without files says that it
    # is one, in its title or by metadata on a page without any link.
    return reader.title.lower().startswith(_TITLE) or (bool(reader.meta) and not reader.anchors)


def _files(found: Sequence[tuple[str, dict[str, str]]], links: Links) -> Iterator[IndexFile]:
    parts = [declared["href"].partition("#")[::2] for _, declared in found]
    plain = links.are_plain([address for address, _ in parts])
    times = instants([declared.get("data-upload-time") for _, declared in found])
    for (filename, declared), (address, fragment), time in zip(found, parts, times, strict=True):
        url = address if plain else links.resolve_address(address)
        if url is not None:
            yield _file(filename, url, fragment, time, declared)


def _file(filename: str, url: str, fragment: str, time: datetime | None, declared: Mapping[str, str]) -> IndexFile:
    return IndexFile(
        filename=filename,
        url=url,
        hashes=hashes_in_fragment(fragment),
        requires_python=declared.get("data-requires-python", "").strip() or None,
        # PEP 592: the attribute's presence counts; its value is the reason, and may be missing.
        yanked="data-yanked" in declared,
        yanked_reason=declared.get("data-yanked", ""),
        upload_time=time,
        core_metadata=_metadata(declared.get("data-core-metadata", declared.get("data-dist-info-metadata"))),
        provenance=declared.get("data-provenance") or None,
        unreadable_time="" if time is not None else unreadable(declared.get("data-upload-time")),
    )


def _metadata(declared: str | None) -> Hashes | None:
    if declared is None or declared == "false":
        return None
    algorithm, equals, value = declared.partition("=")  # PEP 714: a hash, or "true"
    return ((algorithm, value),) if equals else ()


def write_html(page: Page) -> bytes:
    """Return the page as HTML; addresses stand there as they are, so that those of files may be relative.

    HTML has no place for sizes, versions, serials, and more than one hash of a file. Equal pages give equal bytes.
    Raises `UnicodeEncodeError` for half of a surrogate pair.
    """
    meta = {}
    if page.status != "active" or page.status_reason:
        meta = {"project-status": page.status, "project-status-reason": page.status_reason}
    return _document(f"Links for {page.project}", meta, (_anchor(file) for file in page.files))


def write_html_list(projects: Iterable[str]) -> bytes:
    """Return the list of all projects as HTML, by name."""
    anchors = (_element("a", {"href": f"{quote(name)}/"}, name) for name in sorted(projects))
    return _document("Simple index", {}, anchors)


def _anchor(file: IndexFile) -> str:
    metadata = file.core_metadata
    declared = {
        "href": file.url + (f"#{fragment}" if (fragment := _fragment(file.hashes)) else ""),
        "data-requires-python": file.requires_python,
        "data-yanked": file.yanked_reason if file.yanked else None,
        "data-upload-time": None if file.upload_time is None else rfc3339(file.upload_time),
        "data-core-metadata": None if metadata is None else _fragment(metadata) or "true",
        "data-provenance": file.provenance,
    }
    return _element("a", declared, file.filename)


def _fragment(hashes: Hashes) -> str:
    """Return the one hash that PEP 503 has a place for: a sha256 that can be checked, or another one that can."""
    digests = sorted(digests_of(hashes), key=lambda one: (one.algorithm != "sha256", not one.strong, one))
    return f"{digests[0].algorithm}={digests[0].value}" if digests else ""


def _document(title: str, meta: Mapping[str, str], anchors: Iterable[str]) -> bytes:
    declared = {"repository-version": API_VERSION, **meta}
    tags = "".join(f'<meta name="pypi:{name}" content="{_escaped(value)}">\n' for name, value in declared.items())
    body = "".join(f"{anchor}<br>\n" for anchor in anchors)
    head = f'<head>\n<meta charset="utf-8">\n{tags}<title>{_escaped(title)}</title>\n</head>'
    return (
        f"<!DOCTYPE html>\n<html>\n{head}\n<body>\n<h1>{_escaped(title)}</h1>\n{body}</body>\n</html>\n"
    ).encode()


def _element(name: str, declared: Mapping[str, str | None], text: str) -> str:
    attributes = "".join(f' {one}="{_escaped(value)}"' for one, value in declared.items() if value is not None)
    return f"<{name}{attributes}>{_escaped(text)}</{name}>"


def _escaped(text: str) -> str:
    return escape(text).replace("\r", "&#13;")  # a carriage return is else read as a line feed


def _last_part(href: str) -> str:
    path = href.partition("#")[0].partition("?")[0]
    return unquote(path.strip().rpartition("/")[2])


def _is_name(text: str) -> bool:
    return _USUAL_NAME.fullmatch(text) is not None or (plain_name(text) and " " not in text)


def _is_file(name: str) -> bool:
    if name.endswith(_USUAL_ENDINGS):
        return True
    if "." not in name:
        return False
    return is_wheel(name) or sdist_extension(name) is not None or name.lower().endswith(_LEGACY_ENDINGS)


#: Codecs of Python that no server means; `punycode` takes time that grows with the square of the length.
_NO_CHARSETS = frozenset({"punycode", "idna", "unicode_escape", "raw_unicode_escape", "utf-7"})


def _decode(body: bytes, charset: str | None) -> str:
    # The byte-order mark is stronger than the header (HTML, 13.2.3.2). Names of distributions are ASCII, so
    # that a wrong guess costs a letter of a reason at most.
    if body.startswith(codecs.BOM_UTF8):
        return body.decode("utf-8-sig", "replace")
    try:
        charset = "utf-8" if charset is None or codecs.lookup(charset).name in _NO_CHARSETS else charset
        return body.decode(charset, "replace")
    except (LookupError, ValueError):
        return body.decode("utf-8", "replace")
