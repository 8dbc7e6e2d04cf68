"""Whether a ``Pipfile.lock`` fits its ``Pipfile``."""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from cachi2ish.errors import Cachi2ishError, LockFileError, Origin
from cachi2ish.files.foreign import read_toml
from cachi2ish.lockfiles.source_tree import SourceTree

#: Tables of a Pipfile that are no categories of packages.
_NO_CATEGORIES = frozenset(
    {"source", "packages", "dev-packages", "requires", "scripts", "pipfile", "pipenv", "default", "develop"}
)


def changes_of_pipfile(tree: SourceTree, file: str, locked: str) -> Iterator[LockFileError]:
    """Yield an error where the ``Pipfile`` beside a lock is not the one that it was made of.

    locked: the hash in the lock, "" where it has none.
    """
    try:
        content = tree.find(posixpath.join(posixpath.dirname(file), "Pipfile"))
        pipfile = None if content is None else read_toml(content.decode())
        fresh = pipfile is None or _pipfile_hash(pipfile) == locked
    except (Cachi2ishError, ValueError, TypeError, RecursionError):
        return  # its own tool says what is wrong with it
    if not fresh and locked:
        yield LockFileError(
            "it does not fit its Pipfile any more, which has another hash than when it was locked",
            hint="run `pipenv lock`, and commit what it writes",
            origin=Origin(file),
        )


def _pipfile_hash(pipfile: Mapping[str, Any]) -> str:
    """Return the hash of a ``Pipfile``, as `plette.Pipfile.get_hash` computes it."""
    sources = pipfile["source"] if "source" in pipfile else _public()
    content = {
        "_meta": {"sources": sources, "requires": pipfile.get("requires", {})},
        "default": pipfile.get("packages", {}),
        "develop": pipfile.get("dev-packages", {}),
        **{name: table for name, table in pipfile.items() if name not in _NO_CATEGORIES},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _public() -> list[dict[str, object]]:
    """Return the source of a Pipfile that names none."""
    from pypi_simple import PYPI_SIMPLE_ENDPOINT  # noqa: PLC0415  (a third of a second; nearly all name theirs)

    return [{"name": "pypi", "url": PYPI_SIMPLE_ENDPOINT.rstrip("/"), "verify_ssl": True}]
