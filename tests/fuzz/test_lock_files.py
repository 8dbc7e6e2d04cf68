"""Lock files of other tools: whatever stands there, a lock or an error with a place."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from hypothesis import strategies as st

from cachi2ish.core.requirements import Purpose
from cachi2ish.lockfiles.interface import Lock, Placed, Selection
from cachi2ish.lockfiles.pdm.pdm_reader import PdmReader
from cachi2ish.lockfiles.pipfile.pipfile_lock import PipfileLockReader
from cachi2ish.lockfiles.poetry.poetry_reader import PoetryReader
from cachi2ish.lockfiles.readers import NamedReaders, rewriter_of
from cachi2ish.lockfiles.uv.uv_reader import UvReader
from tests.cli.test_path_files import pdm, pipenv, pixi, poetry
from tests.fuzz.campaign import fuzzed
from tests.fuzz.guards import each_error
from tests.fuzz.mutating import bytes_like, files_like, write
from tests.fuzz.test_requirements_files import PYLOCKS, TOML_WORDS
from tests.lockfiles import test_uv_lock as uv_locks
from tests.lockfiles.test_conda import CONDA_LOCK, ENVIRONMENT, PIXI, PIXI_5
from tests.lockfiles.test_pdm_lock import DATA, a_lock, package
from tests.lockfiles.test_pipfile_lock import PIPFILE_LOCK
from tests.lockfiles.test_poetry_lock import GROUPS, OLD, OPTIONAL
from tests.lockfiles.test_uv_lock import CONFLICT, FRESH, GRAPH, TRAPS

importlib.import_module("pypi_simple")  # imported late by one of them, and it looks at the machine's network

UV_LOCKS = (GRAPH, CONFLICT, uv_locks.TestFreshness.TEXT, *(text for text, _ in TRAPS.values()))
UV_WORDS = (
    *("[[package]]\n", "[package.metadata]\n", "{ name = ", " }", "source = ", "registry", "git = ", "?rev=", "#"),
    *(
        "marker = ",
        "extra == 'extra-3-own-cpu'",
        "python_full_version",
        " and ",
        " or ",
        "(",
        ")",
        "sha256:",
        '"""',
    ),
    *("upload-time = ", "0001-01-01T00:00:00+10:00", "conflicts = [[", "true", "-1", "9" * 30, "..", "[]", "\n["),
)
PROJECTS = (FRESH, "[tool.uv]\ndefault-groups = ['dev']\n", "[project]\ndynamic = 5\n")
SELECTION = Selection(groups=(":all:",), extras=(":all:",))


@fuzzed(files=files_like({"uv.lock": UV_LOCKS, "pyproject.toml": PROJECTS}, UV_WORDS))
def test_uv_lock(files: dict[str, bytes], room: Path) -> None:
    write(room, files)
    for selection in (Selection(), SELECTION):
        with each_error(lambda one: one.origin is not None and one.hint):
            UvReader().read(room, "uv.lock", Purpose.RUNTIME, {}, selection)


POETRY_WORDS = (
    *("[[package]]\n", "[package.dependencies]\n", "[package.source]\n", "[metadata]\n", 'lock-version = "1.1"\n'),
    *(
        "markers = ",
        'extra == "s3"',
        "^1.2",
        "~=",
        "||",
        ">=1,<2",
        "*",
        " and ",
        "(",
        "type = ",
        '"git"',
        '"legacy"',
    ),
    *("optional = true\n", "extras = [", "{ version = ", " }", "sha256:", '"""', "9" * 30, "[]", "\n["),
)
POETRY_PROJECTS = (
    OPTIONAL,
    '[tool.poetry.dependencies]\nfoo = [{version = "^1", python = "<3"}]\nbar = {optional = true}\n',
    '[project]\ndependencies = ["foo[x]>=1"]\n[dependency-groups]\ndev = ["bar", {include-group = "x"}]\n',
)


DIRECT = {path.name: path.read_text() for path in (DATA / "direct").iterdir()}
POETRY_LOCKS = (GROUPS, OLD, DIRECT["poetry.lock"], poetry())


def comes_back(lock: Lock) -> None:
    """Rewrite all addresses of a lock, as if all was fetched, and see each byte come back."""
    for one in lock.texts:
        rewriter = rewriter_of(one.file)
        placed = [
            None if each is None else Placed(f"x-{number}.zip", "a" * 64) for number, each in enumerate(one.direct)
        ]
        urls = rewriter.replacement_urls(one.text, placed)
        there = rewriter.substitute(one.text, [url.replace("${output_dir}", "/o%20u%22t") for url in urls])
        assert rewriter.restore(there, rewriter.record(one.text, urls)) == one.text


