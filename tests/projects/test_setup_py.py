"""setup.py is read as a syntax tree: constants are told, everything else is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachi2ish.projects import setup_py
from cachi2ish.projects.project_folder import ProjectFolder

IMPORT = "from setuptools import setup\n"


def read(folder: Path, source: str | bytes) -> tuple[str | None, str | None]:
    (folder / "setup.py").write_bytes(source if isinstance(source, bytes) else source.encode())
    told = setup_py.read(ProjectFolder(folder, "."))
    return told.name, told.version


@pytest.mark.parametrize(
    "source",
    [
        "from setuptools import setup\nsetup(name='x', version='1.0')",
        "import setuptools\nsetuptools.setup(name='x', version='1.0')",
        "import setuptools as s\ns.setup(name='x', version='1.0')",
        "from setuptools import setup as run\nrun(name='x', version='1.0')",
        "from distutils.core import setup\nsetup(name='x', version='1.0')",
        "import distutils.core\ndistutils.core.setup(name='x', version='1.0')",
        "from distutils import core\ncore.setup(name='x', version='1.0')",
        "from skbuild import setup\nsetup(name='x', version='1.0')",
        "from setuptools import *\nsetup(name='x', version='1.0')",
        "if __name__ == '__main__':\n  from setuptools import setup\n  setup(name='x', version='1.0')",
        "from setuptools import setup\ndef main():\n  setup(name='x', version='1.0')\nmain()",
        "# -*- coding: latin-1 -*-\nfrom setuptools import setup\nsetup(name='x', version='1.0')",
    ],
)
def test_setup_is_found_however_it_is_called(tmp_path: Path, source: str) -> None:
    assert read(tmp_path, source) == ("x", "1.0")


@pytest.mark.parametrize(
    "source",
    [
        "N = 'x'\nV = '1.0'\nsetup(name=N, version=V)",
        "N: str = 'x'\nV: str\nV = '1.0'\nsetup(name=N, version=V)",
        "M = 1\nm = 0\nsetup(name='x', version=f'{M}.{m}')",
        "V = '1' + '.' + '0'\nsetup(name='' 'x', version=V)",
        "P = 'x'\nsetup(name=P, version=1.0)",
        "setup(name='x', version=(1, 0))",
        "setup(**{'name': 'x', 'version': '1.0'})",
        "setup(**dict(name='x', version='1.0'))",
        "K = {'name': 'x', 'packages': find()}\nsetup(version='1.0', **K)",
        "K = dict(name='x', version='1.0')\nif a:\n  setup(**K)\nelse:\n  setup(ext_modules=[], **K)",
        "try:\n  setup(name='x', version='1.0', ext=1)\nexcept E:\n  setup(name='x', version='1.0')",
        "def f():\n  V = 3\nV = '1.0'\nsetup(name='x', version=V)",
        "A = '1'\nB = A\nC = B\nsetup(name='x', version=C + '.0')",
        "exec(open('v.py').read(), about)\nV = '1.0'\nsetup(name='x', version=V)",
        "X = [V for V in ()]\nsetup(name='x', version='1.0')",
    ],
)
def test_constants_are_told(tmp_path: Path, source: str) -> None:
    assert read(tmp_path, IMPORT + source) == ("x", "1.0")


def test_a_placeholder_is_what_it_is(tmp_path: Path) -> None:
    assert read(tmp_path, IMPORT + "setup(name='x', version='0.0')") == ("x", "0.0")


@pytest.mark.parametrize(
    "source",
    [
        "setup(name='x', version=open('VERSION').read())",
        "setup(name='x', version=get_version())",
        "setup(name='x', version='%s' % 1)",
        "setup(name='x', version=None)",
        "setup(name='x', version=True)",
        "setup(name='x', version=b'1.0')",
        "setup(name='x', use_scm_version=True)",
        "setup(name='x', version=f'{1:03d}')",
        "setup(name='x', version='1' + 2)",
        "setup(name='x', version=1 + 2)",
        "from x import V\nsetup(name='x', version=V)",
        "V = '1'\nV = '2'\nsetup(name='x', version=V)",
        "V = '1'\nV += '.dev'\nsetup(name='x', version=V)",
        "V = '1'\nif DEV:\n  V = '2'\nsetup(name='x', version=V)",
        "V = '1'\nfor V in a: pass\nsetup(name='x', version=V)",
        "V = '1'\nwith a as V: pass\nsetup(name='x', version=V)",
        "V = '1'\nimport V\nsetup(name='x', version=V)",
        "V = '1'\ndef V(): pass\nsetup(name='x', version=V)",
        "V = '1'\ndef f():\n  global V\n  V = '2'\nsetup(name='x', version=V)",
        "V = '1'\ntry: pass\nexcept E as V: pass\nsetup(name='x', version=V)",
        "V = '1'\nmatch a:\n  case V: pass\nsetup(name='x', version=V)",
        "V = '1'\nmatch a:\n  case {**V}: pass\nsetup(name='x', version=V)",
        "V = 'dev'\nexec(open('v.py').read())\nsetup(name='x', version=V)",
        "V = 'dev'\nexec(open('v.py').read(), globals())\nsetup(name='x', version=V)",
        "V = '1'\ndef f(V):\n  setup(name='x', version=V)",
        "V = '1'\ndef f():\n  V = g()\n  setup(name='x', version=V)",
        "V, W = '1', '2'\nsetup(name='x', version=V)",
        "V = V\nsetup(name='x', version=V)",
        "A = B + ''\nB = A + ''\nsetup(name='x', version=A)",
        "setup(name='x', **{K: '1'})",
        "setup(name='x', **{'version': '1', **other})",
        "K = {'version': '1'}\nK['version'] = '2'\nsetup(name='x', **K)",
        "K = {'version': '1'}\nK.update(version='2')\nsetup(name='x', **K)",
        "K = {'version': '1'}\nchange(K)\nsetup(name='x', **K)",
        "if a:\n  setup(name='x', version='1')\nelse:\n  setup(name='x', version='2')",
        "setup(name='x', version=0x" + "f" * 5000 + ")",
        "setup(name='x', version='" + "1" * 5000 + "')",
        "setup(name='x', version=1e999)",
    ],
)
def test_what_only_running_could_tell_is_not_told(tmp_path: Path, source: str) -> None:
    assert read(tmp_path, IMPORT + source) == ("x", None)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "import logging\nlogging.setup(name='x', version='1')",
        "self.setup(name='x', version='1')",
        "get().setup(name='x', version='1')",
        "def setup(**k): pass\nsetup(name='x', version='1')",
        "from setuptools import setup\nsetup(name=('a', 'b'))",
        "from setuptools import setup\nsetup(name=3)",
        "from setuptools import setup\nsetup(**unknown)",
        "from setuptools import setup\nsetup(**a.b)",
        "print 'Python 2'\nsetup(name='x', version='1')",
        "exec 'code'",
        "def (",
        "\0",
        b"# coding: nonsense\n",
        b"\xff\xfe\x00",
        "x = " + "(" * 5000,
        "x = " + "-" * 100_000 + "1",
        "from setuptools import setup\nsetup(name=" + "+".join(["'a'"] * 3000) + ")",
    ],
)
def test_what_cannot_be_understood_is_no_error(tmp_path: Path, source: str | bytes) -> None:
    assert read(tmp_path, source) == (None, None)


def test_constants_that_double_at_every_step_stay_small(tmp_path: Path) -> None:
    steps = "".join(f"a{n + 1} = a{n} + a{n}\n" for n in range(60))
    assert read(tmp_path, f"{IMPORT}a0 = 'x'\n{steps}setup(name='x', version=a60)") == ("x", None)
    assert read(tmp_path, f"{IMPORT}a0 = ''\n{steps}setup(name='x' + a60)") == ("x", None)


def test_the_compilers_warnings_do_not_show(tmp_path: Path) -> None:
    assert read(tmp_path, IMPORT + "setup(name='x', version='1', regex='\\d')") == ("x", "1")


@settings(max_examples=150, deadline=None)
@given(st.binary() | st.text().map(str.encode))
def test_no_content_is_an_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "setup.py").write_bytes(content)
    setup_py.read(ProjectFolder(folder, "."))
