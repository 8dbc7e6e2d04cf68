"""An index that keeps answers back until a test lets them go, to look at a program in the middle of its work."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from tests.support.faulty_http import Answer
from tests.support.index_server import IndexServer

_LONGEST = 60  # seconds; nobody waits so long but for a defect


class HeldIndex(IndexServer):
    """asked: set when somebody has asked for what is held."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self._held: dict[str, threading.Event] = {}

    def hold(self, path: str) -> threading.Event:
        """Keep the answers for ``path`` (or a URL of this server) back until the event is set."""
        return self._held.setdefault(unquote(urlsplit(path).path), threading.Event())

    def answer(self, method: str, target: str, headers: Mapping[str, str], connection: int) -> Answer:
        gate = self._held.get(unquote(urlsplit(target).path))
        if gate is not None:
            self.asked.set()
            gate.wait(_LONGEST)
        return super().answer(method, target, headers, connection)

    def __exit__(self, *exception: object) -> None:
        for gate in self._held.values():
            gate.set()
        super().__exit__(*exception)
