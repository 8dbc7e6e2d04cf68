"""How a row of the catalogue shows that its reader has written it (``docs/adr/0024-…``).

Each row carries an HMAC (RFC 2104, with SHA-256). The key lies beside the database, in a file that only its owner
can read. So whoever may write to a cache, and is somebody else, can remove rows and cannot make one.
"""

from __future__ import annotations

import hmac
import os
import stat
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from msgspec import msgpack

from cachi2ish.errors import InputError, StorageError
from cachi2ish.files.folder import Folder
from cachi2ish.files.foreign import UnfitFileError, read_foreign

_KEY_BYTES = 32

#: Of a key that a user has made: less may be guessed.
_FEWEST_BYTES = 16
_MOST_BYTES = 1 << 16

#: What a fact of a row may be: whatever SQLite holds.
Fact = str | bytes | int | float | None


class ForgedError(ValueError):
    """A row bears our name, and is not as we have written it."""


class Signer:
    """Signs rows, and tells its own from others. Safe to use from many threads.

    name: of the key; it does not give the key away.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.name = hmac.digest(key, b"name", "sha256")[:8].hex()

    def sign(self, *facts: Fact) -> bytes:
        """Return the signature of ``facts``: their order, number and types count."""
        return hmac.digest(self._key, msgpack.encode(facts), "sha256")

    def has_signed(self, signature: object, *facts: Fact) -> bool:
        """Return whether ``signature`` is the one of ``facts``."""
        return isinstance(signature, bytes) and hmac.compare_digest(signature, self.sign(*facts))


def signer_of(catalogue: Path, *, make: bool) -> Signer:
    """Return the signer of this user for the database at ``catalogue``, with the key that lies beside it.

    A key that is another user's, or that others may have read, is not used. make: to make one where there is none;
    the caller sees to it that one process does so at a time. Where there can be none, the signer is good for this
    run, and knows no row of an earlier one.
    """
    places = _places(catalogue)
    for place in places:
        if (key := _key_at(place)) is not None:
            return Signer(key)
    key = os.urandom(_KEY_BYTES)
    if make:
        any(_write(place, key) for place in places)
    return Signer(key)


def signer_with(file: Path) -> Signer:
    """Return the signer with the key in ``file``, which the user has made and gives to whom he likes.

    Raises `InputError` for a key that can be guessed or is no file, and `StorageError` where it cannot be read.
    """
    try:
        key = read_foreign(file, _MOST_BYTES).strip()
    except UnfitFileError as error:
        raise InputError(f"the key {file} of the cache {error.strerror}", hint=error.hint) from error
    except OSError as error:
        raise StorageError(
            f"the key {file} of the cache cannot be read: {error.strerror}",
            hint="name a file that you may read",
        ) from error
    if len(key) < _FEWEST_BYTES:
        raise InputError(
            f"the key {file} of the cache has {len(key)} bytes, and may be guessed",
            hint="make one with: openssl rand -hex 32",
        )
    return Signer(sha256(key).digest())


def why_no_key(catalogue: Path) -> str:
    """Return, as a sentence, why this user may use none of the keys that are there; else ""."""
    places = [place for place in _places(catalogue) if os.path.lexists(place)]
    if not places or any(_key_at(place) for place in places):
        return ""
    for place in places:
        with suppress(OSError):
            status = place.lstat()
            if status.st_uid == os.geteuid() and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                return (
                    f"Others may read {place}, the key of the catalogue: what was remembered with it is not used."
                    " chmod 600 keeps a key secret."
                )
    return f"The catalogue {catalogue} is another user's: what he remembers is not used. --cache-key shares it."


def _places(catalogue: Path) -> tuple[Path, Path]:
    """Return where a key may be: the first one's who came, and this user's."""
    return catalogue.with_suffix(".key"), catalogue.with_name(f"{catalogue.stem}-{os.geteuid()}.key")


def _key_at(path: Path) -> bytes | None:
    """Return the key, None where there is none that is this user's alone."""
    try:
        descriptor = Folder(path.parent).open(path, os.O_RDONLY)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        # A second name may lead to a file of ours whose content somebody knows.
        own = status.st_uid == os.geteuid() and status.st_nlink == 1
        if not own or status.st_mode & (stat.S_IRWXG | stat.S_IRWXO) or status.st_size != _KEY_BYTES:
            return None
        key = file.read(_KEY_BYTES)
    return key if len(key) == _KEY_BYTES else None


def _write(path: Path, key: bytes) -> bool:
    try:
        if os.path.lexists(path) and path.lstat().st_uid != os.geteuid():
            return False
        path.unlink(missing_ok=True)  # half of one, or one that others may have read
        descriptor = Folder(path.parent).open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    except OSError:
        return False
    try:
        return os.write(descriptor, key) == len(key)
    except OSError:
        return False
    finally:
        os.close(descriptor)