@fuzzed(files=files_like({"poetry.lock": POETRY_LOCKS, "pyproject.toml": POETRY_PROJECTS}, POETRY_WORDS))
def test_poetry_lock(files: dict[str, bytes], room: Path) -> None:
    write(room, files)
    for selection in (Selection(), SELECTION):
        with each_error(lambda one: one.origin is not None and one.hint):
            comes_back(PoetryReader().read(room, "poetry.lock", Purpose.RUNTIME, {}, selection))


PDM_LOCKS = (
    *((DATA / folder / "pdm.lock").read_text() for folder in ("pdm-walked", "pdm-static")),
    DIRECT["pdm.lock"],
    pdm(),
    a_lock(package("foo", git="https://git.example/r.git", revision="main"), package("bar", path="./bar")),
)
PDM_PROJECTS = (
    (DATA / "pdm-walked" / "pyproject.toml").read_text(),
    '[[tool.pdm.source]]\nurl = "https://${TOKEN}@i.example"\n[dependency-groups]\ndev = [5]\n',
)


@fuzzed(files=files_like({"pdm.lock": PDM_LOCKS, "pyproject.toml": PDM_PROJECTS}, POETRY_WORDS))
def test_pdm_lock(files: dict[str, bytes], room: Path) -> None:
    write(room, files)
    for selection in (Selection(), SELECTION):
        with each_error(lambda one: one.origin is not None and one.hint):
            comes_back(PdmReader().read(room, "pdm.lock", Purpose.RUNTIME, {}, selection))


PIPFILE_LOCKS = ((DATA / "pipenv" / "Pipfile.lock").read_text(), PIPFILE_LOCK, DIRECT["Pipfile.lock"], pipenv())
PIPFILES = ((DATA / "pipenv" / "Pipfile").read_text(), "[packages]\nx = 2024-01-01\n")
PIPFILE_WORDS = (
    *(
        '"version": "==',
        '"hashes": [',
        '"index": "',
        '"markers": "',
        '"git": "',
        '"ref": "',
        '"file": "./',
        '"path": "',
    ),
    *(
        "${TOKEN}",
        "os_name == 'nt'",
        " and ",
        "(",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        '"',
        "null",
        "1e999",
        "-1",
        "\\u0000",
    ),
)


@fuzzed(files=files_like({"Pipfile.lock": PIPFILE_LOCKS, "Pipfile": PIPFILES}, PIPFILE_WORDS))
def test_pipfile_lock(files: dict[str, bytes], room: Path) -> None:
    write(room, files)
    for selection in (Selection(), Selection(groups=(":all:",))):
        with each_error(lambda one: one.origin is not None and one.hint):
            comes_back(PipfileLockReader().read(room, "Pipfile.lock", Purpose.RUNTIME, {}, selection))


YAML_LOCKS = {
    "environment.yml": (ENVIRONMENT,),
    "conda-lock.yml": (CONDA_LOCK,),
    "pixi.lock": (PIXI, PIXI_5, pixi()),
}
YAML_WORDS = (
    *("- ", ": ", "\n  - ", "{", "}", "[", "]", "&a ", "*a", "|\n", ">\n", "---\n", "...", "null", "~", "\t", '"'),
    *("<<: *a", "direct+https://", "#sha256="),
    *("pypi: ", "conda: ", "pip:", "manager: pip\n", "git+https://", "sha256: ", "!!python/object:x.y", "%", "@"),
)


@fuzzed(
    name=st.sampled_from(sorted(YAML_LOCKS)),
    content=bytes_like([seed for seeds in YAML_LOCKS.values() for seed in seeds], YAML_WORDS),
)
def test_yaml_lock(name: str, content: bytes, room: Path) -> None:
    write(room, {name: content})
    with each_error(lambda one: one.origin is not None and one.hint):
        NamedReaders().read_lock(room, name, {})


#: Each format: what lies in the folder of a lock, and what the format is made of.
FORMATS: Mapping[str, tuple[Mapping[str, Sequence[str]], Sequence[str]]] = {
    "uv.lock": ({"uv.lock": UV_LOCKS, "pyproject.toml": PROJECTS}, UV_WORDS),
    "poetry.lock": ({"poetry.lock": POETRY_LOCKS, "pyproject.toml": POETRY_PROJECTS}, POETRY_WORDS),
    "pdm.lock": ({"pdm.lock": PDM_LOCKS, "pyproject.toml": PDM_PROJECTS}, POETRY_WORDS),
    "Pipfile.lock": ({"Pipfile.lock": PIPFILE_LOCKS, "Pipfile": PIPFILES}, PIPFILE_WORDS),
    "pylock.toml": ({"pylock.toml": PYLOCKS}, TOML_WORDS),
    **{name: ({name: seeds}, YAML_WORDS) for name, seeds in YAML_LOCKS.items()},
}
