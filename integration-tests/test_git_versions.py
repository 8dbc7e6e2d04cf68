"""Projects that take their version from git build from the archive to the version that they have in a clone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from harness import DATA, PINNED, Shell

from tests.git.conftest import Workbench
from tests.support.git_server import Content, Repository, git_server

SETUPTOOLS = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'

ARCHIVAL = (
    "node: $Format:%H$\nnode-date: $Format:%cI$\ndescribe-name: $Format:%(describe:tags=true,match=v[0-9]*)$\n"
)

PROJECTS: Mapping[str, Mapping[str, Content]] = {
    "setuptools-scm": {
        "pyproject.toml": SETUPTOOLS + '[project]\nname = "demo"\ndynamic = ["version"]\n[tool.setuptools_scm]\n',
    },
    "setuptools-scm with an archival file": {
        "pyproject.toml": SETUPTOOLS + '[project]\nname = "demo"\ndynamic = ["version"]\n[tool.setuptools_scm]\n',
        ".git_archival.txt": ARCHIVAL,
        ".gitattributes": ".git_archival.txt export-subst\n",
    },
    "hatch-vcs": {
        "pyproject.toml": '[build-system]\nrequires = ["hatchling", "hatch-vcs"]\nbuild-backend ='
        ' "hatchling.build"\n'
        '[project]\nname = "demo"\ndynamic = ["version"]\n[tool.hatch.version]\nsource = "vcs"\n',
    },
    "pbr": {
        "pyproject.toml": SETUPTOOLS,
        "setup.py": "from setuptools import setup\nsetup(setup_requires=['pbr'], pbr=True)\n",
        "setup.cfg": "[metadata]\nname = demo\n[files]\nmodules = demo\n",
    },
    "dunamai": {
        "pyproject.toml": SETUPTOOLS,
        "setup.py": "from dunamai import Version\nfrom setuptools import setup\n"
        "setup(name='demo', version=Version.from_git().serialize(), py_modules=['demo'])\n",
    },
    "versioneer": {
        "pyproject.toml": SETUPTOOLS,
        "setup.py": "import sys\nsys.path.insert(0, '.')\nimport versioneer\nfrom setuptools import setup\n"
        "setup(name='demo', version=versioneer.get_version(), py_modules=['demo'])\n",
        "setup.cfg": "[versioneer]\nVCS = git\nstyle = pep440\nversionfile_source = _version.py\ntag_prefix = v\n",
        ".gitattributes": "_version.py export-subst\n",
    },
}
BACKENDS = DATA / "backends" / "requirements.txt"


@pytest.fixture(scope="module")
def python(shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Path:
    interpreter = shell.new_environment(tmp_path_factory.mktemp("backends") / "venv")
    shell.run(interpreter, "-m", "pip", "install", "--quiet", *PINNED, "-r", BACKENDS)
    return interpreter


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    (tmp_path / "repositories").mkdir()
    with git_server(tmp_path / "repositories") as server:
        yield Workbench(tmp_path, server)


def history(bench: Workbench, files: Mapping[str, Content]) -> Repository:
    repository = bench.repository()
    repository.commit({**files, "demo.py": "X = 1\n", ".gitignore": "build/\n*.egg-info/\n"})
    repository.tag("v1.4.0", message="1.4.0")
    repository.commit({"demo.py": "X = 2\n"})
    repository.commit({"demo.py": "X = 3\n"})
    return repository


def build(shell: Shell, python: Path, source: Path, work: Path, **environ: str) -> str:
    """Return the file name of the wheel that pip builds, without a network."""
    shutil.rmtree(work, ignore_errors=True)
    options = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--no-cache-dir")
    shell.run(python, "-m", "pip", "wheel", *options, "-w", work, source, offline=True, cwd=None, **environ)
    (wheel,) = work.iterdir()
    return wheel.name


def without_git(folder: Path) -> dict[str, str]:
    """A PATH that has everything but git."""
    folder.mkdir()
    for place in reversed(os.environ["PATH"].split(os.pathsep)):
        for program in Path(place).iterdir() if Path(place).is_dir() else ():
            if program.name != "git":
                (folder / program.name).unlink(missing_ok=True)
                (folder / program.name).symlink_to(program)
    return {"PATH": str(folder)}


@pytest.mark.parametrize("revision", ["v1.4.0^{commit}", "main"])
@pytest.mark.parametrize("kind", PROJECTS)
def test_the_archive_builds_to_the_version_of_a_clone(
    shell: Shell, python: Path, bench: Workbench, kind: str, revision: str
) -> None:
    files = dict(PROJECTS[kind])
    if kind == "versioneer":
        vendored = bench.root / "vendored"
        vendored.mkdir()
        shutil.copy(next(python.parent.parent.glob("lib/*/site-packages/versioneer.py")), vendored)
        files["versioneer.py"] = (vendored / "versioneer.py").read_text()
        files["_version.py"] = versioneer_module(shell, python, bench)
    repository = history(bench, files)
    commit = repository.git("rev-parse", revision)
    archive = bench.root / "project.tar.gz"
    archive.write_bytes(bench.fetch(bench.server.url("project.git"), commit))

    expected = build(shell, python, bench.clone(repository, commit), bench.root / "one")

    assert "1.4" in expected or "1.5" in expected
    assert build(shell, python, archive, bench.root / "two") == expected
    if "setuptools-scm" in kind or kind == "hatch-vcs":
        path = without_git(bench.root / "bin")
        assert build(shell, python, archive, bench.root / "three", **path) == expected


def versioneer_module(shell: Shell, python: Path, bench: Workbench) -> str:
    """The file that versioneer puts into a project; its keywords are for ``export-subst``."""
    folder = bench.clone(history(bench_of(bench), PROJECTS["versioneer"]), "main")
    shell.try_(python, "-m", "versioneer", "install", "--vendor", cwd=folder)  # it misses cmdclass, as it should
    return (folder / "_version.py").read_text()


def bench_of(bench: Workbench) -> Workbench:
    """Another place for repositories, so that the two do not meet."""
    other = bench.root / "other"
    (other / "repositories").mkdir(parents=True)
    return Workbench(other, bench.server)
