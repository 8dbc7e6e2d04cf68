"""Project pages in HTML: PEP 503, with PEP 592 (yanked), PEP 629 (version) and PEP 792 (status).

``data-upload-time`` is no standard; private indexes write it and uv reads it, and so does this.

Read with the standard library's parser. pypi-simple has a streaming reader of links, but it costs half a
second to import (with BeautifulSoup), does not tell the status of PEP 792, warns on a newer minor version,
and ends with an exception of another library where a page states a version that is no version.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Self
from urllib.parse import unquote, urljoin, urlsplit

from cachi2ish.core.distributions import is_wheel, plain_name, sdist_extension
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.index.fields import Link, Links, PageSource, digests_in_fragment, instant
from cachi2ish.index.refusals import check_api_version, not_a_project_page

#: Formats of old uploads: no one fetches them any more, but their links make a page a project page.
_LEGACY_ENDINGS = (".egg", ".exe", ".msi", ".rpm", ".deb", ".dmg")

#: What every index puts into the title of a project page, since the first one did.
_TITLE = "links for"


@dataclass(slots=True)
class _Anchor:
    attributes: dict[str, str | None]
    text: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    """Collects what matters of a page: anchors, ``<base>``, the ``pypi:`` metadata and the title."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.anchors: list[_Anchor] = []
        self.base: str | None = None
        self.meta: dict[str, str] = {}
        self.title: list[str] = []
        self._text: list[str] | None = None

    @classmethod
    def read(cls, text: str) -> Self:
        """Return a reader that has read the whole of ``text``."""
        reader = cls()
        reader.feed(text)
        reader.close()
        return reader

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an anchor or the title, or take what a ``<base>`` or ``<meta>`` says."""
        if tag == "a":
            # Of two attributes of one name the first counts (HTML, 13.2.5.33).
            anchor = _Anchor(dict(reversed(attrs)))
            self.anchors.append(anchor)
            self._text = anchor.text
        elif tag == "title":
            self._text = self.title
        elif tag == "base":
            self.base = self.base or dict(reversed(attrs)).get("href")
        elif tag == "meta":
            stated = dict(reversed(attrs))
            name = (stated.get("name") or "").strip().lower()
            if name.startswith("pypi:"):
                self.meta.setdefault(name.removeprefix("pypi:"), stated.get("content") or "")

    def handle_endtag(self, tag: str) -> None:
        """End the anchor or the title."""
        if tag in {"a", "title"}:
            self._text = None

    def handle_data(self, data: str) -> None:
        """Keep the text of the anchor or title that is open."""
        if self._text is not None:
            self._text.append(data)


def read_html(body: bytes, source: PageSource, charset: str | None = None) -> Page:
    """Return what an HTML page states. charset: as the Content-Type header says, or None.

    Raises `UnavailableError` for a body that is no project page, or of an API version that is not known.
    """
    try:
        reader = _Reader.read(_decode(body, charset))
        links = Links(urljoin(source.base, (reader.base or "").strip()))
    except (AssertionError, ValueError):  # what html.parser and urllib.parse say to the worst of input
        raise not_a_project_page(source.project, source.index, "the answer is not valid HTML") from None
    check_api_version(reader.meta.get("repository-version", ""), source.project, source.index)
    files = tuple(file for anchor in reader.anchors if (file := _file(anchor, links)))
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
    if "".join(reader.title).strip().lower().startswith(_TITLE):
        return True
    return bool(reader.meta) and not reader.anchors


def _file(anchor: _Anchor, links: Links) -> IndexFile | None:
    link = links.resolve(anchor.attributes.get("href") or "")
    filename = _filename(anchor, link) if link else None
    if link is None or filename is None:
        return None
    stated = anchor.attributes
    return IndexFile(
        filename=filename,
        url=link.url,
        digests=digests_in_fragment(link.fragment),
        requires_python=(stated.get("data-requires-python") or "").strip() or None,
        # PEP 592: the attribute's presence counts; its value is the reason, and may be missing.
        yanked="data-yanked" in stated,
        yanked_reason=stated.get("data-yanked") or "",
        upload_time=instant(stated.get("data-upload-time")),
    )


def _filename(anchor: _Anchor, link: Link) -> str | None:
    # PEP 503: the text is the last part of the URL. Where it is not (a shortened name, an icon, a sentence),
    # the URL is what pip goes by.
    text = "".join(anchor.text).strip()
    if _is_file(text) and plain_name(text) and " " not in text:
        return text
    basename = unquote(urlsplit(link.url).path.rpartition("/")[2])
    return basename if _is_file(basename) else None


def _is_file(name: str) -> bool:
    return is_wheel(name) or sdist_extension(name) is not None or name.lower().endswith(_LEGACY_ENDINGS)


def _decode(body: bytes, charset: str | None) -> str:
    # The byte-order mark is stronger than the header (HTML, 13.2.3.2). Names of distributions are ASCII, so
    # that a wrong guess costs a letter of a reason at most.
    if body.startswith(codecs.BOM_UTF8):
        return body.decode("utf-8-sig", "replace")
    try:
        return body.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        return body.decode("utf-8", "replace")
