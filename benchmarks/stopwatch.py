"""Run one command, and write what it took: ``python -I -S stopwatch.py FIGURES COMMAND…``.

A program of its own, with as few imports as can be: the kernel counts the peak memory of a child from its parent's
at the moment of the start, and the benchmark itself is larger than some of the tools.
"""

import os
import sys
import time


def main() -> None:
    figures, *command = sys.argv[1:]
    began = time.monotonic()
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    seconds = time.monotonic() - began
    # Linux states kilobytes, macOS bytes.
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    code = os.waitstatus_to_exitcode(status)
    # By os alone: pathlib is what would make this process large, and it is to weigh nothing.
    descriptor = os.open(figures, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(descriptor, f"{seconds} {usage.ru_utime + usage.ru_stime} {peak} {code}\n".encode("ascii"))
    os.close(descriptor)


if __name__ == "__main__":
    main()
