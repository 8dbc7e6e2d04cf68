"""A part of a file from the disk into a socket, whenever that takes more: without a copy in memory."""

from __future__ import annotations

import asyncio
import errno
import os
from asyncio import Transport
from typing import BinaryIO

#: Bytes that are handed over at once: others are served in between.
_AT_ONCE = 2 * 1024 * 1024

#: Bytes of a file that a client takes within `_SLOWEST_SECONDS`, or it is let go.
_SLOWEST = 4 * 1024 * 1024
_SLOWEST_SECONDS = 300.0

#: What a file system answers that has no way from a file into a socket.
UNABLE = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})


class Push:
    """A part of a file on its way. For the event loop; nothing else may be sent meanwhile."""

    def __init__(self, transport: Transport, file: BinaryIO, offset: int, end: int) -> None:
        self._transport = transport
        self._file = file
        self._offset, self._end = offset, end
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._waits = False
        # The transport watches the socket by its number, so that this needs one of its own.
        self._socket = os.dup(transport.get_extra_info("socket").fileno())

    async def run(self) -> None:
        """Return when the socket has taken all.

        Raises `TimeoutError` where the client takes too little of it, and `OSError` where it has gone, or the file
        ends too early.
        """
        reads = self._transport.is_reading()
        self._transport.pause_reading()
        self._expect_more()
        try:
            self._more()
            await self._done
        finally:
            self._watch.cancel()
            self._stop_waiting()
            os.close(self._socket)
            if reads and not self._transport.is_closing():
                self._transport.resume_reading()

    @property
    def offset(self) -> int:
        """The first byte that the socket has not taken."""
        return self._offset

    def fail(self, error: OSError) -> None:
        """Let `run` raise ``error``."""
        if not self._done.done():
            self._done.set_exception(error)
        self._stop_waiting()

    def _more(self) -> None:
        """Hand over as much as the socket takes; called whenever it takes something."""
        if self._transport.is_closing():
            self.fail(BrokenPipeError())
            return
        try:
            count = min(_AT_ONCE, self._end - self._offset)
            sent = os.sendfile(self._socket, self._file.fileno(), self._offset, count)
        except (BlockingIOError, InterruptedError):
            self._wait()
        except OSError as error:
            self.fail(error)
        else:
            self._offset += sent
            if not sent:
                self.fail(OSError("the file is shorter than it was"))
            elif self._offset < self._end:
                self._wait()
            elif not self._done.done():
                self._done.set_result(None)
                self._stop_waiting()

    def _expect_more(self) -> None:
        self._watch = self._loop.call_later(_SLOWEST_SECONDS, self._compare, self._offset)

    def _compare(self, before: int) -> None:
        if self._offset - before < _SLOWEST:
            self.fail(TimeoutError())
        else:
            self._expect_more()

    def _wait(self) -> None:
        if not self._waits:
            self._waits = True
            self._loop.add_writer(self._socket, self._more)

    def _stop_waiting(self) -> None:
        if self._waits:
            self._waits = False
            self._loop.remove_writer(self._socket)
