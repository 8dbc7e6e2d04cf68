"""A project, its page, a requirement for it, and what is made of them."""

from __future__ import annotations

import hashlib

from packaging.utils import canonicalize_name

from cachi2ish.core.choose.choice import Choice
from cachi2ish.core.choose.explain import words_of
from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.core.requirements import Pinned
from cachi2ish.errors import Origin

ORIGIN = Origin("requirements.txt", 7)
SDIST = "foo-1.0.tar.gz"


def sha256(name: str) -> Digest:
    return Digest("sha256", hashlib.sha256(name.encode()).hexdigest())


def sha512(name: str) -> Digest:
    return Digest("sha512", hashlib.sha512(name.encode()).hexdigest())


def md5(name: str) -> Digest:
    return Digest("md5", hashlib.md5(name.encode()).hexdigest())


def file(filename: str, *, yanked: str | None = None, digests: frozenset[Digest] | None = None) -> IndexFile:
    return IndexFile(
        filename=filename,
        url=f"https://files.example/{filename}",
        hashes=tuple((one.algorithm, one.value) for one in ({sha256(filename)} if digests is None else digests)),
        yanked=yanked is not None,
        yanked_reason=yanked or "",
    )


def page(*files: IndexFile | str, status: str = "active", reason: str = "", project: str = "foo") -> Page:
    return Page(
        project=canonicalize_name(project),
        index="https://index.example/simple",
        files=tuple(file(each) if isinstance(each, str) else each for each in files),
        status=status,
        status_reason=reason,
    )


def pin(version: str = "1.0", *digests: Digest, arbitrary: bool = False) -> Pinned:
    return Pinned(name="Foo", version=version, arbitrary=arbitrary, digests=frozenset(digests), origin=ORIGIN)


def names(choice: Choice) -> list[str]:
    return [each.filename for each in choice.files]


def reasons(choice: Choice) -> dict[str, str]:
    return {refusal.filename: words_of(refusal.reason, refusal.facts) for refusal in choice.refused}
