"""What every request passes first: who may ask, what may be asked for, and what becomes of failures."""

from __future__ import annotations

import logging
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cachi2ish.errors import Cachi2ishError
from cachi2ish.mirror.accepted import Tokens
from cachi2ish.mirror.server.hot_pages import Headers, HotPages, Ready, Wishes
from cachi2ish.mirror.server.metrics import Metrics
from cachi2ish.mirror.server.replies import Refused, failed

_log = logging.getLogger(__name__)

#: Bytes of a path.
_LONGEST_PATH = 2000

_METHODS = frozenset({"GET", "HEAD"})

#: What anybody may ask for, so that a container can be watched.
_OPEN = "/healthz"


class Gate:
    """An ASGI application around the doors. tokens: of those who may come in; None for everybody."""

    def __init__(
        self,
        doors: ASGIApp,
        *,
        hot: HotPages,
        tokens: Tokens | None,
        metrics: Metrics,
    ) -> None:
        self._doors = doors
        self._hot = hot
        self._tokens = tokens
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        refusal = self._refusal(scope)
        if refusal is not None:
            self._metrics.answered("gate", refusal.status_code)
            await refusal(scope, receive, send)
            return
        await self._answer(scope, receive, send)

    def instant(self, path: bytes, headers: Headers) -> tuple[Ready, bytes] | None:
        """Return the answer to a GET request that is in memory, and what the client has of it; None for no answer.

        path: as it was sent. headers: names in lower case.
        """
        if self._tokens is not None:
            return None
        wishes = Wishes.of(headers)
        ready = self._hot.find(path, wishes)
        return None if ready is None else (ready, wishes.known)

    def again(self, request: bytes) -> tuple[Ready, bytes] | None:
        """Return what `instant` would, for a request that was remembered.

        request: its line and headers, as they were sent.
        """
        return None if self._tokens is not None else self._hot.find_again(request)

    def remember(self, request: bytes, path: bytes, headers: Headers) -> None:
        """Note what was asked for by a request that `instant` had an answer to."""
        self._hot.remember(request, path, Wishes.of(headers))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        failure: Refused | None = None
        try:
            await self._doors(scope, receive, watched)
        except Cachi2ishError as error:
            failure = failed(error)
        except Exception:  # noqa: BLE001  (the next request has nothing to do with it)
            _log.exception("a request has failed")
            failure = Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "the mirror has failed; its log says more")
        if failure is not None and not status:
            await failure(scope, receive, watched)
        self._metrics.answered(getattr(scope.get("endpoint"), "__name__", "none"), status)

    def _refusal(self, scope: Scope) -> Refused | None:
        if scope["method"] not in _METHODS:
            headers = {"allow": "GET, HEAD", "connection": "close"}
            return Refused(HTTPStatus.METHOD_NOT_ALLOWED, "the mirror is only read", headers)
        if len(scope["raw_path"]) > _LONGEST_PATH:
            return Refused(HTTPStatus.REQUEST_URI_TOO_LONG, "no page and no file has an address that is so long")
        if self._tokens is None or scope["path"] == _OPEN:
            return None
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        if self._tokens.admit(given.decode("latin-1")):
            return None
        headers = {"www-authenticate": 'Basic realm="mirror"'}
        return Refused(HTTPStatus.UNAUTHORIZED, "give one of the tokens of this mirror as the password", headers)
