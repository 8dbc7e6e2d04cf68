"""The hints of errors in the words of the command line: with its options, and the keys of its input."""

from __future__ import annotations

from collections.abc import Mapping

from cachi2ish.advice import Hint, Place
from cachi2ish.errors import AfterIndexDateError, Cachi2ishError, StorageError

_ALLOW_UNTIMED = (
    "let such files pass with --index-date-missing={index}=allow if you trust this index to stand still"
)
_LOCK_UPLOAD_TIMES = (
    "lock with a tool that writes upload times into {lock} (uv does), or let such files pass with"
    " --index-date-missing=allow"
)

_TARGETS = 'name the machines that you build for in the input with "targets"'
_ALL = ' ("allow_binary": true takes the wheels of all machines)'

#: A hint that is not here says all that there is to say. {index} and {lock}: see `AfterIndexDateError`.
WORDS: Mapping[str, str] = {
    Hint.NAME_INDEX_OF_PROJECT: f"{Hint.NAME_INDEX_OF_PROJECT} with --index-url or --extra-index-url",
    Hint.NAME_INDEX_OF_VERSION: f"{Hint.NAME_INDEX_OF_VERSION} with --extra-index-url",
    Hint.ONE_FILE_PER_INDEX: (
        f"{Hint.ONE_FILE_PER_INDEX}, each with its --index-url. uv asks the extra indexes first: where it has"
        " locked from one of them, name the --index-url among them too, as the first, and lock again"
    ),
    Hint.FILL_CACHE: (
        "run once without --offline, or bring along a cache that has it (--cache-dir); of what somebody else has"
        " filled, the pages count with the key that was used (--cache-key)"
    ),
    Hint.ALLOW_UNTIMED: _ALLOW_UNTIMED,
    Hint.PIN_EARLIER_OR_ALLOW_UNTIMED: f"{Hint.PIN_EARLIER}; {_ALLOW_UNTIMED}",
    Hint.LOCK_UPLOAD_TIMES: _LOCK_UPLOAD_TIMES,
    Hint.PIN_EARLIER_OR_LOCK_UPLOAD_TIMES: f"{Hint.PIN_EARLIER}; {_LOCK_UPLOAD_TIMES}",
    Hint.ALLOW_WHEELS: f"{_TARGETS}, which then get the wheels that fit{_ALL}; or pin a version that has an sdist",
    Hint.NAME_TARGETS: (
        f"{_TARGETS}: those that its marker leaves out need none, and the others get a wheel that fits; where you"
        f" want sdists, write --no-binary :all: into the requirements file{_ALL}"
    ),
    Hint.LOCK_SDIST: (
        "the hashes name only wheels: lock the sdist too (pip-compile --generate-hashes and"
        f" uv pip compile --generate-hashes name every file), or {_TARGETS}{_ALL}"
    ),
    Hint.WIDEN_FILTER: 'change "binary" in the input, or pin a version that has a file that passes it',
    Hint.ALLOW_LOCKED_WHEELS: f"{_TARGETS}{_ALL}, or take the project out of --only-binary",
    Hint.DATE_BY_FIRST_SIGHT: f"{Hint.DATE_BY_FIRST_SIGHT} (--first-seen of mirror serve)",
    Hint.ALLOW_COMPUTED: f"{Hint.ALLOW_COMPUTED} (--require-coverage computed of mirror serve)",
    Hint.DIGEST_OF_A_MIRROR: (
        f"{Hint.DIGEST_OF_A_MIRROR}, such as http://127.0.0.1:8417/2024-10-01/simple/; where one of several is a"
        " mirror, name it: --index-digest URL=sha256:…"
    ),
    Hint.NAME_DIRECTORY: "name a directory with --output, new or empty",
    Hint.NAME_EMPTY_DIRECTORY: "name a new or empty directory with --output, or move these out of the way",
    Hint.DROP_TARGET: (
        "pin a version that has a wheel for it or an sdist, write a marker that leaves the requirement out there,"
        ' or take the target out of "targets"'
    ),
}


#: The options that move a place elsewhere.
_OPTIONS = {Place.CACHE: "--cache-dir", Place.OUTPUT: "--output", Place.MIRROR: "--directory"}


def hint_of(error: Cachi2ishError) -> str | None:
    """Return what to do about ``error``, or None."""
    if isinstance(error.hint, Hint):
        words = WORDS.get(error.hint, error.hint.value)
        if isinstance(error, AfterIndexDateError):
            words = words.format(index=error.index, lock=error.lock)
        return words
    if isinstance(error, StorageError) and error.place is not None:
        return f"{error.hint} with {_OPTIONS[error.place]}"
    return error.hint
