"""Files that are no requirements file, though somebody named them as one: what they are, and what to do."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from cachi2ish.files.foreign import read_toml

#: Lock files of other tools that have a reader.
READ = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "conda-lock.yml", "pixi.lock")

#: Writes a lock of what a project file declares.
COMPILE = "uv pip compile --universal --generate-hashes --output-file requirements.txt"

#: The beginning of a file tells what it is, in characters.
_LOOKED_AT = 64 * 1024

#: Not on the second half of a line that is continued.
_BEGIN = r"(?m)(?<!\\\n)(?<!\\\r\n)^"
_TABLE = _BEGIN + r"\[{1,2}[ \t]*([A-Za-z0-9_.\"-]+)[ \t]*\]{1,2}[ \t]*\r?$"
_JSON = r"\s*[{\[]\s*[\"{\]}\[]"
_MARKUP = r"\s*<[!?A-Za-z]"
_YAML = _BEGIN + r"(?:---|[a-z_-]+:)[ \t]*\r?$"
_INSTALL_REQUIRES = r"(?m)^[ \t]*(?:\w+\([ \t]*)?[\"']?install_requires[\"']?[ \t]*[=:]"
_PYLOCK = r"pylock(?:\.[A-Za-z0-9_-]+)?\.toml"
_REQUIREMENTS = r"[A-Za-z0-9._-]*requirements[A-Za-z0-9._-]*\.(?:txt|in)"

#: Characters. No project file that people write is longer.
_LARGEST_PROJECT = 1 << 20

_LOCK_VERSION = r"(?m)^lock-version[ \t]*="


def other_than_requirements(file: str, text: str) -> tuple[str, str] | None:
    """Return what a file is that is no requirements file, and what to do; None where it may be one.

    file: its path. What it is told by is a line that could be no requirement and no option, so that one error
    stands for thousands.
    """
    text = text[:_LOOKED_AT].removeprefix("\ufeff")
    name = posixpath.basename(file)
    lock = name if name in READ else _lock_in(text)
    if lock == "pylock.toml":
        return (
            "it is a lock file of the standard (PEP 751), and no requirements file",
            'call it pylock.toml, and name it with another key: {"type": "pip", "lockfile": "pylock.toml"}',
        )
    if lock is not None:
        return f"it is a lock file of the form of {lock}, and no requirements file", (
            f'call it {lock}, and name it with another key: {{"type": "pip", "lockfile": "{lock}"}}'
        )
    kind = _kind_of(text)
    if kind is None:
        return None
    return f"it is {kind}, and no requirements file", (
        f"name a requirements file; of what pyproject.toml declares, `{COMPILE} pyproject.toml` makes one"
    )


def _tables_in(text: str) -> list[str]:
    """Return the names of the tables of TOML in ``text``, in order."""
    return re.findall(_TABLE, text) if text.startswith("[") or "\n[" in text else []


def _lock_in(text: str) -> str | None:
    tables = set(_tables_in(text))
    if "packages" in tables and re.search(_LOCK_VERSION, text):
        return "pylock.toml"
    if "package" in tables:
        head = text[:500]
        return "poetry.lock" if "Poetry" in head else "pdm.lock" if "PDM" in head else "uv.lock"
    if re.match(_JSON, text) and '"pipfile-spec"' in text:
        return "Pipfile.lock"
    return None


def _kind_of(text: str) -> str | None:
    if tables := _tables_in(text):
        return f"TOML or an INI file, with a table [{tables[0]}]"
    if re.match(_MARKUP, text):
        return "a web page"
    if re.match(_JSON, text):
        return "JSON"
    ends = (line for line in text.split("\n") if line.rstrip(" \t\r").endswith((":", "---")))
    if not all(line.startswith("#") for line in ends) and re.search(_YAML, text):  # in most files no line ends so
        return "YAML"
    return None


def unlocked(names: Collection[str], read: Callable[[str], str | None]) -> tuple[str, str] | None:
    """Return what is in a folder without a requirements file that needs one, and what to do; None for nothing.

    names: of the files there. read: returns the text of one of them, None where it is none.
    """
    ordered = sorted(names)
    return _unnamed_lock(ordered) or _other_requirements(ordered) or _unlocked_project(ordered, read)


def _unnamed_lock(names: Sequence[str]) -> tuple[str, str] | None:
    locks = [name for name in names if re.fullmatch(_PYLOCK, name) or name in READ]
    if len(locks) > 1:
        listed = ", ".join(locks)
        return f"several lock files: {listed}", f'name the one that is meant: "lockfile": "{locks[0]}", say'
    if locks:
        return locks[0], f'name it: "lockfile": "{locks[0]}"'
    return None


def _other_requirements(names: Sequence[str]) -> tuple[str, str] | None:
    found = [name for name in names if re.fullmatch(_REQUIREMENTS, name)]
    if written := [name for name in found if name.endswith(".txt")]:
        listed = ", ".join(f'"{name}"' for name in written)
        return "other requirements files", f'name those that are meant, of "requirements_files": [{listed}]'
    return (found[0], f"lock it: `{COMPILE} {found[0]}`") if found else None


def _unlocked_project(names: Sequence[str], read: Callable[[str], str | None]) -> tuple[str, str] | None:
    for name, declares in _PROJECT_FILES.items():
        if name in names and declares(read(name) or ""):
            return f"{name}, which declares dependencies", f"lock them: `{COMPILE} {name}`"
    if "Pipfile" in names:
        return "Pipfile", 'lock it with `pipenv lock`, and name what it writes: "lockfile": "Pipfile.lock"'
    return None


def _declared_in_pyproject(text: str) -> bool:
    try:
        document = read_toml(text[:_LARGEST_PROJECT])
    except (ValueError, RecursionError):
        return False  # its own reader says what is wrong with it
    project, poetry = _table(document, "project"), _table(document, "tool", "poetry", "dependencies")
    dynamic = project.get("dynamic")
    left_open = isinstance(dynamic, list) and "dependencies" in dynamic
    return bool(project.get("dependencies")) or left_open or not poetry.keys() <= {"python"}


def _table(document: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    for key in keys:
        found = document.get(key)
        document = found if isinstance(found, dict) else {}
    return document


#: What declares dependencies that somebody has to lock, in the order in which they count.
_PROJECT_FILES: Mapping[str, Callable[[str], bool]] = {
    "pyproject.toml": _declared_in_pyproject,
    "setup.cfg": lambda text: re.search(_INSTALL_REQUIRES, text) is not None,
    "setup.py": lambda text: re.search(_INSTALL_REQUIRES, text) is not None,
}
