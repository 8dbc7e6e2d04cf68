"""What the processes of the sandbox take, as the kernel tells it. Part of the jail: the standard library alone."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator

#: Bytes of a block of ``stat``, whatever the file system; the unit of /proc/<pid>/status.
_BLOCK, _KIB = 512, 1024

#: Fields of a line of /proc/sysvipc/shm before the bytes that are in memory, and those that are swapped out.
_BEFORE_RESIDENT = 14


def taken(bounded: tuple[str, ...]) -> tuple[int, int]:
    """Return the bytes of memory and the number of the processes here, but for the first one.

    Memory counts for each process that has it, and where it has a descriptor too, once more. bounded: mount points
    of file systems in memory, which have a size of their own: files that were deleted in them do not count.
    """
    devices = {os.stat(path).st_dev for path in bounded}
    memory = processes = 0
    deleted: dict[tuple[int, int], int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and name != "1":
            processes += 1
            memory += _mapped(name)
            with contextlib.suppress(OSError):
                deleted.update(_deleted(name))
    memory += sum(size for (device, _), size in deleted.items() if device not in devices)
    return memory + _system_v(), processes


def _mapped(process: str) -> int:
    """Return the bytes of what no file on a disk stands for; 0 for a process that is gone."""
    with contextlib.suppress(OSError), open(f"/proc/{process}/status", "rb") as file:
        return sum(int(line.split()[1]) * _KIB for line in file if line.startswith((b"RssAnon:", b"RssShmem:")))
    return 0


def _deleted(process: str) -> Iterator[tuple[tuple[int, int], int]]:
    """Yield each open file without a name: ``memfd_create`` needs no mapping. Threads may have their own."""
    for task in os.listdir(f"/proc/{process}/task"):
        folder = f"/proc/{process}/task/{task}/fd"
        with contextlib.suppress(OSError):
            for descriptor in os.listdir(folder):
                with contextlib.suppress(OSError):
                    found = os.stat(f"{folder}/{descriptor}")
                    if stat.S_ISREG(found.st_mode) and not found.st_nlink:
                        yield (found.st_dev, found.st_ino), found.st_blocks * _BLOCK


def _system_v() -> int:
    """Return the bytes of segments of ``shmget``, which stay when nobody has them mapped."""
    with contextlib.suppress(OSError), open("/proc/sysvipc/shm", "rb") as file:
        return sum(sum(map(int, line.split()[_BEFORE_RESIDENT:])) for line in list(file)[1:])
    return 0
