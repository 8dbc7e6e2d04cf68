"""Name and version come from the first file that states them, and nothing of the source is ever run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cachi2ish.core.inventory import VcsOrigin
from cachi2ish.errors import InputError, Origin
from cachi2ish.projects.interface import DeclaredMetadata, ProjectReader
from cachi2ish.projects.project_folder import SIZE_LIMIT
from cachi2ish.projects.project_reader import SourceTreeReader

VCS = VcsOrigin(url="https://git.example/group/repo.git", commit="0" * 40)

PYPROJECT = '[project]\nname = "from-pyproject"\nversion = "1"\n'
SETUP_PY = 'from setuptools import setup\nsetup(name="from-setup-py", version="2")\n'
SETUP_CFG = "[metadata]\nname = from-setup-cfg\nversion = 3\n"


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def read(source: Path, path: str = ".", vcs: VcsOrigin | None = None) -> tuple[str | None, str | None]:
    reader: ProjectReader = SourceTreeReader()
    told = reader.read(source, path, vcs)
    assert isinstance(told, DeclaredMetadata)
    return told.name, told.version


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, ("repo", None)),
        ({"pyproject.toml": PYPROJECT, "setup.py": SETUP_PY, "setup.cfg": SETUP_CFG}, ("from-pyproject", "1")),
        ({"setup.py": SETUP_PY, "setup.cfg": SETUP_CFG}, ("from-setup-py", "2")),
        ({"setup.cfg": SETUP_CFG}, ("from-setup-cfg", "3")),
        ({"pyproject.toml": '[project]\nname = "n"\n', "setup.cfg": SETUP_CFG}, ("n", "3")),
        ({"pyproject.toml": "[build-system]\n", "setup.py": SETUP_PY}, ("from-setup-py", "2")),
        ({"setup.py": "from setuptools import setup\nsetup()", "setup.cfg": SETUP_CFG}, ("from-setup-cfg", "3")),
        ({"setup.cfg": "[metadata]\nversion = 3\n"}, ("repo", "3")),
        ({"setup.py": "print 'Python 2'\n"}, ("repo", None)),
        ({"pyproject.toml": '[project]\nname = "  "\nversion = ""\n'}, ("repo", None)),
        ({"pyproject.toml": '[project]\nname = "a\\nb"\n'}, ("repo", None)),
        ({"setup.py": 'import setuptools\nsetuptools.setup(name="\\ud800", version="1")'}, ("repo", "1")),
    ],
)
def test_each_of_name_and_version_comes_from_the_first_file_that_states_it(
    tmp_path: Path, files: dict[str, str | bytes], expected: tuple[str | None, str | None]
) -> None:
    assert read(write(tmp_path, files), vcs=VCS) == expected


def test_nothing_tells_without_files_and_without_a_repository(tmp_path: Path) -> None:
    assert read(tmp_path) == (None, None)


def test_a_package_in_a_sub_directory_is_read_there(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": PYPROJECT, "pkg/a/setup.cfg": SETUP_CFG})
    assert read(tmp_path, "pkg/a", VCS) == ("from-setup-cfg", "3")
    assert read(tmp_path, "pkg", VCS) == ("repo-pkg", None)
    assert read(tmp_path, "pkg/b", VCS) == ("repo-pkg-b", None)


def test_a_later_file_is_not_looked_at_when_all_is_known(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": PYPROJECT, "setup.cfg": "this is no configuration file"})
    assert read(tmp_path) == ("from-pyproject", "1")


def test_an_error_names_the_place_from_the_root_of_the_source(tmp_path: Path) -> None:
    write(tmp_path, {"pkg/a/pyproject.toml": "[project]\nname = \n"})
    with pytest.raises(InputError) as caught:
        read(tmp_path, "pkg/a")
    assert caught.value.origin == Origin("pkg/a/pyproject.toml", 2)
    assert caught.value.hint


@pytest.mark.parametrize("name", ["pyproject.toml", "setup.cfg"])
def test_bytes_that_are_no_utf8_are_an_error_with_their_line(tmp_path: Path, name: str) -> None:
    write(tmp_path, {name: b"[project]\n# caf\xe9\n"})
    with pytest.raises(InputError, match="0xe9 is not UTF-8") as caught:
        read(tmp_path)
    assert caught.value.origin == Origin(name, 2)


@pytest.mark.parametrize("name", ["pyproject.toml", "setup.py", "setup.cfg"])
def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(SIZE_LIMIT + 1)
    with pytest.raises(InputError, match=f"{SIZE_LIMIT + 1} bytes") as caught:
        read(tmp_path)
    assert caught.value.origin == Origin(name)


@pytest.mark.parametrize("name", ["pyproject.toml", "setup.py", "setup.cfg"])
def test_a_directory_or_a_pipe_in_the_place_of_a_file_is_no_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "a" / name).mkdir(parents=True)
    (tmp_path / "b").mkdir()
    os.mkfifo(tmp_path / "b" / name)
    assert read(tmp_path, "a") == (None, None)
    assert read(tmp_path, "b") == (None, None)


@pytest.mark.parametrize("name", ["pyproject.toml", "setup.py", "setup.cfg"])
def test_a_symbolic_link_out_of_the_source_is_not_followed(tmp_path: Path, name: str) -> None:
    outside = write(
        tmp_path / "outside", {"pyproject.toml": PYPROJECT, "setup.py": SETUP_PY, "setup.cfg": SETUP_CFG}
    )
    source = tmp_path / "source"
    source.mkdir()
    (source / name).symlink_to(outside / name)
    assert read(source) == (None, None)


def test_a_symbolic_link_to_a_directory_outside_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "outside", {"pyproject.toml": PYPROJECT})
    source = tmp_path / "source"
    source.mkdir()
    (source / "pkg").symlink_to(tmp_path / "outside")
    assert read(source, "pkg") == (None, None)
    assert read(source, "../outside") == (None, None)


def test_a_symbolic_link_inside_the_source_is_followed(tmp_path: Path) -> None:
    write(tmp_path / "source", {"shared/pyproject.toml": PYPROJECT})
    (tmp_path / "source" / "pkg").mkdir()
    (tmp_path / "source" / "pkg" / "pyproject.toml").symlink_to("../shared/pyproject.toml")
    (tmp_path / "link").symlink_to("source")
    assert read(tmp_path / "source", "pkg") == ("from-pyproject", "1")
    assert read(tmp_path / "link", "pkg") == ("from-pyproject", "1")


def test_a_symbolic_link_to_itself_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").symlink_to("pyproject.toml")
    (tmp_path / "setup.cfg").symlink_to("gone")
    assert read(tmp_path) == (None, None)


@pytest.mark.parametrize(
    "outside",
    ["/etc/hostname", "../secret.txt", "link.txt", "sub/../../secret.txt", "a\0b", "x" * 5000, "", "."],
)
def test_a_version_file_outside_the_source_is_not_read(tmp_path: Path, outside: str) -> None:
    write(tmp_path, {"secret.txt": "6.6.6\n", "source/sub/x": ""})
    source = tmp_path / "source"
    (source / "link.txt").symlink_to(tmp_path / "secret.txt")
    write(source, {"setup.cfg": f"[metadata]\nname = x\nversion = file: {outside}\n"})
    assert read(source) == ("x", None)


@pytest.mark.parametrize(
    "layout", ["= ..", "pkg = ../pkg", "pkg = /etc", "pkg = link"], ids=["parent", "sibling", "absolute", "link"]
)
def test_a_module_outside_the_source_is_not_read(tmp_path: Path, layout: str) -> None:
    write(tmp_path, {"pkg/__init__.py": '__version__ = "6.6.6"\n'})
    source = tmp_path / "source"
    source.mkdir()
    (source / "link").symlink_to(tmp_path / "pkg")
    write(
        source,
        {
            "setup.cfg": "[metadata]\nname = x\nversion = attr: pkg.__version__\n"
            f"[options]\npackage_dir = {layout}\n"
        },
    )
    assert read(source) == ("x", None)


def test_nothing_of_the_source_is_run_or_imported(tmp_path: Path) -> None:
    trap = f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\n"
    dynamic = (
        '[project]\nname = "x"\ndynamic = ["version"]\n'
        '[tool.setuptools.dynamic]\nversion = { attr = "pkg.__version__" }\n'
    )
    write(
        tmp_path,
        {
            "pyproject.toml": dynamic,
            "setup.py": trap + "from setuptools import setup\nsetup(version=open('VERSION').read())\n",
            "setup.cfg": "[metadata]\nversion = attr: pkg.__version__\n[options]\ncmdclass =\n  x = pkg.Command\n",
            "pkg/__init__.py": trap + "__version__ = str(1 + 1)\nclass Command: pass\n",
        },
    )
    before = Path.cwd()
    assert read(tmp_path) == ("x", None)
    assert not (tmp_path / "ran").exists()
    assert Path.cwd() == before


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The tests may run as root, whom no file mode stops.
    def refuse(path: Path, _flags: int) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    write(tmp_path, {"pyproject.toml": PYPROJECT})
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(InputError, match="Permission denied") as caught:
        read(tmp_path)
    assert caught.value.origin == Origin("pyproject.toml")
