"""A project page in whichever form a server has sent it."""

from __future__ import annotations

from cachi2ish.core.pages import Page
from cachi2ish.simple_api.fields import PageSource, not_a_project_page
from cachi2ish.simple_api.negotiation import HTML, JSON, TEXT_HTML, media_type


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
