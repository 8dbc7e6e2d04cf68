"""Locks are installed offline by the tools that made them, as the how-to page of each tool says.

The projects are tiny, and so is their index: what counts is how each tool reads what was fetched.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
from harness import BIN, ROOT, Done, Shell

from cachi2ish.index.stack import default_index_url
from tests.support.distributions import Dist, core_metadata, make_sdist, make_wheel
from tests.support.git_server import git_server, make_repository
from tests.support.index_server import IndexServer

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"

#: The files of a project with a lock.
FILES = {"pyproject.toml", "uv.lock", "pylock.toml", "pdm.lock", "Pipfile", "Pipfile.lock", "poetry.lock"}

#: What tells a tool that the project itself is not installed.
NO_PACKAGE = {"poetry": "[tool.poetry]\npackage-mode = false\n", "pdm": "[tool.pdm]\ndistribution = false\n"}

#: Makes a wheel of the modules and the PKG-INFO in its folder.
BACKEND = """
import base64, hashlib, pathlib, zipfile

def build_wheel(directory, config_settings=None, metadata_directory=None):
    metadata = pathlib.Path("PKG-INFO").read_text()
    fields = dict(line.split(": ", 1) for line in metadata.splitlines() if ": " in line)
    stem = fields["Name"].replace("-", "_") + "-" + fields["Version"]
    info = stem + ".dist-info"
    kind = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    members = {str(path): path.read_text() for path in sorted(pathlib.Path().rglob("*.py"))}
    members |= {info + "/METADATA": metadata, info + "/WHEEL": kind}
    digests = {path: hashlib.sha256(text.encode()).digest() for path, text in members.items()}
    encoded = {path: base64.urlsafe_b64encode(one).decode().rstrip("=") for path, one in digests.items()}
    rows = [f"{path},sha256={one}," for path, one in encoded.items()]
    members[info + "/RECORD"] = "\\n".join([*rows, info + "/RECORD,,"])
    with zipfile.ZipFile(pathlib.Path(directory) / (stem + "-py3-none-any.whl"), "w") as wheel:
        for path, text in members.items():
            wheel.writestr(path, text)
    return stem + "-py3-none-any.whl"
