"""What is made when it is first needed, and once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar, cast

from cachi2ish.errors import Cachi2ishError

_T = TypeVar("_T")
_Key = TypeVar("_Key", bound=Hashable)


class Once(Generic[_T]):
    """Calls ``make`` for the first one who asks; what it returns, or raises, is for all. Safe for threads."""

    def __init__(self, make: Callable[[], _T]) -> None:
        self._make = make
        self._lock = Lock()
        self._made: list[_T] = []
        self._failure: Cachi2ishError | None = None

    def __call__(self) -> _T:
        """Return what was made; raises the `Cachi2ishError` that making it ended with."""
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if not self._made:
                try:
                    self._made.append(self._make())
                except Cachi2ishError as error:
                    self._failure = error
                    raise
            return self._made[0]

    def if_made(self) -> _T | None:
        """Return what was made, None where nobody has asked for it yet."""
        return self._made[0] if self._made else None


class _Made(Generic[_T]):
    """What was made for one key, or how that ended. lock: whoever has it makes it."""

    __slots__ = ("done", "error", "lock", "value")

    def __init__(self) -> None:
        self.lock = Lock()
        self.done = False
        self.value: _T | None = None
        self.error: BaseException | None = None


class OncePerKey(Generic[_Key, _T]):
    """Calls ``make`` once for each key, for the first one who asks; the others wait. Safe for threads.

    What it returns, or raises, is for all.
    """

    def __init__(self, make: Callable[[_Key], _T]) -> None:
        self._make = make
        self._lock = Lock()
        self._made: dict[_Key, _Made[_T]] = {}

    def __call__(self, key: _Key) -> _T:
        """Return what was made for ``key``; raises what making it ended with."""
        with self._lock:
            made = self._made.setdefault(key, _Made())
        with made.lock:
            if not made.done:
                try:
                    made.value = self._make(key)
                except BaseException as error:  # noqa: BLE001  (it is raised below, and for all who ask again)
                    made.error = error
                made.done = True
        if made.error is not None:
            raise made.error
        return cast("_T", made.value)
