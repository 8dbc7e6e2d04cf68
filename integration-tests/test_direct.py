"""URL and git requirements, from servers on loopback to an offline install, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import BIN, EXAMPLE, Shell

from tests.support.distributions import make_sdist, make_wheel
from tests.support.git_server import git_server, make_repository
from tests.support.index_server import IndexServer

TAGGED_APP = {
    "pyproject.toml": """\
[build-system]
requires = ["setuptools>=77", "setuptools-scm>=8"]
build-backend = "setuptools.build_meta"

[project]
name = "tagged-app"
dynamic = ["version"]
dependencies = ["hand-made", "wheel-made", "mdurl"]

[tool.setuptools]
py-modules = ["tagged_app"]

[tool.setuptools_scm]
""",
    "tagged_app.py": "import hand_made, mdurl, wheel_made\n",
}

REQUIREMENTS = """\
# The application itself, from git: its version comes from a tag.
tagged-app @ git+{git}@{commit}   # stays
hand-made @ {sdist} \\
    {sdist_hash}
wheel-made @ {wheel}#sha256={wheel_sha256} ; python_version >= "3"
mdurl==0.1.2 \\
    --hash=sha256:bb413d29f5eea38f31dd4754dd7377d4465116fb207585f97bf925588687c1ba
"""

PRINT_VERSIONS = """
import tagged_app
from importlib.metadata import version
print(*(version(name) for name in ("tagged-app", "hand-made", "wheel-made", "mdurl")))
"""


@dataclass(frozen=True)
class Project:
    """A source tree with its prefetched output. written: the requirements file as the user wrote it."""

    source: Path
    output: Path
    written: bytes


@pytest.fixture(scope="module")
def prefetched(shell: Shell, cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A source in hash-checking mode that was fetched while the servers were there; now they are gone."""
    source = tmp_path_factory.mktemp("direct")
    repositories = tmp_path_factory.mktemp("repositories")
    app = make_repository(repositories / "tagged-app.git")
    commit = app.commit(TAGGED_APP)
    app.tag("v1.2.0", commit, message="1.2.0")
    with git_server(repositories) as git, IndexServer() as index:
        text = requirements(index, git.url("tagged-app.git"), commit)
        (source / "requirements.txt").write_text(text)
        (source / "requirements-build.txt").write_bytes((EXAMPLE / "requirements-build.txt").read_bytes())
        shell.fetch(source, source / "out", cache_dir, "pip")
    return Project(source, source / "out", text.encode())


@pytest.fixture
def project(prefetched: Project) -> Iterator[Project]:
    """The same, for one test, which may rewrite the requirements."""
    yield prefetched
    (prefetched.source / "requirements.txt").write_bytes(prefetched.written)
    (prefetched.source / ".requirements.txt.cachi2ish.json").unlink(missing_ok=True)


def requirements(index: IndexServer, git_url: str, commit: str) -> str:
    sdist, wheel = make_sdist("hand-made", "2.0"), make_wheel("wheel-made", "3.0")
    return REQUIREMENTS.format(
        git=git_url,
        commit=commit,
        sdist=index.serve_file(sdist).replace("://", "://user:secret@"),
        sdist_hash=sdist.hash_option(),
        wheel=index.serve_file(wheel),
        wheel_sha256=wheel.sha256,
    )


def inject(shell: Shell, project: Project, *options: str | Path) -> None:
    shell.run(BIN / "inject-files", project.output, *options)


def test_pip_installs_url_and_git_requirements_offline(shell: Shell, project: Project, tmp_path: Path) -> None:
    inject(shell, project)
    python = shell.new_environment(tmp_path / "venv")
    shell.pip_install(python, project.output, "--require-hashes", "-r", "requirements.txt", cwd=project.source)
    assert shell.run(python, "-c", PRINT_VERSIONS, offline=True) == "1.2.0 2.0 3.0 0.1.2\n"


def test_uv_installs_url_and_git_requirements_offline(shell: Shell, project: Project, tmp_path: Path) -> None:
    inject(shell, project)
    python = shell.new_environment(tmp_path / "venv")
    shell.uv_install(python, project.output, "--require-hashes", "-r", "requirements.txt", cwd=project.source)
    assert shell.run(python, "-c", PRINT_VERSIONS, offline=True) == "1.2.0 2.0 3.0 0.1.2\n"


def test_without_injection_the_offline_install_fails(shell: Shell, project: Project, tmp_path: Path) -> None:
    python = shell.new_environment(tmp_path / "venv")
    install = (python, "-m", "pip", "install", "--retries", "0", "-r", "requirements.txt")
    variables = shell.variables(project.output)
    assert shell.try_(*install, offline=True, cwd=project.source, **variables).status != 0


def test_injection_changes_nothing_but_the_addresses(shell: Shell, project: Project) -> None:
    inject(shell, project, "--for-output-dir", "/somewhere/else")
    lines = (project.source / "requirements.txt").read_text().splitlines()
    written = project.written.decode().splitlines()
    assert len(lines) == len(written)
    assert lines[0] == written[0]
    assert lines[1].startswith("tagged-app @ file:///somewhere/else/deps/pip/tagged-app-git-")
    assert lines[1].endswith("   # stays")
    assert lines[2].startswith("hand-made @ file:///somewhere/else/deps/pip/hand-made-url-sha256-")
    assert lines[3] == written[3]
    assert lines[4].endswith(' ; python_version >= "3"')
    assert lines[5:] == written[5:]


def test_injection_twice_and_revert_gives_the_bytes_back(shell: Shell, project: Project) -> None:
    inject(shell, project, "--for-output-dir", "/first")
    inject(shell, project, "--for-output-dir", "/second")
    assert b"/second/" in (project.source / "requirements.txt").read_bytes()
    inject(shell, project, "--revert")
    assert (project.source / "requirements.txt").read_bytes() == project.written
    assert not list(project.source.glob(".*"))


def test_a_source_that_has_moved_is_found_with_an_option(shell: Shell, project: Project, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(project.written)
    inject(shell, project, "--source", tmp_path)
    assert b"file:///" in (tmp_path / "requirements.txt").read_bytes()
    assert (project.source / "requirements.txt").read_bytes() == project.written


def test_fetching_again_after_injection_needs_no_network(
    shell: Shell, project: Project, cache_dir: Path, tmp_path: Path
) -> None:
    inject(shell, project)
    shell.fetch(project.source, tmp_path / "out", cache_dir, "pip", offline=True)
    assert (tmp_path / "out" / "bom.json").read_bytes() == (project.output / "bom.json").read_bytes()


def test_no_output_holds_the_password(project: Project) -> None:
    assert b"secret" in project.written
    for name in ("bom.json", ".build-config.json"):
        assert b"secret" not in (project.output / name).read_bytes()


def test_the_bill_of_materials_says_where_each_came_from(project: Project) -> None:
    bom = json.loads((project.output / "bom.json").read_text())
    purls = {one["name"]: one["purl"] for one in bom["components"]}
    assert "vcs_url=git" in purls["tagged-app"]
    assert "download_url=" in purls["hand-made"]
    assert "checksum=sha256" in purls["hand-made"]
    assert purls["mdurl"] == "pkg:pypi/mdurl@0.1.2"
