"""How the C library keeps memory for threads."""

from __future__ import annotations

#: <malloc.h> of the GNU C library: the most arenas that there may be.
_M_ARENA_MAX = -8

#: The main thread's, and one for all others. Under the interpreter's lock they hardly ever meet there.
_ARENAS = 2


def share_heaps() -> None:
    """Let threads share heaps, before any is started.

    The GNU C library gives each of forty threads a heap of its own and keeps in it what the thread has freed, for
    the next piece of a file: a third of the peak memory of a run. Other C libraries do not, and are left alone.
    """
    import ctypes  # some milliseconds, which only a run with threads has to spend

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_ARENA_MAX, _ARENAS)
