"""Why a file of a project page is not taken, or is taken with a warning: as data. Words: `core.choose.explain`."""

from __future__ import annotations

from datetime import datetime
from enum import Enum, auto

from msgspec import Struct


class Reason(Enum):
    """Why a file is not taken. The comment names the fields of `Facts` that belong to it."""

    UNREADABLE_NAME = auto()
    UNSAFE_NAME = auto()
    WHEELS_ONLY = auto()
    SDISTS_ONLY = auto()
    WHEELS_NOT_ALLOWED = auto()
    NOT_LOCKED = auto()
    WHEELS_OF_PROJECT_ONLY = auto()
    SDIST_OF_PROJECT_ONLY = auto()
    OTHER_IMPLEMENTATION = auto()  # accepted: implementations
    OTHER_PYTHON = auto()  # accepted: the version
    OTHER_ABI = auto()  # accepted: ABIs
    OTHER_PLATFORM = auto()  # accepted: systems; architectures
    OTHER_PLATFORM_TAG = auto()  # accepted: the regular expression
    NO_TARGET = auto()
    NOT_THIS_TARGET = auto()
    NEEDS_PYTHON = auto()  # requires_python
    NOT_PREFERRED = auto()  # preferred
    NO_UPLOAD_TIME = auto()
    UNREADABLE_UPLOAD_TIME = auto()  # declared
    UPLOADED_LATER = auto()  # upload_time


class Facts(Struct, frozen=True, kw_only=True):
    """What belongs to a reason.

    preferred: the name of the file that is taken instead. requires_python: a specifier set as text.
    upload_time: aware. declared: what the index states.
    accepted: the values of each key of a filter that would have passed; None for any.
    """

    preferred: str = ""
    requires_python: str = ""
    upload_time: datetime | None = None
    declared: str = ""
    accepted: tuple[frozenset[str] | None, ...] = ()


class Refusal(Struct, frozen=True):
    """A file of the pinned version that is not taken, and why."""

    filename: str
    reason: Reason
    facts: Facts = Facts()


class WarningKind(Enum):
    """Why a file that is taken deserves a look."""

    YANKED = auto()
    NO_UPLOAD_TIME = auto()
    UNREADABLE_UPLOAD_TIME = auto()  # declared


class FileWarning(Struct, frozen=True, kw_only=True):
    """A file that is taken with a warning.

    yanked_reason: as the index states it (PEP 592); may be empty. cutoff: the instant that it is taken to be
    from before, although nobody knows. declared: what the index states.
    """

    kind: WarningKind
    filename: str
    yanked_reason: str = ""
    cutoff: datetime | None = None
    declared: str = ""
