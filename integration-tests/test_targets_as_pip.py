"""``targets`` against the real pip, over the real index: for each machine, the same file.

No file is downloaded for the comparison: pip's own finder says what ``pip download --only-binary=:all:
--platform … --python-version … --implementation … --abi …`` would take, when it is given every platform tag
that the target implies.
"""

from __future__ import annotations

import json
import sys
import sysconfig
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from harness import DATA, Shell
from packaging.requirements import Requirement
from packaging.tags import sys_tags
from packaging.utils import canonicalize_name

from cachi2ish.cli import wiring
from cachi2ish.cli.display.console import Console, Level
from cachi2ish.cli.display.reporting import ConsoleReporter
from cachi2ish.core.as_of import Dating
from cachi2ish.core.choose.checks import Policy
from cachi2ish.core.choose.choice import choose
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.core.requirements import Formats, IndexOptions, Pinned
from cachi2ish.core.targets.machine import Target
from cachi2ish.errors import Origin, UnavailableError
from cachi2ish.index.interface import Index
from cachi2ish.settings.flags import Flags

LOCK = DATA / "targets" / "requirements.txt"
PINS = tuple(line for line in LOCK.read_text().splitlines() if not line.startswith("#"))

TARGETS = (
    Target.parse("3.12", "manylinux_2_28_x86_64"),
    Target.parse("3.11", "musllinux_1_2_aarch64"),
    Target.parse("3.13", "manylinux_2_39_aarch64", abi="cp313t"),
    Target.parse("3.14", "macosx_14_0_arm64"),
    Target.parse("3.12", "win_amd64"),
    Target.parse("3.9", "manylinux2014_x86_64"),
    Target.parse("3.10", "macosx_12_0_x86_64"),
)

#: Pins whose wheels are small enough to be downloaded.
LIGHT = ("frozenlist==", "markupsafe==3", "msgpack==", "multidict==", "propcache==", "wrapt==2", "yarl==")

#: "target: pin" → why cachi2ish and pip differ there. There is no difference.
EXPLAINED: dict[str, str] = {}

#: An application: what is served, computed and stored, with what it draws in.
APPLICATION = """
    aiohttp asyncpg bcrypt brotli cffi charset-normalizer click contourpy coverage cryptography cython debugpy
    fonttools frozenlist greenlet grpcio httptools kiwisolver lxml markupsafe matplotlib multidict numpy orjson
    pandas pillow propcache protobuf psutil psycopg-binary pydantic-core pyyaml pyzmq rpds-py scipy sqlalchemy
    uvloop watchfiles wrapt yarl zstandard
""".split()  # noqa: SIM905  (forty names)


def pinned(pin: str) -> Pinned:
    requirement = Requirement(pin)
    (specifier,) = requirement.specifier
    origin = Origin("requirements.txt")
    return Pinned(name=requirement.name, version=specifier.version, formats=Formats.WHEELS, origin=origin)


@contextmanager
def real_index(home: Path) -> Iterator[Index]:
    """The index that ``fetch-deps`` asks by default."""
    reporter = ConsoleReporter(Console(Level.ERROR, colours=False))
    with wiring.fetching(Flags(cache_dir=home / "cache"), reporter) as (ports, run):
        yield ports.connect([IndexOptions()], home).index((run.indexes.public(),), Dating())


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Page]:
    """The page of each project, by its normalised name."""
    projects = {pinned(pin).project for pin in PINS}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
            patch.delenv(name, raising=False)
        patch.setenv("PIP_CONFIG_FILE", "/dev/null")
        with real_index(tmp_path_factory.mktemp("home")) as index, ThreadPoolExecutor(16) as pool:
            return dict(zip(projects, pool.map(index.page, projects), strict=True))


def pip_options(target: Target) -> list[str]:
    """How pip is told of a target."""
    platforms = [option for tag in target.platform_tags() for option in ("--platform", tag)]
    version = ".".join(map(str, target.python))
    return [
        *platforms,
        f"--python-version={version}",
        f"--implementation={target.implementation}",
        f"--abi={target.abi}",
    ]


@pytest.fixture(scope="module")
def of_pip(shell: Shell) -> dict[str, dict[str, str | None]]:
    """What pip takes for each target and pin."""
    asked = {"pins": PINS, "targets": {str(target): pip_options(target) for target in TARGETS}}
    script = Path(__file__).parent / "pip_choosing.py"
    answer: dict[str, dict[str, str | None]] = json.loads(
        shell.run(sys.executable, script, stdin=json.dumps(asked))
    )
    return answer


