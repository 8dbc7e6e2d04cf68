"""Pages of an index."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

from packaging.utils import canonicalize_name

from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import Hashes, IndexFile, Page

INDEX = "https://index.example/simple/"


def sha256(text: str) -> Digest:
    return Digest("sha256", hashlib.sha256(text.encode()).hexdigest())


def hashes(*digests: Digest) -> Hashes:
    return tuple((one.algorithm, one.value) for one in sorted(digests))


def index_file(name: str, url: str | None = None) -> IndexFile:
    return IndexFile(filename=name, url=url or f"https://files.example/{name}", hashes=hashes(sha256(name)))


def page_of(*files: IndexFile, project: str = "thing") -> Page:
    return Page(project=canonicalize_name(project), index=INDEX, files=files)


def recalled(page: Page) -> Page:
    """The page as it comes back: nobody knows any more whether there was more to it."""
    return replace(page, partial=True)


SDIST = index_file("thing-1.0.tar.gz")
WHEEL = IndexFile(
    filename="thing-1.0-py3-none-any.whl",
    url="https://files.example/thing-1.0-py3-none-any.whl",
    hashes=hashes(sha256("w"), Digest("md5", "0" * 32), Digest("blake2b", "1" * 128)),
    requires_python=">=3.9, <4",
    yanked=True,
    yanked_reason="it is broken: é \0 '\"",
    size=0,
    upload_time=datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC),
)
