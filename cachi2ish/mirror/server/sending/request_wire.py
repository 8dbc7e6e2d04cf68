"""The connection of a request, as doors see it: a reason in the status line, files from the disk."""

from __future__ import annotations

import asyncio
import os
from asyncio import Transport
from typing import Any, BinaryIO

from starlette.types import Scope

from cachi2ish.mirror.server.sending.pushing import UNABLE, Push

#: Where an application finds the `Wire` of its request, in the extensions of ASGI.
EXTENSION = "cachi2ish.wire"

#: And where the cycle is with which uvicorn counts what is sent: that of the connection may be of a later request.
CYCLE = "cachi2ish.cycle"

#: Bytes of a file that a client takes within `_SLICE_SECONDS`, or it is let go, where `Push` is of no use.
_SLICE = 4 * 1024 * 1024
_SLICE_SECONDS = 300.0


class Wire:
    """One connection. Stands in for its transport; what it does not know itself, it passes on.

    reason: the phrase of the next status line, instead of the one that the status has.
    """

    def __init__(self, transport: Transport) -> None:
        self.reason = ""
        self._transport = transport
        self._push: Push | None = None

    @classmethod
    def of(cls, scope: Scope) -> Wire:
        """Return the one that a request came over."""
        wire: Wire = scope["extensions"][EXTENSION]
        return wire

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (whatever a transport has)
        return getattr(self._transport, name)

    @property
    def is_gone(self) -> bool:
        """Whether the client is not there any more."""
        return self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Send bytes. The first ones of an answer are its status line."""
        if self.reason:
            line, separator, rest = data.partition(b"\r\n")
            version, status, _ = line.split(b" ", 2)
            data = b" ".join((version, status, self.reason.encode("latin-1", "replace"))) + separator + rest
            self.reason = ""
        self._transport.write(data)

    async def send_file(self, scope: Scope, file: BinaryIO, offset: int, count: int) -> None:
        """Send a part of a file as the body that the headers have announced, without a copy in memory.

        scope: of the request.

        Raises `TimeoutError` where the client takes nothing of it, and `OSError` where it has gone.
        """
        loop = asyncio.get_running_loop()
        end, able = offset + count, hasattr(os, "sendfile")
        while offset < end:
            if self.is_gone:
                raise BrokenPipeError
            if able and not self._transport.get_write_buffer_size():
                self._push = push = Push(self._transport, file, offset, end)
                try:
                    await push.run()
                except OSError as error:
                    able = error.errno not in UNABLE
                    if able:
                        raise
                finally:
                    self._push = None
                offset = push.offset
                continue
            async with asyncio.timeout(_SLICE_SECONDS):
                sent = await loop.sendfile(self._transport, file, offset, min(_SLICE, end - offset))
            if not sent:
                raise OSError("the file is shorter than it was")
            offset += sent
        # What uvicorn counts has not gone through its hands.
        scope["extensions"][CYCLE].expected_content_length = 0

    def lost(self) -> None:
        """End what is under way, since the client has gone."""
        if self._push is not None:
            self._push.fail(BrokenPipeError())