def ours(pin: str, page: Page, target: Target) -> str | None:
    policy = Policy(wheels=True, targets=(target,))
    try:
        (file,) = choose(pinned(pin), page, policy).files
    except UnavailableError:
        return None
    return file.filename


def test_the_comparison_is_as_wide_as_it_should_be() -> None:
    assert len({canonicalize_name(Requirement(pin).name) for pin in PINS}) >= 60
    assert len(TARGETS) >= 5


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_the_wheel_for_a_target_is_the_one_that_pip_takes(
    target: Target, pages: dict[str, Page], of_pip: dict[str, dict[str, str | None]]
) -> None:
    theirs = of_pip[str(target)]
    differences = {
        f"{target}: {pin}": (chosen, theirs[pin])
        for pin in PINS
        if (chosen := ours(pin, pages[pinned(pin).project], target)) != theirs[pin]
    }
    assert {where: both for where, both in differences.items() if where not in EXPLAINED} == {}
    assert sum(name is not None for name in theirs.values()) >= 30


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_the_command_pip_download_brings_the_same_files(
    target: Target, pages: dict[str, Page], shell: Shell, tmp_path: Path
) -> None:
    chosen = {pin: ours(pin, pages[pinned(pin).project], target) for pin in PINS if pin.startswith(LIGHT)}
    fitting = [pin for pin, name in chosen.items() if name is not None]
    assert fitting
    shell.run(
        sys.executable,
        *("-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", tmp_path / "wheels"),
        *pip_options(target),
        *fitting,
        PIP_CACHE_DIR=str(tmp_path / "pip-cache"),
    )
    assert {path.name for path in (tmp_path / "wheels").iterdir()} == {chosen[pin] for pin in fitting}


def test_three_targets_of_an_application_take_less_than_a_fifth_of_all_wheels(pages: dict[str, Page]) -> None:
    pins = [pin for pin in PINS if Requirement(pin).name in APPLICATION]
    newest = {Requirement(pin).name: pin for pin in reversed(pins)}
    assert len(newest) >= 40
    targets = (
        Target.parse("3.12", "manylinux_2_28_x86_64"),
        Target.parse("3.12", "manylinux_2_28_aarch64"),
        Target.parse("3.12", "macosx_14_0_arm64"),
    )
    policy = Policy(wheels=True, targets=targets)
    choices = [choose(pinned(pin), pages[pinned(pin).project], policy) for pin in newest.values()]
    taken = size_of_all([file for choice in choices for file in choice.files])
    left = size_of_all([file for choice in choices for file in choice.left if file.filename.endswith(".whl")])
    assert 0 < taken < (taken + left) / 5, f"{taken / 1e6:.0f} MB of {(taken + left) / 1e6:.0f} MB"


def size_of_all(files: list[IndexFile]) -> int:
    """Bytes, asked of the server for each file of which the index does not say."""
    with requests.Session() as session, ThreadPoolExecutor(32) as pool:
        session.mount("https://", requests.adapters.HTTPAdapter(pool_connections=4, pool_maxsize=32))

        def size(file: IndexFile) -> int:
            if file.size is not None:
                return file.size
            answer = session.head(file.url, timeout=60, allow_redirects=True)
            answer.raise_for_status()
            return int(answer.headers["Content-Length"])

        return sum(pool.map(size, {file.filename: file for file in files}.values()))


SMALL = """\
click==8.5.1
markupsafe==3.0.4
psutil==7.2.2
colorama==0.4.6 ; sys_platform == "win32"
tomli==2.2.1 ; python_version < "3.11"
"""


def this_machine() -> dict[str, str]:
    """The target that describes the running interpreter, as a person would write it down."""
    best = next(tag for tag in sys_tags() if not tag.platform.startswith("linux"))
    version = sysconfig.get_python_version()
    return {"python": version, "platform": best.platform, "abi": best.abi}


def test_for_this_machine_the_files_are_those_that_pip_would_install(
    shell: Shell, cache_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "requirements.txt").write_text(SMALL)
    report = tmp_path / "report.json"
    shell.run(
        sys.executable,
        *("-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps", "--report"),
        report,
        "-r",
        tmp_path / "requirements.txt",
        PIP_CACHE_DIR=str(tmp_path / "pip-cache"),
    )
    theirs = {one["download_info"]["url"].rsplit("/")[-1] for one in json.loads(report.read_text())["install"]}

    asked = json.dumps({"type": "pip", "targets": [this_machine()]})
    shell.fetch(tmp_path, tmp_path / "out", cache_dir, asked)

    assert {path.name for path in (tmp_path / "out" / "deps" / "pip").iterdir()} == theirs
