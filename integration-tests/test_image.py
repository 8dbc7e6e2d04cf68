"""The image of cachi2ish itself, built as by ``make image``, and used as the documentation says."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import Engine
from harness import tree

from tests.support.distributions import make_wheel
from tests.support.git_server import git_server, make_repository
from tests.support.index_server import IndexServer

INPUT = '{"type": "pip", "allow_binary": true}'

#: The prefetch as a build of its own: with a network, a cache that stays, and a folder as its result.
PREFETCH = """\
ARG CACHI2ISH
FROM $CACHI2ISH AS fetch
COPY requirements*.txt ./
RUN --mount=type=cache,target=/cache,uid=10001 \\
    cachi2ish fetch-deps --source . --output /tmp/prefetched/out '{"type": "pip", "allow_binary": true}' \\
    && cachi2ish generate-env /tmp/prefetched/out --for-output-dir /tmp/out --output /tmp/prefetched/cachi2ish.env

FROM scratch
COPY --from=fetch /tmp/prefetched /
"""

INSTALL = """\
ARG BASE
FROM $BASE
COPY requirements.txt ./
RUN . /tmp/cachi2ish.env && pip install --no-cache-dir --require-hashes -r requirements.txt
"""


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer() as index:
        index.add("apple", make_wheel("apple", "1.0"))
        yield index


@pytest.fixture
def source(index: IndexServer, tmp_path: Path) -> Path:
    """A source tree that belongs to nobody whom the container knows."""
    folder = tmp_path / "source"
    folder.mkdir(mode=0o755)
    (folder / "requirements.txt").write_text(f"--index-url {index.index_url}\napple==1.0\n")
    return folder


def output_folder(parent: Path, uid: int, gid: int) -> Path:
    folder = parent / "work"
    folder.mkdir()
    shutil.chown(folder, uid, gid)
    return folder


@pytest.mark.parametrize("name", ["cachi2ish", "hermeto", "cachi2"])
def test_the_image_answers_to_three_names(engine: Engine, tool_image: str, name: str) -> None:
    printed = engine.run(tool_image, "--version", options=("--entrypoint", name))
    assert printed.startswith(name if name == "cachi2ish" else "")
    assert printed.count(".") == 2


def test_the_image_is_what_its_lock_says_and_holds_its_bill_of_materials(engine: Engine, tool_image: str) -> None:
    entry = ("--entrypoint", "python3")
    names = (
        "import json; b = json.load(open('/opt/cachi2ish/bom.json')); print(*(c['name'] for c in b['components']))"
    )
    assert {"pydantic", "pydantic-core", "setuptools"} <= set(
        engine.run(tool_image, "-c", names, options=entry).split()
    )


def test_the_image_runs_as_a_user_of_its_own(engine: Engine, tool_image: str) -> None:
    assert engine.run(tool_image, "-u", options=("--entrypoint", "id")) == "10001\n"


# The user that OpenShift invents has the group 0; the one of `docker run -u` has the groups of the host's user.
@pytest.mark.parametrize(("uid", "gid"), [(1_000_650_000, 0), (4242, 4242)])
@pytest.mark.parametrize("environment", [(), ("--env", "HOME=/nowhere"), ("--env", "HOME=")])
def test_any_user_may_run_it_on_a_root_that_nobody_may_write(
    engine: Engine,
    tool_image: str,
    index: IndexServer,
    source: Path,
    tmp_path: Path,
    uid: int,
    gid: int,
    environment: tuple[str, ...],
) -> None:
    work = output_folder(tmp_path, uid, gid)
    volume = f"cache-{secrets.token_hex(4)}"
    options: tuple[str, ...] = ("--user", f"{uid}:{gid}", "--read-only", "--cap-drop=all")
    options = (*options, "--volume", f"{volume}:/cache", "--volume", f"{source}:/src:ro", *environment)
    options = (*options, "--volume", f"{work}:/results")
    fetch = ("fetch-deps", "--source", ".", "--output", "/results/out", INPUT)

    engine.run(tool_image, *fetch, options=options, network="host")

    assert (work / "out/deps/pip/apple-1.0-py3-none-any.whl").is_file()
    assert {(path.stat().st_uid, path.stat().st_gid) for path in work.rglob("*")} == {(uid, gid)}
    asked = len(index.requests)
    digests = f"apple==1.0 {make_wheel('apple', '1.0').hash_option()}\n"
    (source / "requirements.txt").write_text(f"--index-url {index.index_url}\n{digests}")
    engine.run(tool_image, *fetch, options=options, network="host")
    assert len(index.requests) == asked, "the cache in the volume is used"
    engine.do("volume", "rm", volume)


def test_git_in_the_image_fetches_for_any_user(engine: Engine, tool_image: str, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "repositories" / "fig.git")
    commit = repository.commit({"setup.cfg": "[metadata]\nname = fig\nversion = 1.0\n"})
    source = tmp_path / "source"
    source.mkdir()
    with git_server(tmp_path / "repositories") as server:
        (source / "requirements.txt").write_text(f"fig @ git+{server.url('fig.git')}@{commit}\n")
        work = output_folder(tmp_path, 4242, 4242)
        volumes = ("--volume", f"{source}:/src:ro", "--volume", f"{work}:/results")
        options = ("--user=4242:4242", "--read-only", *volumes)
        fetch = ("fetch-deps", "--source", ".", "--output", "/results/out", "pip", "--no-cache")
        engine.run(tool_image, *fetch, options=options, network="host")
    assert [path.name for path in (work / "out/deps/pip").iterdir()] == [f"fig-git-{commit}.tar.gz"]


def test_the_cache_of_a_build_outlives_it(
    engine: Engine, tool_image: str, base_image: str, index: IndexServer, source: Path
) -> None:
    """A second build, whose layers are all made anew, asks the index for nothing; the third has no network."""
    pinned = f"apple==1.0 {make_wheel('apple', '1.0').hash_option()}\n"
    (source / "requirements.txt").write_text(f"--index-url {index.index_url}\n{pinned}")
    (source / "prefetch.Containerfile").write_text(PREFETCH)
    (source / "Containerfile").write_text(INSTALL)
    online = ("--file=prefetch.Containerfile", "--no-cache", "--build-arg", f"CACHI2ISH={tool_image}")
    counts = []
    for output in ("first", "second"):
        engine.build(source, "localhost/prefetch", *online, f"--output={output}", network="host")
        counts.append(len(index.requests))
    assert counts[0] > 0
    assert counts[1] == counts[0]
    assert tree(source / "first") == tree(source / "second")

    mounts = [f"--volume={source}/first/{name}:/tmp/{name}:ro,Z" for name in ("out", "cachi2ish.env")]
    engine.build(source, "localhost/offline", "--build-arg", f"BASE={base_image}", *mounts)
    engine.run("localhost/offline", "python3", "-c", "import apple")
