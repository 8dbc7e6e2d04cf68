"""What every request passes first: who may ask, what may be asked for, and what becomes of failures."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cachi2ish.errors import Cachi2ishError, StorageError
from cachi2ish.mirror.accepted import Tokens
from cachi2ish.mirror.server.hot_pages import Headers, HotPages, Ready, Wishes
from cachi2ish.mirror.server.metrics import Metrics
from cachi2ish.mirror.server.replies import Refused, failed
from cachi2ish.mirror.server.sending.hot_files import HotFiles

_log = logging.getLogger(__name__)

#: Bytes of a path.
_LONGEST_PATH = 2000

_METHODS = frozenset({"GET", "HEAD"})

#: What anybody may ask for, so that a container can be watched.
_OPEN = frozenset({"/healthz", "/readyz"})


#: What the door to files is called in the metrics.
_FILE = "file"

#: Seconds for which what the log says of a history is not said again.
_SAID_FOR = 60.0


class Gate:
    """An ASGI application around the doors. tokens: of those who may come in; None for everybody.

    files: those that need no door, where there are any. uploads: paths of doors that take forms.
    """

    def __init__(
        self,
        doors: ASGIApp,
        *,
        hot: HotPages,
        tokens: Tokens | None,
        metrics: Metrics,
        files: HotFiles | None = None,
        uploads: frozenset[str] = frozenset(),
    ) -> None:
        self._doors = doors
        self._hot = hot
        self._files = files
        self._tokens = tokens
        self._metrics = metrics
        self._uploads = uploads
        self._said = ""
        self._said_at = 0.0

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

    def file(self, path: bytes, headers: Headers, most: int | None) -> Response | None:
        """Return the answer to a request for a file that was asked for before; None for no answer.

        path, headers: as for `instant`. most: bytes of the body, None for any number.
        """
        if self._tokens is not None or self._files is None:
            return None
        found = self._files.find(path, headers, most=most)
        if found is not None:
            self._metrics.answered(_FILE, found.status_code)
        return found

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        failure: Refused | None = None
        cannot_be_kept = False
        file = None if self._files is None else self._files.find(scope["raw_path"], scope["headers"])
        try:
            await (file or self._doors)(scope, receive, watched)
        except Cachi2ishError as error:
            failure = failed(error)
            cannot_be_kept = isinstance(error, StorageError)
        except Exception:  # noqa: BLE001  (the next request has nothing to do with it)
            _log.exception("a request has failed")
            failure = Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "the mirror has failed; its log says more")
        if failure is not None and not status:
            await failure(scope, receive, watched)
        door = getattr(scope.get("endpoint"), "__name__", "none") if file is None else _FILE
        if failure is not None and cannot_be_kept and door != _FILE:  # of files more is said where they are kept
            self._say(failure.text)
        # What broke off counts as what it failed with, whatever its head has said.
        self._metrics.answered(door, status if failure is None else failure.status_code)

    def _say(self, problem: str) -> None:
        """Write into the log why the history cannot be used: clients show it to nobody who could mend it."""
        now = asyncio.get_running_loop().time()
        if problem != self._said or now - self._said_at >= _SAID_FOR:
            self._said, self._said_at = problem, now
            _log.warning("%s", problem)

    def _is_upload(self, scope: Scope) -> bool:
        return scope["method"] == "POST" and scope["path"] in self._uploads

    def _refusal(self, scope: Scope) -> Refused | None:
        if scope["method"] not in _METHODS and not self._is_upload(scope):
            also = ", POST" if scope["path"] in self._uploads else ""
            headers = {"allow": f"GET, HEAD{also}", "connection": "close"}
            return Refused(HTTPStatus.METHOD_NOT_ALLOWED, "the mirror is only read", headers)
        if len(scope["raw_path"]) > _LONGEST_PATH:
            return Refused(HTTPStatus.REQUEST_URI_TOO_LONG, "no page and no file has an address that is so long")
        if self._tokens is None or scope["path"] in _OPEN:
            return None
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        if self._tokens.admit(given.decode("latin-1")):
            return None
        headers = {"www-authenticate": 'Basic realm="mirror", Bearer realm="mirror"'}
        return Refused(HTTPStatus.UNAUTHORIZED, "give one of the tokens of this mirror as the password", headers)
