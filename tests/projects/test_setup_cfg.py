"""setup.cfg is read as setuptools reads it, without what setuptools runs."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachi2ish.errors import InputError, Origin
from cachi2ish.projects import setup_cfg
from cachi2ish.projects.project_folder import ProjectFolder

FILES = {
    "VERSION": "1.2.3\n",
    "flat.py": "__version__ = '2.0'\n",
    "pkg/__init__.py": "__version__ = '2.1'\nTUPLE = (2, 2)\nNUMBER = 2.5\n",
    "pkg/about.py": "__version__ = '2.3'\n",
    "tools/other/__init__.py": "__version__ = '2.4'\n",
}

#: What setuptools reads too: the comparison with it is a test of its own.
READABLE = {
    "plain": "[metadata]\nname = x\nversion = 1.0\n",
    "colon": "[metadata]\nname: x\nversion: 1.0\n",
    "comments": "# c\n[metadata]\n; c\nname = x\n# version = 9\nversion = 1.0\n",
    "file": "[metadata]\nname = x\nversion = file: VERSION\n",
    "attribute": "[metadata]\nname = x\nversion = attr: pkg.__version__\n",
    "attribute-of-module": "[metadata]\nname = x\nversion = attr: pkg.about.__version__\n",
    "attribute-of-flat-module": "[metadata]\nname = x\nversion = attr: flat.__version__\n",
    "attribute-tuple": "[metadata]\nname = x\nversion = attr: pkg.TUPLE\n",
    "attribute-number": "[metadata]\nname = x\nversion = attr:pkg.NUMBER\n",
    "package-dir": "[metadata]\nname=x\nversion=attr: other.__version__\n[options]\npackage_dir =\n    = tools\n",
    "package-dir-of-one": "[metadata]\nname=x\nversion=attr:p.__version__\n[options]\npackage_dir=p=tools/other\n",
    "find-where": (
        "[metadata]\nname = x\nversion = attr: other.__version__\n"
        "[options]\npackages = find:\n[options.packages.find]\nwhere = tools\n"
    ),
    "interpolation": "[metadata]\nbase = x\nname = %(base)s\nversion = 1.0\n",
}


#: 600 bytes whose first value would have ten thousand million letters.
DOUBLED = "[metadata]\nname = %(a)s\nj = x\n" + "".join(
    f"{name} = {f'%({after})s' * 10}\n" for name, after in pairwise("abcdefghij")
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def read(folder: Path, text: str) -> tuple[str | None, str | None]:
    (folder / "setup.cfg").write_text(text, encoding="utf-8")
    told = setup_cfg.read(ProjectFolder(folder, "."))
    return told.name, told.version


def test_setuptools_reads_the_same(project: Path) -> None:
    # In a process of its own: setuptools changes the working directory and may warn.
    texts = {key: text for key, text in READABLE.items() if key != "interpolation"}
    script = (
        "import json, sys, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "from setuptools.config.setupcfg import read_configuration\n"
        "told = {}\n"
        "for key, text in json.load(sys.stdin).items():\n"
        "    open('setup.cfg', 'w').write(text)\n"
        "    metadata = read_configuration('setup.cfg')['metadata']\n"
        "    told[key] = [str(metadata['name']), str(metadata['version'])]\n"
        "print(json.dumps(told))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script],
        cwd=project,
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert {key: list(read(project, text)) for key, text in texts.items()} == json.loads(answer.stdout)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (READABLE["interpolation"], ("x", "1.0")),
        ("", (None, None)),
        ("[metadata]\n", (None, None)),
        ("[tool]\nname = x\n", (None, None)),
        ("[metadata]\nname = x\n", ("x", None)),
        ("[metadata]\nName = x\nVersion = 1\n", ("x", "1")),
        ("\ufeff[metadata]\nname = x\n", ("x", None)),
        ("[metadata]\nname = x\nversion = file: gone\n", ("x", None)),
        ("[metadata]\nname = x\nversion = file: pkg/about.py\n", ("x", None)),
        ("[metadata]\nname = x\nversion = attr: pkg.gone\n", ("x", None)),
        ("[metadata]\nname = x\nversion = attr: gone.__version__\n", ("x", None)),
        ("[metadata]\nname = x\nversion = attr:\n", ("x", None)),
        ("[metadata]\nname = x\ndescription = 100 % sure\nversion = 1\n", ("x", "1")),
    ],
)
def test_what_is_stated_is_told(project: Path, text: str, expected: tuple[str | None, str | None]) -> None:
    assert read(project, text) == expected


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name = x\n", 1),
        ("[metadata]\nname = x\nname = y\n", 3),
        ("[metadata]\n[other]\n[metadata]\n", 3),
        ("[metadata]\nname x\n", 2),
        ("[metadata]\nname = 100 %\n", None),
        ("[metadata]\nname = %(gone)s\n", None),
        (DOUBLED, None),
        ("[metadata]\nname = %(name)s%(name)s\n", None),
        ("<<<<<<< HEAD\n", 1),
    ],
)
def test_a_malformed_file_is_an_error_with_its_line(project: Path, text: str, line: int | None) -> None:
    with pytest.raises(InputError, match="not a valid configuration file") as caught:
        read(project, text)
    assert caught.value.origin == Origin("setup.cfg", line)
    assert caught.value.hint
    assert "\n" not in caught.value.problem


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("[]=:;# \t\n%()smetadatnvrio.")) | st.text())
def test_no_text_ends_in_another_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "setup.cfg").write_bytes(f"[metadata]\n{text}".encode("utf-8", "surrogatepass"))
    try:
        setup_cfg.read(ProjectFolder(folder, "."))
    except InputError as error:
        assert error.origin is not None  # noqa: PT017
