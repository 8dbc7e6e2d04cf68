"""Project pages in HTML: PEP 503, with PEP 592 (yanked), PEP 629 (version) and PEP 792 (status).

``data-upload-time`` is no standard; private indexes write it and uv reads it, and so does this.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from urllib.parse import unquote, urljoin

from cachi2ish.core.distributions import is_wheel, plain_name, sdist_extension
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.simple_api.fields import (
    Links,
    PageSource,
    check_api_version,
    hashes_in_fragment,
    instant,
    not_a_project_page,
)
from cachi2ish.simple_api.html_tags import Tag, attributes_of, tags, text_of

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
                if "href" in tag.inside.lower():
                    self._open, self._text = tag, []
            elif name == "title":
                self._open, self._text = tag, []
            elif name == "base":
                self.base = self.base or attributes_of(tag).get("href")
            elif name == "meta":
                self._metadata(attributes_of(tag))

    def _metadata(self, stated: dict[str, str]) -> None:
        name = stated.get("name", "").strip().lower()
        if name.startswith("pypi:"):
            self.meta.setdefault(name.removeprefix("pypi:"), stated.get("content", ""))

    def _end(self, opened: Tag) -> None:
        """Take in an anchor or the title, whose text is complete."""
        text = text_of("".join(self._text)).strip()
        if opened.name == "title":
            self.title = self.title or text
            return
        named = _is_file(text) and _is_name(text)
        stated = attributes_of(opened)
        # PEP 503: the text is the last part of the URL. Where it is not (a shortened name, an icon, a sentence),
        # the URL is what pip goes by.
        filename = text if named else _last_part(stated.get("href", ""))
        if _is_file(filename):
            self.links.append((filename, stated))


def read_html(body: bytes, source: PageSource, charset: str | None = None) -> Page:
    """Return what an HTML page states.

    charset: as the Content-Type header says, or None.

    Raises `UnavailableError` for a body that is no project page, or of an API version that is not known.
    """
    reader = _Reader()
    try:
        reader.read(_decode(body, charset))
        links = Links(urljoin(source.base, (reader.base or "").strip()))
    except ValueError:  # what html and urllib.parse say to the worst of input
        raise not_a_project_page(source.project, source.index, "the answer is not valid HTML") from None
    check_api_version(reader.meta.get("repository-version", ""), source.project, source.index)
    files = tuple(file for filename, stated in reader.links if (file := _file(filename, stated, links)))
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


def _file(filename: str, stated: Mapping[str, str], links: Links) -> IndexFile | None:
    link = links.resolve(stated.get("href", ""))
    if link is None:
        return None
    return IndexFile(
        filename=filename,
        url=link.url,
        hashes=hashes_in_fragment(link.fragment),
        requires_python=stated.get("data-requires-python", "").strip() or None,
        # PEP 592: the attribute's presence counts; its value is the reason, and may be missing.
        yanked="data-yanked" in stated,
        yanked_reason=stated.get("data-yanked", ""),
        upload_time=instant(stated.get("data-upload-time")),
    )


def _last_part(href: str) -> str:
    path = href.partition("#")[0].partition("?")[0]
    return unquote(path.strip().rpartition("/")[2])


def _is_name(text: str) -> bool:
    return _USUAL_NAME.fullmatch(text) is not None or (plain_name(text) and " " not in text)


def _is_file(name: str) -> bool:
    if "." not in name:
        return False
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
