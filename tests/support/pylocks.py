"""Lock files by the standard (PEP 751), written as tools write them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from tests.support.distributions import Dist, make_sdist, make_wheel

HEAD = 'lock-version = "1.0"\ncreated-by = "a test"\n'


def value(given: object) -> str:
    """A TOML value on one line."""
    match given:
        case Mapping():
            return f"{{ {', '.join(f'{key} = {value(item)}' for key, item in given.items())} }}"
        case datetime():
            return given.isoformat()
        case str() | bool() | int():
            return json.dumps(given)
        case Sequence():
            return f"[{', '.join(map(value, given))}]"
    raise TypeError(given)


def locked_file(dist: Dist, url: str, **more: object) -> dict[str, object]:
    """A file as a lock names it: with its address, size and sha256. more: other keys; None removes one."""
    table = {"url": url, "size": len(dist.content), "hashes": {"sha256": dist.sha256}}
    return {key.replace("_", "-"): item for key, item in {**table, **more}.items() if item is not None}


def package(name: str, version: str | None = None, **more: object) -> str:
    """A package. more: its keys, ``_`` for ``-``; None leaves one out."""
    keys = {"name": name, "version": version, **more}
    lines = (f"{key.replace('_', '-')} = {value(item)}\n" for key, item in keys.items() if item is not None)
    return f"\n[[packages]]\n{''.join(lines)}"


def pylock(*packages: str, head: str = HEAD) -> str:
    """A whole file; ``head`` has what stands before the packages."""
    return f"{head}{''.join(packages)}"


#: A file with one of each form.
EVERYTHING = pylock(
    package(
        "foo",
        "1.0",
        index="https://index.example/simple",
        marker="'dev' in dependency_groups or os_name == 'nt'",
        requires_python=">=3.9",
        sdist=locked_file(make_sdist("foo", "1.0"), "https://files.example/foo-1.0.tar.gz"),
        wheels=[
            locked_file(
                make_wheel("foo", "1.0"),
                "https://files.example/foo-1.0-py3-none-any.whl",
                upload_time=datetime(2026, 3, 19, 14, 22, 25, tzinfo=UTC),
            )
        ],
    ),
    package("bar", vcs={"type": "git", "url": "https://git.example/r.git", "commit-id": "c" * 40}),
    package(
        "baz", archive={"url": "https://f.example/v1.zip", "hashes": {"sha256": "a" * 64}, "subdirectory": "py"}
    ),
    package("own", directory={"path": "."}),
    head=f'{HEAD}requires-python = ">=3.9"\nenvironments = ["os_name == \'nt\'"]\ndefault-groups = ["dev"]\n',
)
