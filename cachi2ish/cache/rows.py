"""Files of an index as rows of the catalogue, and back."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta

from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import IndexFile
from cachi2ish.core.urls import SECRET_ENDINGS, SECRET_NAMES, redact

#: position, filename, url, digests, requires_python, yanked, yanked_reason, size, upload_time.
Row = tuple[int, str, str, str, str | None, int, str, int | None, int | None]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LARGEST_INTEGER = 2**63 - 1

#: What introduces a credential in the body of a page, in lower case; in HTML "&" is "&amp;", in JSON "\u0026".
_SECRET_PARAMETERS = (
    *(f"{ending}=".encode() for ending in SECRET_ENDINGS),
    *(f"{start}{name}=".encode() for start in ("?", "&", ";", "u0026") for name in SECRET_NAMES),
)
#: One of these stands somewhere before it: the delimiters of RFC 3986, as they are or as JSON escapes them.
_BEFORE_SECRETS = (b"?", b"@", b";", b"&", b"\\u00")

_USER_INFORMATION = re.compile(rb"://[^/\s\"'<>]*@")


def to_rows(files: Iterable[IndexFile]) -> Iterator[Row]:
    """Yield a row for each file that may be kept and can be.

    Left out, and so never recalled: a file whose address holds a credential, which must not be written
    anywhere, and one that no database can hold (half of a surrogate pair, a size beyond 2⁶³).
    """
    for position, file in enumerate(files):
        if may_be_kept(file.url) and _storable(file):
            yield (
                position,
                file.filename,
                file.url,
                " ".join(sorted(map(str, file.digests))),
                file.requires_python,
                file.yanked,
                file.yanked_reason,
                file.size,
                None if file.upload_time is None else to_microseconds(file.upload_time),
            )


def from_row(row: Row) -> IndexFile:
    """Return the file that a row was made of; raises `ValueError` for what `to_rows` never wrote."""
    _, filename, url, digests, requires_python, yanked, yanked_reason, size, upload_time = row
    return IndexFile(
        filename=filename,
        url=url,
        hashes=tuple(map(_hash, digests.split())),
        requires_python=requires_python,
        yanked=bool(yanked),
        yanked_reason=yanked_reason,
        size=size,
        upload_time=None if upload_time is None else from_microseconds(upload_time),
    )


def to_microseconds(instant: datetime) -> int:
    """Return an aware instant as microseconds since 1970, UTC."""
    return (instant - _EPOCH) // _MICROSECOND


def from_microseconds(count: int) -> datetime:
    """Return the instant, in UTC; raises `OverflowError` for one that no calendar has."""
    return _EPOCH + timedelta(microseconds=count)


def knows_all(rows: Iterable[Row], digests: Collection[Digest]) -> bool:
    """Return whether each of ``digests`` is stated by one of the rows."""
    stated = {text for row in rows for text in row[3].split()}
    return all(str(digest) in stated for digest in digests)


def may_be_kept(url: str) -> bool:
    """Return whether an address holds no credential."""
    return redact(url) == url


def body_may_be_kept(body: bytes) -> bool:
    """Return whether the body of a page shows no address with a credential."""
    if not any(character in body for character in _BEFORE_SECRETS):  # a tenth of the time, for nearly all pages
        return True
    lowered = body.lower()
    return _USER_INFORMATION.search(body) is None and not any(text in lowered for text in _SECRET_PARAMETERS)


def _hash(text: str) -> tuple[str, str]:
    algorithm, separator, value = text.partition(":")
    if not separator:
        msg = f"{text!r} is no digest"
        raise ValueError(msg)
    return algorithm, value


def _storable(file: IndexFile) -> bool:
    texts = (file.filename, file.url, file.requires_python or "", file.yanked_reason)
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return file.size is None or abs(file.size) <= _LARGEST_INTEGER
