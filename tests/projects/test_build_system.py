"""What a project is built with, from the table of its ``pyproject.toml``."""

from __future__ import annotations

from pathlib import Path

import pytest

from cachi2ish.projects.project_reader import SourceTreeReader
from cachi2ish.projects.pyproject import IMPLICIT


@pytest.mark.parametrize(
    ("text", "requires"),
    [
        ('[build-system]\nrequires = ["a>=1", \'b ; os_name == "nt"\']\n', ("a>=1", 'b ; os_name == "nt"')),
        (
            '[build-system]\r\nrequires = [\r\n  "a",  # why\r\n  "b",\r\n]\r\n[project]\r\nname = 7\r\n',
            ("a", "b"),
        ),
        ("[build-system]\nrequires = []\n", ()),
        ('[ "build-system" ] # x\nrequires = ["a"]', ("a",)),
        ('\ufeff[build-system]\nrequires = ["a"]', ()),
        ('[project]\nname = "x"\n', IMPLICIT),
        ("", IMPLICIT),
        ("[tool.build-systems]\n", ()),
        ('build-system = {requires = ["a"]}\n', ()),
        ("[build-system]\nbuild-backend = 'x'\n", ()),
        ('[build-system]\nrequires = "a"\n', ()),
        ('[build-system]\nrequires = ["a", 7, "", "b"]\n', ("a", "b")),
        ("[build-system]\nrequires = [\n", ()),
        ('[project]\nname = [\n[build-system]\nrequires = ["a"]\n', ("a",)),
    ],
)
def test_the_table_says_it_and_without_one_it_is_setuptools(text: str, requires: tuple[str, ...]) -> None:
    assert SourceTreeReader().build_requires(text.encode()) == requires


def test_no_file_is_setuptools_too() -> None:
    assert SourceTreeReader().build_requires(None) == IMPLICIT


@pytest.mark.parametrize(
    "content",
    [
        b"[build-system]\n" + b"a." * 50_000 + b"b=1",
        b"[build-system]\nrequires = " + b"[" * 4000,
        b"[build-system]\nrequires = [" + b'"a",' * 200_000 + b"]",
        b"[" + b"a." * 500_000 + b"b]",
        b"\xff" * 100_000,
    ],
)
def test_of_a_file_that_was_made_to_take_minutes_nothing_is_known(content: bytes) -> None:
    assert SourceTreeReader().build_requires(content) in {(), IMPLICIT}


@pytest.mark.parametrize(
    ("files", "requires"),
    [
        ({}, ()),
        ({"pyproject.toml": "[tool.x]\n"}, ()),
        ({"pyproject.toml": '[project]\nname = "app"\n'}, ()),
        ({"pyproject.toml": '[build-system]\nrequires = ["a"]\n'}, ("a",)),
        ({"setup.py": "x"}, IMPLICIT),
        ({"setup.py": "x", "pyproject.toml": "[tool.x]\n"}, ()),
        ({"setup.cfg": "[metadata]\n"}, ()),
    ],
)
def test_a_folder_is_built_where_it_says_how_or_has_a_setup_py_alone(
    tmp_path: Path, files: dict[str, str], requires: tuple[str, ...]
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert SourceTreeReader().read_build_requires(tmp_path, ".") == requires
