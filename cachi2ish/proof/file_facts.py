"""What each file says of what it requires, and whether a build of it may say something else."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.version import InvalidVersion, Version

from cachi2ish.core.distributions import is_wheel
from cachi2ish.errors import DistributionError
from cachi2ish.proof.needs import FileFacts
from cachi2ish.proof.setup_conditions import what_decides
from cachi2ish.sdists.interface import CoreMetadata, MetadataReader, TextReader

_PKG_INFO, _PYPROJECT, _SETUP_PY = "PKG-INFO", "pyproject.toml", "setup.py"
_READ = (_PKG_INFO, _PYPROJECT, _SETUP_PY)

#: What setuptools writes into its sdists, beside the PKG-INFO or with the sources.
_REQUIRES = ".egg-info/requires.txt"
_DEEPEST = 2

#: The first format in which a PKG-INFO speaks for the wheel too, but for fields that it calls dynamic (PEP 643).
_BINDING = Version("2.2")

#: The modules of back-ends that run ``setup.py``.
_OF_SETUP = ("setuptools", "jupyter_packaging", "pbr", "skbuild", "setuptools_scm", "setuptools_rust")

#: Back-ends that take requirements from ``pyproject.toml`` alone, and write them into the PKG-INFO.
_STATIC = frozenset(
    {
        "enscons",
        "flit",
        "flit_core",
        "flit_scm",
        "hatchling",
        "maturin",
        "mesonpy",
        "pdm",
        "poetry",
        "scikit_build_core",
        "uv_build",
        "whey",
    }
)


class FileFactsReader:
    """Reads each file of a directory once.

    subdirectories: of files at an address, what of them is built.
    """

    def __init__(
        self, directory: Path, texts: TextReader, metadata: MetadataReader, subdirectories: Mapping[str, str]
    ) -> None:
        self._directory = directory
        self._texts = texts
        self._metadata = metadata
        self._subdirectories = subdirectories
        self._known: dict[str, FileFacts] = {}

    def __call__(self, filename: str) -> FileFacts:
        """Return what a file says; nothing for one that cannot be read, with that as the doubt."""
        if filename not in self._known:
            try:
                read = self._of_wheel if is_wheel(filename) else self._of_sdist
                self._known[filename] = read(filename)
            except DistributionError as error:
                self._known[filename] = FileFacts(doubt=f"cannot be read: {error.problem}")
        return self._known[filename]

    def _of_wheel(self, filename: str) -> FileFacts:
        metadata = self._metadata.of_wheel(self._directory / filename, filename)
        return FileFacts(doubt="has no metadata") if metadata is None else _certain(metadata)

    def _of_sdist(self, filename: str) -> FileFacts:
        files = self._files(filename)
        metadata = self._metadata.of_text(files[_PKG_INFO]) if _PKG_INFO in files else None
        if metadata is not None and _is_binding(metadata):
            return _certain(metadata)
        document = _document(files.get(_PYPROJECT))
        python = metadata.requires_python if metadata else None
        declared = _project_table(document)
        if declared is not None:
            return FileFacts(requires=declared, requires_python=python or _python_of(document))
        if metadata is None:
            return FileFacts(doubt="states no requirements that can be read without running it")
        requires = metadata.requires_dist
        if not requires:
            listed = self._texts.below(self._directory / filename, filename, _is_requires_txt)
            requires = tuple(of_requires_txt(next(iter(listed.values()), b"").decode("utf-8", "replace")))
        return FileFacts(requires=requires, requires_python=python or "", doubt=_doubt(document, files))

    def _files(self, filename: str) -> Mapping[str, bytes]:
        path, folder = self._directory / filename, self._subdirectories.get(filename)
        if folder is None:
            return self._texts.top(path, filename, _READ)
        places = {f"{folder}/{name}": name for name in _READ}
        found = self._texts.below(path, filename, lambda below: below in places)
        return {places[place]: content for place, content in found.items()}


def _is_requires_txt(below: str) -> bool:
    return below.endswith(_REQUIRES) and below.count("/") <= _DEEPEST


def _certain(metadata: CoreMetadata) -> FileFacts:
    return FileFacts(requires=metadata.requires_dist, requires_python=metadata.requires_python or "")


def _is_binding(metadata: CoreMetadata) -> bool:
    try:
        version = Version(metadata.format_version)
    except InvalidVersion:
        return False
    return version >= _BINDING and metadata.dynamic.isdisjoint({"requires-dist", "provides-extra"})


def _document(content: bytes | None) -> Mapping[str, object]:
    try:
        return tomllib.loads((content or b"").decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return {}


def _table(document: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = document.get(key)
    return found if isinstance(found, dict) else {}


def _project_table(document: Mapping[str, object]) -> tuple[str, ...] | None:
    """Return the requirements of a ``project`` table that decides about them (PEP 621), else None."""
    project = _table(document, "project")
    dynamic = project.get("dynamic")
    listed = dynamic if isinstance(dynamic, list) else []
    if "name" not in project or not {"dependencies", "optional-dependencies"}.isdisjoint(map(str, listed)):
        return None
    return (*_texts(project.get("dependencies")), *_optional(_table(project, "optional-dependencies")))


def _optional(table: Mapping[str, object]) -> Iterator[str]:
    for extra, requirements in table.items():
        for text in _texts(requirements):
            yield _under(text, f'extra == "{extra}"')


def _under(requirement: str, condition: str) -> str:
    text, mark, marker = requirement.partition(";")
    return f"{text.strip()} ; ({marker.strip()}) and {condition}" if mark else f"{text.strip()} ; {condition}"


def _texts(value: object) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _python_of(document: Mapping[str, object]) -> str:
    python = _table(document, "project").get("requires-python")
    return python if isinstance(python, str) else ""


def _doubt(document: Mapping[str, object], files: Mapping[str, bytes]) -> str:
    system = _table(document, "build-system")
    declared = system.get("build-backend")
    backend = declared if isinstance(declared, str) else "setuptools.build_meta"
    module = backend.partition(":")[0].partition(".")[0]
    if "backend-path" in system:
        return "is built by a back-end of its own, which may require what its metadata does not say"
    if module in _STATIC:
        return ""
    if module not in _OF_SETUP:
        return f"is built by {module}, which may require what its metadata does not say"
    decides = what_decides(files[_SETUP_PY]) if _SETUP_PY in files else None
    return f"may require other things there: its setup.py looks at {decides}" if decides else ""


def of_requires_txt(text: str) -> Iterator[str]:
    """Yield the requirements that setuptools wrote into an sdist, with the conditions of their sections."""
    condition = ""
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            extra, _, marker = stripped[1:-1].partition(":")
            parts = [f"({marker})"] if marker else []
            parts += [f'extra == "{extra}"'] if extra else []
            condition = " and ".join(parts)
        elif stripped and not stripped.startswith("#"):
            yield _under(stripped, condition) if condition else stripped
