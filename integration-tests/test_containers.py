"""Images of applications, built for real, and without a network, from what was prefetched outside."""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from engines import Engine
from harness import BIN, EXAMPLE, Shell
from test_direct import TAGGED_APP
from test_example import EXPECTED, pins

from tests.support.distributions import make_sdist, make_wheel
from tests.support.git_server import git_server, make_repository
from tests.support.index_server import IndexServer

#: Where the builds see the output.
OUTPUT = "/tmp/out"

#: What the base image runs on: Debian 12.
TARGET = {"python": "3.11", "platform": f"manylinux_2_36_{platform.machine()}"}

MORE_REQUIREMENTS = """\
tagged-app @ git+{git}@{commit}
hand-made @ {sdist} {sdist_hash}
wheel-made @ {wheel}#sha256={wheel_sha256}
"""

PRINT_VERSIONS = (
    "import tagged_app; from importlib.metadata import version; "
    "print(*(version(name) for name in ('tagged-app', 'hand-made', 'wheel-made')))"
)

CONNECT = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=10).close()"


@dataclass(frozen=True)
class Project:
    """A folder to build from, with ``out`` and ``cachi2ish.env`` beside the sources."""

    folder: Path

    def mounts(self) -> tuple[str, ...]:
        """The options of the documentation."""
        output = f"{self.folder}/out:{OUTPUT}:ro,Z"
        return ("--volume", output, "--volume", f"{self.folder}/cachi2ish.env:/tmp/cachi2ish.env:ro,Z")

    def containerfile(self, *lines: str) -> None:
        (self.folder / "Containerfile").write_text("\n".join((*lines, "")))

    def prefetch(self, shell: Shell, cache_dir: Path, package_input: str) -> None:
        """Run the three commands of the documentation."""
        shell.fetch(self.folder, self.folder / "out", cache_dir, package_input)
        for_output = (self.folder / "out", "--for-output-dir", OUTPUT)
        shell.run(BIN / "cachi2ish", "generate-env", *for_output, "--output", self.folder / "cachi2ish.env")
        shell.run(BIN / "cachi2ish", "inject-files", *for_output)

    def files(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "out/deps/pip").iterdir())


@pytest.fixture(scope="module")
def application(shell: Shell, cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The example of the documentation, with URL and git dependencies; their servers are gone by now."""
    folder = tmp_path_factory.mktemp("application") / "notes"
    shutil.copytree(EXAMPLE, folder)
    repositories = tmp_path_factory.mktemp("repositories")
    app = make_repository(repositories / "tagged-app.git")
    commit = app.commit(TAGGED_APP)
    app.tag("v1.2.0", commit, message="1.2.0")
    sdist, wheel = make_sdist("hand-made", "2.0"), make_wheel("wheel-made", "3.0")
    with git_server(repositories) as git, IndexServer() as index, (folder / "requirements.txt").open("a") as file:
        file.write(
            MORE_REQUIREMENTS.format(
                git=git.url("tagged-app.git"),
                commit=commit,
                sdist=index.serve_file(sdist),
                sdist_hash=sdist.hash_option(),
                wheel=index.serve_file(wheel),
                wheel_sha256=wheel.sha256,
            )
        )
        file.flush()
        project = Project(folder)
        project.prefetch(shell, cache_dir, "pip")
    return project


def test_the_example_builds_without_a_network_and_runs(
    engine: Engine, base_image: str, application: Project
) -> None:
    """Its Containerfile as it is, but for the base: sdists, build requirements, a URL, a tag in git."""
    engine.build(application.folder, "localhost/notes", "--from", base_image, *application.mounts())
    assert engine.run("localhost/notes", "list", "--today", "2026-01-01") == EXPECTED
    entry = ("--entrypoint", "python3")
    assert engine.run("localhost/notes", "-c", PRINT_VERSIONS, options=entry) == "1.2.0 2.0 3.0\n"


def test_an_image_tells_verify_what_it_is_and_it_is_proved(
    engine: Engine, base_image: str, application: Project
) -> None:
    output = str(application.folder / "out")
    command = [str(BIN / "cachi2ish"), "verify", output, "--in-image", base_image, "--json"]
    done = subprocess.run(command, env=engine.environment, capture_output=True, text=True, check=False)
    (target,) = json.loads(done.stdout)["targets"]
    assert target["python"].startswith("3.11.")
    assert target["platform"] == TARGET["platform"]
    assert target["verdict"] != "disproved", done.stdout


def test_without_the_environment_the_same_build_fails(engine: Engine, base_image: str, tmp_path: Path) -> None:
    """The control: nothing but the two mounts brings the files in."""
    project = Project(tmp_path)
    shutil.copy(EXAMPLE / "requirements.txt", tmp_path)
    install = "RUN pip install --retries 0 --no-deps --require-hashes -r requirements.txt"
    project.containerfile(f"FROM {base_image}", "COPY requirements.txt .", install)
    done = engine.try_build(tmp_path, "localhost/fails")
    assert done.status != 0
    assert "No matching distribution found" in done.output + done.errors


@pytest.fixture(scope="module")
def wheels(shell: Shell, cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Packages with and without compiled parts, and uv, for the base image only."""
    project = Project(tmp_path_factory.mktemp("wheels"))
    (project.folder / "requirements.txt").write_text("click==8.5.1\nmarkupsafe==3.0.4\n")
    (project.folder / "requirements-uv.txt").write_text(locked("uv"))
    files = ["requirements.txt", "requirements-uv.txt"]
    package_input = {"type": "pip", "requirements_files": files, "targets": [TARGET]}
    project.prefetch(shell, cache_dir, json.dumps(package_input))
    return project


def locked(name: str) -> str:
    """The lines of a project in this repository's own lock."""
    lines = (Path(__file__).parents[1] / "requirements/dev.txt").read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(f"{name}=="))
    last = next(number for number in range(first, len(lines)) if not lines[number].endswith("\\"))
    return "\n".join((*lines[first : last + 1], ""))


