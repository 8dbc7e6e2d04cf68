"""Which form of a page a client and a server agree on (PEP 691, RFC 9110 section 12.5.1), and reading it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from cachi2ish.core.pages import Page
from cachi2ish.simple_api.fields import PageSource, not_a_project_page

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"
#: HTML under the name that clients and servers from before PEP 691 know.
TEXT_HTML = "text/html"

#: What a client sends: JSON where there is JSON, since it alone has sizes and upload times.
ACCEPT = f"{JSON}, {HTML};q=0.2, {TEXT_HTML};q=0.01"

#: PEP 691: the newest version that the server has. There is only one so far.
_LATEST = {
    "application/vnd.pypi.simple.latest+json": JSON,
    "application/vnd.pypi.simple.latest+html": HTML,
}

#: What stands in quotes may hold separators; quotes that are never closed go on to the end.
_QUOTED = r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)'
_ELEMENT = rf'(?s:[^,"]|{_QUOTED})++'
_PARAMETER = rf'(?s:[^;"]|{_QUOTED})++'
_WEIGHT = r"\s*[qQ]\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*"


def choose_form(accept: str | None, offered: Sequence[str]) -> str | None:
    """Return the media type of ``offered`` that an ``Accept`` header prefers; None is answered with status 406.

    accept: None or empty where there is no such header: then anything is acceptable.
    offered: media types, the ones that the server prefers first: of equals the first is taken.
    """
    weights: dict[str, float] = {}
    for element in re.findall(_ELEMENT, accept or "*/*"):
        name, *parameters = re.findall(_PARAMETER, element) or [""]
        kind = name.strip().lower()
        # Of a weight that cannot be read nothing is taken: it counts as if it were not there.
        weight = next((float(found[1]) for one in parameters if (found := re.fullmatch(_WEIGHT, one))), 1.0)
        kind = _LATEST.get(kind, kind)
        weights[kind] = max(weight, weights.get(kind, 0.0))
    best = max(offered, key=lambda kind: _weight(kind, weights), default=None)
    return best if best is not None and _weight(best, weights) > 0 else None


def _weight(kind: str, weights: dict[str, float]) -> float:
    """Return the weight of the most specific range that has ``kind``."""
    ranges = (kind, f"{kind.partition('/')[0]}/*", "*/*")
    return next((weights[one] for one in ranges if one in weights), 0.0)


@lru_cache(maxsize=32)
def media_type(content_type: str) -> tuple[str, str | None]:
    """Return the media type of a ``Content-Type`` header in lower case, and its charset or None."""
    kind, _, rest = content_type.partition(";")
    charset = next(filter(None, map(_charset, re.findall(_PARAMETER, rest))), None)
    return kind.strip().lower(), charset


def _charset(parameter: str) -> str | None:
    name, _, value = parameter.partition("=")
    # What RFC 2231 adds to parameters is for names of files: it means nothing here.
    return value.strip().strip('"') if name.strip().lower() == "charset" else None


def read_page(body: bytes, content_type: str, source: PageSource, packed: bytes = b"") -> Page:
    """Return what a page of this ``Content-Type`` states.

    packed: the body as one gzip member, where few of its files will be looked at.
    Raises `UnavailableError` for a body that is no project page, or of an API version that is not known.
    """
    kind, charset = media_type(content_type)
    if kind == JSON:
        # Imported here, since a run that finds all in the cache reads no page.
        from cachi2ish.simple_api.json_listing import skim_json  # noqa: PLC0415

        return skim_json(body, source, packed)
    if kind in {HTML, TEXT_HTML}:
        from cachi2ish.simple_api.html_pages import read_html  # noqa: PLC0415

        return read_html(body, source, charset)
    because = f"the answer is of type {kind}" if kind else "the answer does not say of what type it is"
    raise not_a_project_page(source.project, source.index, because)
