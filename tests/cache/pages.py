"""Pages of an index."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from packaging.utils import canonicalize_name

from cachi2ish.cache.memory.catalogue import SqliteCatalogue
from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import Hashes, IndexFile, Page

INDEX = "https://index.example/simple/"


def sha256(text: str) -> Digest:
    return Digest("sha256", hashlib.sha256(text.encode()).hexdigest())


def hashes(*digests: Digest) -> Hashes:
    return tuple((one.algorithm, one.value) for one in sorted(digests))


def index_file(name: str, url: str | None = None) -> IndexFile:
    return IndexFile(filename=name, url=url or f"https://files.example/{name}", hashes=hashes(sha256(name)))


#: When the run started that fetched a page.
T = datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=UTC)


def page_of(*files: IndexFile, project: str = "thing", index: str = INDEX, fetched_at: datetime = T) -> Page:
    return Page(project=canonicalize_name(project), index=index, files=files, fetched_at=fetched_at)


def kept(catalogue: SqliteCatalogue, *versions: str, project: str = "thing", index: str = INDEX) -> Page | None:
    """The page that the catalogue has, or None."""
    found = catalogue.kept_page(index, project, versions)
    return None if found is None else found.page


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
