"""What is made when it is first needed, and once."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from cachi2ish.errors import Cachi2ishError

_T = TypeVar("_T")


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
