"""pyproject.toml: the project table, setuptools' dynamic version, and Poetry's table."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachi2ish.errors import InputError, Origin
from cachi2ish.projects import pyproject
from cachi2ish.projects.project_folder import ProjectFolder

DYNAMIC = '[project]\nname = "x"\ndynamic = ["version"]\n[tool.setuptools.dynamic]\nversion = '


def read(folder: Path, text: str) -> tuple[str | None, str | None]:
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    told = pyproject.read(ProjectFolder(folder, "."))
    return told.name, told.version


def module(folder: Path, path: str, text: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (None, None)),
        ('[project]\nname = "A.b"\nversion = "1.0+x"', ("A.b", "1.0+x")),
        ('project = {name = "a", version = "1"}', ("a", "1")),
        ('project.name = "a"\nproject.version = "1"', ("a", "1")),
        ('[tool.poetry]\nname = "p"\nversion = "2"', ("p", "2")),
        ('[project]\nname = "a"\n[tool.poetry]\nname = "p"\nversion = "2"', ("a", "2")),
        ('[project]\nname = "a"\nversion = "1"\n[tool.poetry]\nname = "p"\nversion = "2"', ("a", "1")),
        ('[project]\nname = "a"\ndynamic = ["version"]\n[tool.poetry]\nversion = "2"', ("a", "2")),
        ('[project]\nname = "a"\ndynamic = ["version"]\n[tool.hatch.version]\npath = "x.py"', ("a", None)),
        ("[tool.poetry]\npackage-mode = false\n[tool.other]\nname = 3\nversion = []", (None, None)),
        ('[project]\nname = "a"\ndescription = 7\nscripts = []\nversion = "1"', ("a", "1")),
        ('\ufeff[project]\nname = "a"\nversion = "1"', ("a", "1")),
        ('[project]\r\nname = "a"\r\nversion = "1"\r\n', ("a", "1")),
    ],
)
def test_the_project_table_comes_before_poetrys(
    tmp_path: Path, text: str, expected: tuple[str | None, str | None]
) -> None:
    assert read(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("directive", "content", "expected"),
    [
        ('{file = "VERSION"}', "1.2\n", "1.2"),
        ('{file = ["VERSION"]}', " 1.2 ", "1.2"),
        ('{file = "VERSION"}', "", None),
        ('{file = "VERSION"}', "not a version\n", None),
        ('{file = ["VERSION", "VERSION"]}', "1", None),
        ("{file = []}", "1", None),
        ('{file = "other"}', "1", None),
    ],
)
def test_a_version_kept_in_a_file_is_read(
    tmp_path: Path, directive: str, content: str, expected: str | None
) -> None:
    (tmp_path / "VERSION").write_text(content)
    assert read(tmp_path, DYNAMIC + directive) == ("x", expected)


@pytest.mark.parametrize(
    ("tables", "place", "attribute"),
    [
        ("", "pkg/__init__.py", "pkg.__version__"),
        ("", "pkg.py", "pkg.__version__"),
        ("", "pkg/about.py", "pkg.about.__version__"),
        ("", "src/pkg/__init__.py", "pkg.__version__"),
        ("", "__init__.py", "__version__"),
        ('[tool.setuptools]\npackage-dir = {"" = "lib"}', "lib/pkg/__init__.py", "pkg.__version__"),
        ('[tool.setuptools]\npackage-dir = {"pkg" = "code"}', "code/__init__.py", "pkg.__version__"),
        (
            '[tool.setuptools]\npackage-dir = {"pkg.sub" = "deep", "pkg" = "x"}',
            "deep/m.py",
            "pkg.sub.m.__version__",
        ),
        ('[tool.setuptools.packages.find]\nwhere = ["python"]', "python/pkg/__init__.py", "pkg.__version__"),
        ('[tool.setuptools]\npackages = ["pkg"]', "pkg/__init__.py", "pkg.__version__"),
    ],
)
def test_a_version_kept_in_a_module_is_read_where_the_layout_says(
    tmp_path: Path, tables: str, place: str, attribute: str
) -> None:
    module(tmp_path, place, '__version__ = "4.5"\n')
    assert read(tmp_path, f'{DYNAMIC}{{attr = "{attribute}"}}\n{tables}') == ("x", "4.5")


def test_a_src_layout_comes_before_a_flat_one(tmp_path: Path) -> None:
    module(tmp_path, "pkg/__init__.py", '__version__ = "1"\n')
    module(tmp_path, "src/pkg/__init__.py", '__version__ = "2"\n')
    assert read(tmp_path, DYNAMIC + '{attr = "pkg.__version__"}') == ("x", "2")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("__version__ = 1.5", "1.5"),
        ("__version__ = (1, 2, 'rc1')", "1.2.rc1"),
        ("__version__: str = '3'", "3"),
        ("__version__ = VERSION = '3'", "3"),
        ("major = '1'\n__version__ = major + '.2'", "1.2"),
        ("__version__ = version('x')", None),
        ("__version__ = '1'\n__version__ += '.dev'", None),
        ("try:\n  from ._v import __version__\nexcept ImportError:\n  __version__ = '0'", None),
        ("print 'two'", None),
        ("", None),
    ],
)
def test_only_a_constant_of_a_module_is_told(tmp_path: Path, source: str, expected: str | None) -> None:
    module(tmp_path, "pkg.py", source)
    assert read(tmp_path, DYNAMIC + '{attr = "pkg.__version__"}') == ("x", expected)


@pytest.mark.parametrize("attribute", ["", ".", "..", "pkg.", ".pkg", "/etc/passwd.x", "pkg.\\u0000.x", "a b"])
def test_an_odd_attribute_tells_nothing(tmp_path: Path, attribute: str) -> None:
    module(tmp_path, "pkg.py", "x = 1")
    assert read(tmp_path, f'{DYNAMIC}{{attr = "{attribute}"}}') == ("x", None)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[project]\nname = "a"\nversion = 1.0.0\n', 3),
        ('[project]\nname = "a"\nname = "b"\n', 3),
        ('[project\nname = "a"', 1),
        ("\n\n= 3", 3),
        ('[project]\nname = "unclosed\n', 2),
        ("<<<<<<< HEAD\n", 1),
        ("a = " + "[" * 3000, 1),
        ("\na = {b = 1, b = 2}", 2),
    ],
)
def test_text_that_is_no_toml_is_an_error_with_its_line(tmp_path: Path, text: str, line: int | None) -> None:
    with pytest.raises(InputError, match="not valid TOML") as caught:
        read(tmp_path, text)
    assert caught.value.origin == Origin("pyproject.toml", line)
    assert caught.value.hint
    assert " at line " not in caught.value.problem
    assert "\n" not in caught.value.problem


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ("[project]\nname = 1", "project.name", 2),
        ('[project]\nname = "a"\nversion = 1.0', "project.version", 3),
        ('# x\nproject = "a"', "project", 2),
        ("project.version = 2", "project.version", 1),
        ('[project]\ndynamic = "version"', "project.dynamic", 2),
        ("[tool.poetry]\nname = []", "tool.poetry.name", 2),
        ("[[tool]]\nx = 1", "tool", 1),
        (
            '[project]\nname="a"\n[tool.setuptools.dynamic]\nversion = {attr = 1}',
            "tool.setuptools.dynamic.version",
            4,
        ),
        ('[tool.setuptools.dynamic]\nversion = "1"', "tool.setuptools.dynamic.version", 2),
        ('[tool . "poetry"]\n\n"version" = 2', "tool.poetry.version", 3),
    ],
)
def test_a_value_of_the_wrong_type_is_an_error_with_its_line(
    tmp_path: Path, text: str, key: str, line: int
) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert caught.value.problem.startswith(key)
    assert caught.value.origin == Origin("pyproject.toml", line)
    assert caught.value.hint


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("[]{}=\"'\n\\.,#ab1_- \t:Tz")) | st.text())
def test_no_text_ends_in_another_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "pyproject.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        pyproject.read(ProjectFolder(folder, "."))
    except InputError as error:
        assert error.origin is not None  # noqa: PT017
        assert error.origin.file == "pyproject.toml"  # noqa: PT017
