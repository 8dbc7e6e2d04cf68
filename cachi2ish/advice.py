"""What to do about an error, as data: a front end has its own words for some of it."""

from __future__ import annotations

from enum import Enum, StrEnum, auto


class Place(Enum):
    """A place that the user can move elsewhere."""

    CACHE = auto()
    OUTPUT = auto()
    MIRROR = auto()


class Hint(StrEnum):
    """What to do about an error, where a front end may name its own option or key for it.

    The value is what holds for each of them; `cachi2ish.cli.display.hints` has the words of the command line.
    """

    NAME_INDEX_OF_PROJECT = "check the spelling, or name the index that has it"
    NAME_INDEX_OF_VERSION = "check the version, or name the index that has it"
    ONE_FILE_PER_INDEX = (
        "lock with hashes: then all indexes count, and the hashes tell which file is meant; or write the"
        " requirements of each index into a file of its own (one file per index)"
    )
    FILL_CACHE = "run once with a network, or bring along a cache that has it"
    PIN_EARLIER = "pin a version that was there then, or take a later date, for all or for this project"
    ALLOW_UNTIMED = "let files without an upload time pass if you trust this index to stand still"
    LOCK_UPLOAD_TIMES = "lock with a tool that writes upload times (uv does), or let files without one pass"
    PIN_EARLIER_OR_ALLOW_UNTIMED = f"{PIN_EARLIER}; {ALLOW_UNTIMED}"
    PIN_EARLIER_OR_LOCK_UPLOAD_TIMES = f"{PIN_EARLIER}; {LOCK_UPLOAD_TIMES}"
    LEAVE_QUARANTINED = "the index suspects the project of being malicious (PEP 792); remove it or replace it"
    ALLOW_WHEELS = "name the machines that you build for, allow all wheels, or pin a version that has an sdist"
    NAME_TARGETS = (
        "name the machines that you build for: those that its marker leaves out need none, and others get a wheel"
    )
    LOCK_SDIST = (
        "the hashes name only wheels: lock the sdist too (pip-compile --generate-hashes and"
        " uv pip compile --generate-hashes name every file), or name the machines that you build for"
    )
    LOCK_AGAIN = "lock the requirement again; if it was right, the index serves another file than it did then"
    TAKE_EARLIER_DATE = "take a date before that, in the address of the index"
    TAKE_LATER_DATE = "take a later date, in the address of the index, or pin what was there then"
    DATE_BY_FIRST_SIGHT = "let the mirror date such files by when it first saw them"
    ALLOW_COMPUTED = "take a later date, in the address of the index, or let the mirror give out computed pages"
    DIGEST_OF_A_MIRROR = "an index digest goes with the index of a mirror as of a date"
    CORRECT_INDEX = "correct the address of the index"
    WIDEN_FILTER = "let more wheels pass, or pin a version that has a file that passes"
    ALLOW_LOCKED_WHEELS = "name the machines that you build for, or take the project out of --only-binary"
    PIN_EARLIER_FILES = (
        "pin a version whose files were there then, take a later index date, or allow other files of it"
    )
    PIN_OTHER_FORMAT = "pin a version that has a file of the permitted kind"
    NAME_DIRECTORY = "name a directory, new or empty"
    NAME_EMPTY_DIRECTORY = "name a new or empty directory, or move these out of the way"
    DROP_TARGET = (
        "pin a version that has a wheel for it or an sdist, write a marker that leaves the requirement out there,"
        " or leave the target out"
    )
    PIN_EXACTLY = (
        "pin it as name==version; `pip-compile` and `uv pip compile` pin a whole file with its dependencies"
    )
