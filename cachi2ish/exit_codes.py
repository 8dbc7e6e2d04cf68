"""The exit status of every command: part of the interface (``docs/reference/exit-codes.md``)."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit status of every command."""

    OK = 0
    INTERNAL = 1  # a defect of cachi2ish itself
    USAGE = 2  # the command line cannot be understood (the shell's convention)
    INPUT = 3  # the JSON input, a path in it, or a setting is wrong
    LOCKFILE = 4  # a requirements file is wrong or asks for something that cannot be prefetched
    UNAVAILABLE = 5  # no index has what is asked for, or nothing that may be taken
    NETWORK = 6  # a server cannot be reached or does not do its part
    DIGEST = 7  # a file is not the file that was promised
    DISTRIBUTION = 8  # an archive is broken, unsafe, or not the distribution it claims to be
    GIT = 9  # a git repository cannot be read or cloned
    STORAGE = 10  # the cache, the source or the output cannot be read or written
    DISPROVED = 11  # fetch-deps --verify: the output is there, and an offline install from it fails
    UNPROVED = 12  # fetch-deps --verify: the output is there, and whether it is enough is not known
    INTERRUPTED = 130  # the user pressed Ctrl-C (128 + SIGINT)
    TERMINATED = 143  # somebody asked the process to end with SIGTERM (128 + 15), as CI services do, or SIGHUP


#: Which failure decides the exit status when several kinds arrive together: the one that matters most
#: for security first, the one that another run might not show last.
GRAVITY = (
    ExitCode.INTERNAL,
    ExitCode.DIGEST,
    ExitCode.DISTRIBUTION,
    ExitCode.USAGE,
    ExitCode.INPUT,
    ExitCode.LOCKFILE,
    ExitCode.UNAVAILABLE,
    ExitCode.GIT,
    ExitCode.STORAGE,
    ExitCode.NETWORK,
    ExitCode.DISPROVED,
    ExitCode.UNPROVED,
)


class VerdictCode(IntEnum):
    """The exit status of ``verify``, where it is a verdict.

    Two of these numbers mean something else elsewhere: so ``verify`` ends with `ExitCode.INPUT` where others end
    with `ExitCode.USAGE`, and with ``DEFECT`` where they end with `ExitCode.INTERNAL`.
    """

    PROVED = 0
    DISPROVED = 1
    UNKNOWN = 2
    DEFECT = 70  # a defect of cachi2ish itself (EX_SOFTWARE of sysexits.h)
