"""The addresses of what machines of a mirror share: a bucket and a place in it, and a database."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cachi2ish.core.messages import excerpt
from cachi2ish.core.urls import Address
from cachi2ish.errors import InputError

_BUCKET = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")
_FOLDER = re.compile("[A-Za-z0-9!_*'()-][A-Za-z0-9!_.*'()-]*")

#: Characters: half of what the name of an object may have.
_LONGEST_PREFIX = 512

_ADDRESS = "write it as postgresql://user@host/name; a history in SQLite is in --directory"

#: The beginning of an address; with one slash it is a mistake for one, and no path that anybody means.
_SCHEME = re.compile("[A-Za-z][A-Za-z0-9+.-]*:/(/?)")

#: What is said of it, and nothing of the address: where a login stands in it is not sure.
_ONE_SLASH = "there is one slash behind the scheme of the address, where two belong"

_WRITE = "write it as s3://BUCKET/PREFIX; keys, region and endpoint stand in AWS_ACCESS_KEY_ID and its like"

#: Capitals and underscores are in old buckets of AWS, and in those of other servers; new ones of AWS have none.
_NAME = (
    "a name has 3 to 63 letters, digits, dots, hyphens and underscores, with a letter or a digit at both ends (new"
    " ones at AWS have small letters, and no underscores)"
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A place in S3. prefix: what stands before the names of all objects, without slashes at its ends; or ""."""

    name: str
    prefix: str

    @classmethod
    def parse(cls, text: str) -> Bucket:
        """Read ``s3://BUCKET/PREFIX``. Raises `InputError`, which shows no user and no password."""
        if _has_one_slash(text):
            raise InputError(_ONE_SLASH, hint=_WRITE)
        address = Address(text.strip())
        if address.split_userinfo()[1]:
            raise InputError(f"{address.redacted!r} has a user, and keys do not belong there", hint=_WRITE)
        scheme, _, rest = text.strip().partition("://")
        name, _, prefix = rest.partition("/")
        folders = prefix.strip("/").split("/") if prefix.strip("/") else []
        if scheme.lower() == "s3" and name and not _BUCKET.fullmatch(name):
            raise InputError(f"{excerpt(name)!r} is no name of a bucket", hint=_NAME)
        if (
            scheme.lower() != "s3"
            or not name
            or not all(map(_FOLDER.fullmatch, folders))
            or len(prefix) > _LONGEST_PREFIX
        ):
            raise InputError(f"{excerpt(address.redacted)!r} is no place in S3", hint=_WRITE)
        return cls(name, "/".join(folders))

    def __str__(self) -> str:
        return f"s3://{self.name}/{self.prefix}".rstrip("/")


def is_address(text: str) -> bool:
    """Return whether a place is meant to be an address, and no path: ``s3://…``, and ``s3:/…`` by mistake."""
    return _SCHEME.match(text.strip()) is not None


def database_at(text: str) -> Address:
    """Return the address of a database of PostgreSQL; raises `InputError` for anything else."""
    if _has_one_slash(text):
        raise InputError(_ONE_SLASH, hint=_ADDRESS)
    if _has_many_ats(text):
        raise InputError(
            "the address of the database has more than one @ before its host, so a password may end too early",
            hint="write an @ of a user or a password as %40, or the password into PGPASSWORD or ~/.pgpass",
        )
    address = Address(text.strip())
    if address.scheme not in {"postgresql", "postgres"}:
        raise InputError(f"{excerpt(address.redacted)!r} is no address of PostgreSQL", hint=_ADDRESS)
    return address


def _has_many_ats(text: str) -> bool:
    """Return whether it is not sure where the login ends; a slash before the first @ may be of a password, too."""
    behind = text.partition("://")[2]
    authority = re.split("[/?#]", behind, maxsplit=1)[0]
    return (authority if "@" in authority else behind).count("@") > 1


def _has_one_slash(text: str) -> bool:
    """Return whether an address lacks one of the slashes behind its scheme."""
    found = _SCHEME.match(text.strip())
    return found is not None and not found[1]