def test_a_target_gets_one_wheel_for_each_requirement(wheels: Project) -> None:
    found = wheels.files()
    assert len(found) == 3
    assert all(name.endswith(".whl") for name in found)


def test_pip_installs_the_wheels_of_the_target(engine: Engine, base_image: str, wheels: Project) -> None:
    wheels.containerfile(
        f"FROM {base_image}",
        "COPY requirements.txt .",
        "RUN . /tmp/cachi2ish.env && pip install --no-cache-dir --only-binary :all: -r requirements.txt",
        "RUN python3 -c 'import click, markupsafe._speedups'",
    )
    engine.build(wheels.folder, "localhost/wheels", *wheels.mounts())


def test_uv_installs_them_with_its_own_variables(engine: Engine, base_image: str, wheels: Project) -> None:
    """pip's variables are taken away when uv itself is there."""
    wheels.containerfile(
        f"FROM {base_image}",
        "COPY requirements*.txt ./",
        "RUN . /tmp/cachi2ish.env && pip install --no-cache-dir --require-hashes -r requirements-uv.txt",
        "RUN . /tmp/cachi2ish.env && unset PIP_FIND_LINKS PIP_NO_INDEX"
        " && uv pip install --system --no-cache -r requirements.txt",
        "RUN python3 -c 'import click, markupsafe._speedups'",
    )
    engine.build(wheels.folder, "localhost/wheels-uv", *wheels.mounts())


def test_an_old_pip_installs_a_newer_one_and_that_the_rest(
    engine: Engine, base_image: str, shell: Shell, cache_dir: Path, tmp_path: Path
) -> None:
    project = Project(tmp_path)
    (tmp_path / "requirements-pip.txt").write_text(locked("pip"))
    (tmp_path / "requirements.txt").write_text("mdurl==0.1.2\n")
    shutil.copy(EXAMPLE / "requirements-build.txt", tmp_path)
    files = ["requirements-pip.txt", "requirements.txt"]
    project.prefetch(shell, cache_dir, json.dumps({"type": "pip", "requirements_files": files}))
    project.containerfile(
        f"FROM {base_image}",
        "COPY requirements*.txt ./",
        "RUN python3 -m pip --version",
        "RUN . /tmp/cachi2ish.env && pip install --no-cache-dir --require-hashes -r requirements-pip.txt"
        " && python3 -m pip install --no-cache-dir -r requirements.txt",
    )
    printed = engine.build(tmp_path, "localhost/newer-pip", *project.mounts())
    assert "pip 23.0" in printed
    newer = locked("pip").split()[0].removeprefix("pip==")
    assert engine.run("localhost/newer-pip", "python3", "-m", "pip", "--version").startswith(f"pip {newer} ")
    engine.run("localhost/newer-pip", "python3", "-c", "import mdurl")


