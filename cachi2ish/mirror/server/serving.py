"""Runs the mirror until somebody asks it to end."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager

import uvicorn
from starlette.types import ASGIApp

from cachi2ish.errors import InputError
from cachi2ish.mirror.server.command_run import run_command
from cachi2ish.mirror.server.door_protocol import DoorProtocol

#: What is served, from its beginning to its end.
Application = AbstractAsyncContextManager[ASGIApp]

#: Connections at once; further ones are answered 503.
_CONNECTIONS = 2000

#: Connections that may wait to be taken.
_BACKLOG = 512

#: Seconds for which an idle connection is kept, and that answers under way may take once the end is near.
_KEPT, _GRACE = 30, 20

#: Seconds after which a thread lets others run, of which Python's own default is 5 ms.
_TURN = 0.001

_REASONS = {
    errno.EADDRINUSE: ("is in use", "end the program that has it, or choose another port (--port)"),
    errno.EADDRNOTAVAIL: ("is no address of this machine", "name one of this machine's (--host)"),
    errno.EACCES: ("may not be used by this user", "choose a port above 1023 (--port)"),
}


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that takes connections. Raises `InputError` where it cannot."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise InputError(
            f"the host name {host!r} does not resolve",
            hint="name an address of this machine (--host): 127.0.0.1 for itself, 0.0.0.0 for others too",
        ) from None
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        problem, hint = _REASONS.get(error.errno or 0, (f"cannot be used: {error.strerror}", "choose another one"))
        raise InputError(f"port {port} of {host} {problem}", hint=hint) from None
    return listener


def is_loopback(listener: socket.socket) -> bool:
    """Return whether no other machine can reach it."""
    return ipaddress.ip_address(listener.getsockname()[0]).is_loopback


def address_of(listener: socket.socket) -> str:
    """Return its address as a client writes it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if listener.family == socket.AF_INET6 else f"http://{host}:{port}/"


def serve(application: Application, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP; answers that are under way are finished where they soon can be."""
    _prepare()
    asyncio.run(_serve(application, listener, on_ready))


def serve_around(
    application: Application, listener: socket.socket, command: Sequence[str], environ: Mapping[str, str]
) -> int:
    """Serve while a command runs; return its exit status. Raises `OSError` where it cannot be started."""
    _prepare()
    return asyncio.run(_serve_around(application, listener, command, environ))


def _prepare() -> None:
    # So long the thread that answers waits for one that counts or reads, each time that it needs Python.
    sys.setswitchinterval(_TURN)
    # What uvicorn says is said here, and in the program's own way.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL + 1)


class Server(uvicorn.Server):
    """uvicorn, ended by `end` and by no signal of its own."""

    def __init__(self, application: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                loop="none",
                http=DoorProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=_BACKLOG,
                limit_concurrency=_CONNECTIONS,
                timeout_keep_alive=_KEPT,
                timeout_graceful_shutdown=_GRACE,
            )
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing: uvicorn would raise the signal once more at the end."""
        yield

    def end(self) -> None:
        """End soon; at the second call, at once."""
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True


async def _serve(application: Application, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    async with application as doors:
        server = Server(doors)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Ignored: who started us wants us to go on (nohup, the background of a script).
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, server.end)
        loop.call_soon(on_ready)
        await server.serve(sockets=[listener])


async def _serve_around(
    application: Application, listener: socket.socket, command: Sequence[str], environ: Mapping[str, str]
) -> int:
    async with application as doors:
        server = Server(doors)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            return await run_command(command, environ)
        finally:
            # Whatever the command has left behind and still asks is not waited for.
            server.end()
            server.end()
            await serving
