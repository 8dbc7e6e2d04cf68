"""Finds the door of a request."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from cachi2ish.mirror.server.page_doors import PageDoors
from cachi2ish.mirror.server.replies import Refused

#: What stands before ``simple/``: a day, an instant, ``live``, or a duration.
_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}[0-9T:.Z+-]*|live|[0-9]{1,4}[dhw]")


#: Answers a request for which there is no door.
Refuse = Callable[[Request, Refused], Response]


def router(
    pages: PageDoors,
    others: Sequence[Route],
    prefixes: Sequence[str],
    refuse: Refuse = lambda _, refused: refused,
) -> Router:
    """Return what finds the door of a request: those of pages below each of ``prefixes``, and others.

    refuse: makes the answer where there is none.
    """

    async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
        first = str(scope["path"]).strip("/")
        text = f"there is nothing here; project pages are below simple/: /{first}/simple/"
        if not _DATE.fullmatch(first):
            text = "there is nothing here; the first page has the addresses that there are"
        answer = refuse(Request(scope), Refused(HTTPStatus.NOT_FOUND, text))
        await answer(scope, receive, send)

    routes = [
        Route(f"{prefix}/{path}", endpoint, methods=["GET"])
        for prefix in prefixes
        for path, endpoint in (
            ("simple", pages.projects),
            ("simple/", pages.projects),
            ("simple/{project}", pages.project),
            ("simple/{project}/", pages.project),
            ("pypi/{project}/json", pages.poetry),
        )
    ]
    return Router([*others, *routes], redirect_slashes=False, default=nothing)
