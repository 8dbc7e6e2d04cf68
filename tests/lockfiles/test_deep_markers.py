"""Markers and requirements that are nested without end are refused, and not followed until the stack is full."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.markers import InvalidMarker
from packaging.requirements import InvalidRequirement

from cachi2ish.core.requirements import Purpose
from cachi2ish.core.targets.dependency_specifiers import read_marker, read_requirement
from cachi2ish.errors import Cachi2ishError
from cachi2ish.lockfiles.interface import Lock, Selection
from cachi2ish.lockfiles.readers import NamedReaders

DEEP = "(" * 3000 + "os_name == 'nt'" + ")" * 3000
HASH = "sha256:" + "0" * 64

LOCKS = {
    "requirements.txt": f"foo==1.0 ; {DEEP}\n",
    "constraints.txt": f"foo @ https://files.example/foo-1.0.tar.gz ; {DEEP}\n",
    "uv.lock": f"""\
version = 1
revision = 3
requires-python = ">=3.9"

[[package]]
name = "foo"
version = "1.0"
source = {{ registry = "https://index.example/simple" }}
sdist = {{ url = "https://files.example/foo-1.0.tar.gz", hash = "{HASH}" }}

[[package]]
name = "app"
version = "0.1"
source = {{ virtual = "." }}
dependencies = [{{ name = "foo", marker = "{DEEP}" }}]
""",
    "pylock.toml": f"""\
lock-version = "1.0"
created-by = "x"

[[packages]]
name = "foo"
version = "1.0"
marker = "{DEEP}"
sdist = {{ url = "https://files.example/foo-1.0.tar.gz", hashes = {{ sha256 = "{HASH[7:]}" }} }}
""",
    "poetry.lock": f"""\
[[package]]
name = "foo"
version = "1.0"
description = ""
optional = false
python-versions = ">=3.9"
groups = ["main"]
markers = "{DEEP}"
files = [{{ file = "foo-1.0.tar.gz", hash = "{HASH}" }}]

[metadata]
lock-version = "2.1"
python-versions = ">=3.9"
content-hash = "{HASH[7:]}"
""",
    "pdm.lock": f"""\
[metadata]
groups = ["default"]
strategy = ["inherit_metadata"]
lock_version = "4.5.0"
content_hash = "{HASH}"

[[metadata.targets]]
requires_python = ">=3.9"

[[package]]
name = "foo"
version = "1.0"
summary = ""
groups = ["default"]
marker = "{DEEP}"
files = [{{ file = "foo-1.0.tar.gz", hash = "{HASH}" }}]
""",
    "Pipfile.lock": f"""\
{{"_meta": {{"hash": {{"sha256": "x"}}, "pipfile-spec": 6, "requires": {{}}, "sources": []}},
 "default": {{"foo": {{"version": "==1.0", "hashes": ["{HASH}"], "markers": "{DEEP}"}}}}, "develop": {{}}}}
""",
}


def read(folder: Path, name: str) -> Lock:
    if name.endswith(".txt"):
        return NamedReaders().read_requirements(folder, name, Purpose.RUNTIME, {})
    return NamedReaders().read_lock(folder, name, {}, Selection())


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_with_such_a_marker_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(LOCKS[name])
    with pytest.raises(Cachi2ishError, match=r"marker|\(\(\("):
        read(tmp_path, name)


@pytest.mark.parametrize(
    ("read", "text", "error"),
    [
        (read_marker, DEEP, InvalidMarker),
        (read_marker, "(" * 3000, InvalidMarker),
        (read_requirement, f"foo ; {DEEP}", InvalidRequirement),
        (read_requirement, "foo ; " + "(" * 3000, InvalidRequirement),
    ],
)
def test_so_is_a_requirement(read: Callable[[str], object], text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        read(text)


def test_many_parentheses_beside_each_other_are_read() -> None:
    text = " or ".join(["(os_name == 'nt' and ((python_version < '3.9')))"] * 200)
    assert str(read_marker(text))
    assert read_requirement(f"foo[a] (>=1) ; {text}").marker is not None