"""


def sdist_files(name: str, *requires: str) -> dict[str, str]:
    """The files of an sdist that the backend above builds."""
    more = "".join(f"Requires-Dist: {one}\n" for one in requires)
    metadata = core_metadata(name, "1.0", more).replace("Metadata-Version: 2.1", "Metadata-Version: 2.2")
    build = '[build-system]\nrequires = ["flit_core>=1"]\nbuild-backend = "flit_core.buildapi"\n'
    return {"PKG-INFO": metadata, "pyproject.toml": build, f"{name}.py": "VERSION = '1.0'\n"}


def backend() -> Dist:
    """The back-end as an sdist that builds itself. Its name is that of one whose rule asks for nothing more."""
    build = '[build-system]\nrequires = []\nbackend-path = ["."]\nbuild-backend = "flit_core.buildapi"\n'
    files = {
        "PKG-INFO": core_metadata("flit-core", "1.0").replace("Metadata-Version: 2.1", "Metadata-Version: 2.2"),
        "pyproject.toml": build,
        "flit_core/__init__.py": "",
        "flit_core/buildapi.py": BACKEND,
    }
    return make_sdist("flit-core", "1.0", files=files, filename="flit_core-1.0.tar.gz")


@dataclass
class Orchard:
    """A project with a lock of ``tool``, its tools, and where it was locked."""

    tool: str
    shell: Shell
    lockers: Path
    index: str
    archive: str
    git: str
    commit: str
    place: Path

    @cached_property
    def environ(self) -> dict[str, str]:
        """For every command: caches that nobody has filled, and programs of this test first."""
        path = f"{self.place / '.venv/bin'}:{BIN}:{self.lockers}:{self.shell.environment['PATH']}"
        return {
            "PATH": path,
            "HOME": str(self.place),
            "XDG_CACHE_HOME": str(self.place / "cache"),
            "VIRTUAL_ENV": str(self.place / ".venv"),
            "POETRY_VIRTUALENVS_IN_PROJECT": "true",
            "POETRY_KEYRING_ENABLED": "false",
            "POETRY_NO_INTERACTION": "1",
            # Two builds at once write the wheel of one back-end to one place in its cache.
            "POETRY_INSTALLER_PARALLEL": "false",
            "PDM_INSTALL_PARALLEL": "false",
            "PDM_CHECK_UPDATE": "false",
            "PIPENV_VENV_IN_PROJECT": "1",
            "PIPENV_NOSPIN": "1",
            # The pip of this test, for an environment without one.
            **({"PIP_PYTHON": str(self.place / ".venv/bin/python")} if self.tool == "pylock" else {}),
        }

    def begins_with(self, locked: dict[tuple[str, bool], dict[str, bytes]], *, static: bool) -> None:
        """Write the project and its lock, which is made once for each tool."""
        files = locked.get((self.tool, static))
        if files is None:
            self._lock(static=static)
            files = {path.name: path.read_bytes() for path in self.place.iterdir() if path.name in FILES}
            locked[self.tool, static] = files
        for name, content in files.items():
            (self.place / name).write_bytes(content)

    def _lock(self, *, static: bool) -> None:
        """Let the tool lock the project, with the orchard as its index."""
        index = dict.fromkeys(
            ("PDM_PYPI_URL", "POETRY_PYPI_MIRROR_URL", "PIPENV_PYPI_MIRROR", "UV_DEFAULT_INDEX"), self.index
        )
        environ = {**self.environ, **index}
        needs = ["apple", f"fig @ git+{self.git}", f"guava @ {self.archive}"]
        (self.place / "pyproject.toml").write_text(
            f'[project]\nname = "orchard"\nversion = "1.0"\nrequires-python = "=={VERSION}.*"\n'
            f"dependencies = {json.dumps(needs)}\n"
            f"{NO_PACKAGE.get(self.tool, '')}"
        )
        if self.tool == "pipenv":
            source = f'[[source]]\nname = "pypi"\nurl = "{default_index_url()}"\nverify_ssl = true\n'
            # pipenv writes no hash of an archive at an address, so it locks none here.
            (self.place / "Pipfile").write_text(
                f'{source}[packages]\napple = "*"\nfig = {{git = "{self.git}", ref = "{self.commit}"}}\n'
            )
        strategy = ("--strategy", "static_urls") if static else ()
        commands: dict[str, list[tuple[str, ...]]] = {
            "uv": [("uv", "lock")],
            "pylock": [
                ("uv", "lock"),
                ("uv", "export", "--format", "pylock.toml", "--output-file", "pylock.toml"),
            ],
            "poetry": [("poetry", "lock")],
            "pdm": [("pdm", "lock", *strategy)],
            "pipenv": [("pipenv", "lock")],
        }
        for command in commands[self.tool]:
            self.shell.run(*command, offline=False, cwd=self.place, **environ)

    def makes_environment(self) -> None:
        self.shell.run(BIN / "uv", "venv", "--quiet", "--clear", "--python", sys.executable, self.place / ".venv")

    def prefetches(self, lines: list[str]) -> None:
        """Run those lines of a page that need the network, which is the orchard here."""
        here = {**self.environ, "HERMETO_PIP__PROXY_URL": self.index, "PIP_INDEX_URL": self.index}
        self.shell.run("sh", "-ec", "\n".join(lines), offline=False, cwd=self.place, **here)

    def installs(self, lines: list[str]) -> Done:
        """Run the other lines, with nothing but loopback, into an empty environment with empty caches."""
        self.makes_environment()
        script = "\n".join(["ip link set lo up", 'export XDG_CACHE_HOME="$PWD/cache-$$"', *lines])
        return self.shell.try_("sh", "-ec", script, offline=True, cwd=self.place, **self.environ)

    def refuses(self, file: Path, content: bytes, lines: list[str]) -> None:
        """Install with other bytes in the place of a file, which the tool has to notice; then put it back."""
        before = file.read_bytes()
        file.write_bytes(content)
        refused = self.installs(lines)
        assert refused.status != 0
        told = refused.output + refused.errors
        assert re.search("hash|digest|sha256", told, re.IGNORECASE), told
        assert file.name.partition("-")[0] not in self.installed()
        file.write_bytes(before)

    def installed(self) -> set[str]:
        """The modules that are there."""
        found = self.place.glob(".venv/lib/*/site-packages/*.py")
        return {path.stem for path in found} & {"apple", "banana", "fig", "guava"}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str, str]]:
    """The addresses of an index, of an archive and of a git repository, and its commit."""
    repository = make_repository(tmp_path_factory.mktemp("git") / "fig.git")
    commit = repository.commit(sdist_files("fig"))
    with IndexServer() as index, git_server(repository.path.parent) as git:
        for name, requires in (("apple", ("banana",)), ("banana", ())):
            index.add(name, make_sdist(name, "1.0", files=sdist_files(name, *requires)))
            index.add(name, make_wheel(name, "1.0", requires=requires))
        index.add("flit-core", backend())
        archive = index.serve_file(make_sdist("guava", "1.0", files=sdist_files("guava")))
        yield index.index_url, archive, git.url("fig.git"), commit


@pytest.fixture(scope="module")
def locked() -> dict[tuple[str, bool], dict[str, bytes]]:
    """What was locked so far."""
    return {}


def lines_of(tool: str, section: str) -> tuple[list[str], list[str]]:
    """The lines that a section of a tool's page shows: those that need the network, and the others."""
    page = (ROOT / f"docs/how-to/{tool}.md").read_text(encoding="utf-8")
    [block] = re.findall(rf"^## {section}\n.*?^```console\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    lines = [line.replace("3.12", VERSION) for line in re.split(r"^\$ ", block, flags=re.MULTILINE) if line]
    online = re.compile("cachi2ish (?:fetch|lock)")
    return [line for line in lines if online.match(line)], [line for line in lines if not online.match(line)]


@pytest.mark.parametrize(
    ("tool", "section"),
    [
        *(
            (tool, section)
            for tool in ("uv", "pylock", "pdm", "pipenv", "poetry")
            for section in ("With wheels", "With sdists")
        ),
        ("pdm", "A lock with addresses"),
    ],
)
def test_the_tool_installs_what_was_fetched_and_refuses_another_file(
    shell: Shell,
    lockers: Path,
    servers: tuple[str, str, str, str],
    locked: dict[tuple[str, bool], dict[str, bytes]],
    tmp_path: Path,
    tool: str,
    section: str,
) -> None:
    orchard = Orchard(tool, shell, lockers, *servers, tmp_path)
    orchard.begins_with(locked, static=section == "A lock with addresses")
    online, offline = lines_of(tool, section)
    if section != "With sdists":
        (tmp_path / "requirements-build.txt").write_text("flit-core==1.0\n")
    orchard.prefetches(online)
    done = orchard.installs(offline)
    assert done.status == 0, done.output + done.errors
    assert orchard.installed() == {"apple", "banana", "fig"} | ({"guava"} if tool != "pipenv" else set())

    [banana] = (tmp_path / "out/deps/pip").glob("banana-1.0*")
    assert (banana.suffix == ".whl") == (section != "With sdists")
    changed = sdist_files("banana") | {"banana.py": "VERSION = 'evil'\n"}
    other = (
        make_sdist("banana", "1.0", files=changed)
        if banana.suffix == ".gz"
        else make_wheel("banana", "1.0", metadata="Summary: x\n")
    )
    orchard.refuses(banana, other.content, offline)
    if section == "With wheels":
        [fig] = (tmp_path / "out/deps/pip").glob("fig-git-*")
        evil = sdist_files("fig") | {"fig.py": "VERSION = 'evil'\n"}
        orchard.refuses(fig, make_sdist("fig", "1.0", files=evil).content, offline)
