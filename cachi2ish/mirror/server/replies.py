"""Answers that are no pages: refusals, whose reason a client prints, and redirects."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cachi2ish.errors import AccessError, Cachi2ishError, InputError, NetworkError, StorageError
from cachi2ish.mirror.looking import BusyError
from cachi2ish.mirror.page_desk import LoginNeededError
from cachi2ish.mirror.records import Refusal
from cachi2ish.mirror.server.sending.request_wire import Wire
from cachi2ish.simple_api.refusal_reasons import RefusalReason

#: Characters of a reason in the status line.
_LONGEST_REASON = 200

_OF_REFUSALS: Final[Mapping[RefusalReason, HTTPStatus]] = {
    RefusalReason.QUARANTINED: HTTPStatus.FORBIDDEN,
    RefusalReason.COVERAGE: HTTPStatus.CONFLICT,
}

#: The first that fits counts; what is none of these is the upstream's fault.
_OF_ERRORS: Final[tuple[tuple[type[Cachi2ishError], HTTPStatus], ...]] = (
    (LoginNeededError, HTTPStatus.UNAUTHORIZED),
    (AccessError, HTTPStatus.FORBIDDEN),
    (BusyError, HTTPStatus.SERVICE_UNAVAILABLE),
    (NetworkError, HTTPStatus.BAD_GATEWAY),
    (InputError, HTTPStatus.NOT_FOUND),
)

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Refused(Response):
    """An answer that refuses: the reason stands in the status line, and in a body as RFC 9457 describes it.

    reason: a word for programs, beside the sentence ``text`` for people.
    """

    def __init__(
        self, status: HTTPStatus, text: str, headers: Mapping[str, str] | None = None, *, reason: str = ""
    ) -> None:
        problem = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": text}
        if reason:
            problem["reason"] = reason
        kept = {"cache-control": "no-store", **(headers or {})}
        super().__init__(msgspec.json.encode(problem), status, kept, "application/problem+json")
        self.text = text
        self.reason = reason
        self._phrase = reason_of(text)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        Wire.of(scope).reason = self._phrase
        await super().__call__(scope, receive, send)


def reason_of(text: str) -> str:
    """Return ``text`` as a status line may hold it (RFC 9112, 4): one line of Latin letters, and not too long."""
    kept = "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
    kept = kept.encode("latin-1", "replace").decode("latin-1")
    return kept if len(kept) <= _LONGEST_REASON else f"{kept[: _LONGEST_REASON - 3]}..."


def refused(refusal: Refusal) -> Refused:
    """Return the answer to a request for a page that there is not."""
    status = _OF_REFUSALS.get(refusal.reason, HTTPStatus.NOT_FOUND)
    return Refused(status, refusal.text, reason=refusal.reason.value)


def failed(error: Cachi2ishError) -> Refused:
    """Return the answer to a request that ended with an error."""
    status, headers = _status_of(error), {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = 'Basic realm="registry", Bearer realm="registry"'
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["retry-after"] = "5"
    reason = RefusalReason.NO_SUCH_PLACE.value if isinstance(error, InputError) else ""
    return Refused(status, error.problem, headers, reason=reason)


def moved(location: str) -> Response:
    """Return a redirect to a relative address, which holds for good."""
    return Response(
        status_code=HTTPStatus.MOVED_PERMANENTLY,
        headers={"location": location, "cache-control": "max-age=86400"},
    )


def _status_of(error: Cachi2ishError) -> HTTPStatus:
    if isinstance(error, StorageError):
        full = isinstance(error.cause, tuple) and not _FULL.isdisjoint(error.cause)
        return HTTPStatus.INSUFFICIENT_STORAGE if full else HTTPStatus.SERVICE_UNAVAILABLE
    return next((status for kind, status in _OF_ERRORS if isinstance(error, kind)), HTTPStatus.BAD_GATEWAY)
