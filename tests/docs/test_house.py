"""What the architecture page promises of the folders: a stranger finds the way by the listing alone."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import cachi2ish

PACKAGE = Path(cachi2ish.__file__).parent
TESTS = Path(__file__).parents[1]
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))

#: Words that only their writers know (and "say", "hear" for what a program does), where the field has its own.
PRIVATE_WORDS = frozenset(
    "told hear heard stated asked sought began withheld odd heaps courtesy".split()  # noqa: SIM905
    + "occupants census aftermath amounts pace".split()  # noqa: SIM905
)


def test_no_module_is_longer_than_one_sitting() -> None:
    assert [path.name for path in MODULES if len(path.read_text().splitlines()) > 300] == []


def test_no_folder_has_more_modules_than_a_screen_has_lines_for() -> None:
    folders = Counter(path.parent for path in MODULES if path.name != "__init__.py")
    assert [str(folder) for folder, count in folders.items() if count > 16] == []


def test_no_two_modules_have_one_name() -> None:
    # Alembic looks for the second one of cli/commands/env.py by its name.
    alembic = PACKAGE / "mirror/history/migrations/env.py"
    names = Counter(path.name for path in MODULES if path.name not in {"__init__.py", "interface.py"})
    names[alembic.name] -= alembic in MODULES
    assert [name for name, count in names.items() if count > 1] == []


def test_the_tests_that_their_map_names_are_there() -> None:
    missing = []
    for line in (TESTS / "README.md").read_text().splitlines():
        file = ""
        for named, test in re.findall(r"`([\w/-]+\.py|…)(?:::([\w:]+))?`", line):
            file = file if named == "…" else named
            places = [place / file for place in (TESTS, TESTS / "fuzz", TESTS.parent)]
            text = next((place.read_text() for place in places if place.is_file()), "")
            if not text or test.rpartition("::")[2] not in text:
                missing.append(f"{file}::{test}")
    assert missing == []


def test_names_are_the_fields_own() -> None:
    found = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in MODULES
        for name in _names(ast.parse(path.read_text()))
        if not PRIVATE_WORDS.isdisjoint(_words(name))
    }
    assert sorted(found) == []


def _names(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case (
                ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.Name(id=name) | ast.Attribute(attr=name)
            ):
                found.add(name)
            case ast.arg(arg=name):
                found.add(name)
            case ast.keyword(arg=str(name)):
                found.add(name)
            case _:
                pass
    return found


def _words(name: str) -> set[str]:
    """``StatedMetadata`` and ``stated_metadata`` have the same words."""
    apart = "".join(f"_{letter}" if letter.isupper() else letter for letter in name)
    return set(apart.lower().split("_"))