@pytest.fixture
def listener() -> Iterator[str]:
    """The port of a server on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield str(server.getsockname()[1])


@pytest.mark.parametrize("program", ["podman", "buildah"])
def test_in_a_build_a_socket_reaches_nothing_and_with_a_network_it_does(
    engine: Engine, base_image: str, listener: str, tmp_path: Path, program: str
) -> None:
    if shutil.which(program) is None and os.environ.get("CI") != "true":
        pytest.skip(f"no {program} here")
    Project(tmp_path).containerfile(
        f"FROM {base_image}",
        "COPY probe.py .",
        f"RUN python3 -c 'import socket; print(\"sees\", *socket.if_nameindex())' && python3 probe.py {listener}",
    )
    (tmp_path / "probe.py").write_text(CONNECT)
    build = ("--no-cache",)
    control = engine.try_build(tmp_path, "localhost/probe", *build, network="host", program=program)
    assert control.status == 0, control.errors
    inside = engine.try_build(tmp_path, "localhost/probe", *build, program=program)
    told = inside.output + inside.errors
    assert inside.status != 0
    assert "sees (1, 'lo')" in told
    assert "ConnectionRefusedError" in told or "Network is unreachable" in told


def test_lines_for_a_containerfile_set_what_the_shell_would(
    engine: Engine, base_image: str, shell: Shell, tmp_path: Path
) -> None:
    """The variables of an output in a folder with an odd name, and values that need each kind of quoting."""
    odd = {"PLAIN": "a-b_c.d", "ODD": "a b\t$HOME ${HOME} \"x\" 'y' \\ \\n #é", "EMPTY": "", "END": "a\\"}
    listed = [{"name": name, "value": value} for name, value in odd.items()]
    (tmp_path / "out").mkdir()
    config = {"environment_variables": listed, "project_files": []}
    (tmp_path / "out" / ".build-config.json").write_text(json.dumps(config))
    lines = shell.run(BIN / "generate-env", tmp_path / "out", "--format", "dockerfile")
    Project(tmp_path).containerfile(f"FROM {base_image}", lines)
    engine.build(tmp_path, "localhost/odd")
    dump = "import json, os; print(json.dumps(dict(os.environ)))"
    environment = json.loads(engine.run("localhost/odd", "python3", "-c", dump))
    assert {name: environment[name] for name in odd} == odd


@pytest.mark.parametrize("place", ["/tmp/out", "/tmp/an output, $HOME"])
def test_a_build_with_these_lines_installs_offline(
    engine: Engine, base_image: str, shell: Shell, cache_dir: Path, tmp_path: Path, place: str
) -> None:
    project = Project(tmp_path)
    (tmp_path / "requirements.txt").write_text("click==8.5.1\n")
    project.prefetch(shell, cache_dir, json.dumps({"type": "pip", "targets": [TARGET]}))
    generate = (BIN / "generate-env", tmp_path / "out", "--for-output-dir", place)
    lines = shell.run(*generate, "--format", "dockerfile")
    project.containerfile(f"FROM {base_image}", lines, "RUN pip install --no-cache-dir click")
    engine.build(tmp_path, "localhost/env-lines", "--volume", f"{tmp_path}/out:{place}:ro")
    engine.run("localhost/env-lines", "python3", "-c", "import click")


def test_the_prefetch_has_everything_that_the_example_pins(application: Project) -> None:
    assert len(application.files()) == len({*pins("requirements.txt"), *pins("requirements-build.txt")}) + 3
