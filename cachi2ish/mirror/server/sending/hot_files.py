"""Files that everybody may have and that were asked for before: found again without the history or a thread."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

from starlette.responses import Response

from cachi2ish.core.artifacts import Blob
from cachi2ish.mirror.server.hot_pages import Headers
from cachi2ish.mirror.server.sending.held_files import ByteRange, HeldFile, held_file, is_known

#: Addresses of files that are remembered: some kilobytes for ten.
_MOST = 10_000


class HotFiles:
    """Addresses of files that the mirror has answered. For the event loop.

    held: returns a file by its key where that is certain without reading it (`FileStore.held_now`). What is not is
    not found here, and the door to files does what has to be done.
    """

    def __init__(self, held: Callable[[str], Blob | None]) -> None:
        self._held = held
        self._known: OrderedDict[bytes, tuple[str, Mapping[str, str]]] = OrderedDict()

    def keep(self, path: bytes, key: str, headers: Mapping[str, str]) -> None:
        """Remember what was answered: the file of this key, with these headers. path: as it was sent."""
        self._known[path] = key, headers
        self._known.move_to_end(path)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)

    def find(self, path: bytes, headers: Headers, *, most: int | None = None) -> Response | None:
        """Return the answer to a request, None where the door has to give it.

        most: bytes of the body, None for any number. headers: of the request; names in lower case.
        """
        known = self._known.get(path)
        blob = None if known is None else self._held(known[0])
        if known is None or blob is None:
            return None
        self._known.move_to_end(path)
        given = {name: value for name, value in reversed(headers) if name in _READ}

        def header(name: str, default: str) -> str:
            value = given.get(name.encode())
            return default if value is None else value.decode("latin-1")

        if most is not None and not is_known(header, known[1]["etag"]):
            span = ByteRange.of(header, known[1]["etag"])
            start, end = (0, blob.size) if span is None else span.within(blob.size) or (0, 0)
            if end - start > most:
                return None
        try:
            answer = held_file(header, blob.path, known[1])
        except OSError:
            return None
        return answer if isinstance(answer, HeldFile) or not answer.body else None


_READ = frozenset({b"range", b"if-range", b"if-none-match"})
