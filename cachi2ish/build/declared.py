"""From the files of an sdist to what they say of how it is built. Pure: contents in, facts out."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as ConfigError
from itertools import islice
from typing import Any

from packaging.version import InvalidVersion, Version

from cachi2ish.build.facts import CARGO_LOCK, PKG_INFO, PYPROJECT, SETUP_CFG, SETUP_PY, SdistFacts
from cachi2ish.build.rules.toml_values import table, texts
from cachi2ish.build.setup_script import LARGEST, parsed_script, setup_requires_of
from cachi2ish.files.foreign import read_toml
from cachi2ish.files.mail_headers import read_headers

#: Tables of ``[tool]`` that some rule reads.
_TOOLS = ("hatch", "maturin", "pdm", "scikit-build", "flit")

#: Requirements of one list, and characters of each: many more than projects have.
_MOST, _LONGEST = 300, 500

#: From this version of the metadata on, PKG-INFO speaks for the wheel, but for what is ``Dynamic`` (PEP 643).
_SPEAKS_FOR_WHEELS = Version("2.2")

_REGISTRY = re.compile(rb'^source = "(?:sparse|registry)\+', re.MULTILINE)


def facts_of(contents: Mapping[str, bytes]) -> SdistFacts:
    """Return the facts of the files at the top of an sdist, by name."""
    said: dict[str, Any] = _of_pkg_info(contents.get(PKG_INFO, b""))
    pyproject = contents.get(PYPROJECT)
    if pyproject is not None and len(pyproject) > LARGEST:
        said |= {"requires": (), "unreadable": "its pyproject.toml, which is larger than anybody writes"}
    elif pyproject is not None:
        try:
            said |= _of_pyproject(read_toml(pyproject.decode("utf-8-sig")), said.pop("of_wheel", None))
        except (tomllib.TOMLDecodeError, ValueError, RecursionError):
            said |= {"requires": (), "unreadable": "its pyproject.toml, which is no TOML"}
    said.pop("of_wheel", None)
    script = setup_requires_of(contents.get(SETUP_PY, b""))
    setup_cfg = _of_setup_cfg(contents.get(SETUP_CFG, b""))
    lock = contents.get(CARGO_LOCK)
    return SdistFacts(
        **said,
        setup_requires=tuple(dict.fromkeys((*script.requires, *setup_cfg))),
        setup_computed=script.computed,
        top=tuple(sorted(contents)),
        crates=None if lock is None else crates_of(lock),
    )


def crates_of(lock: bytes) -> int:
    """Return how many packages of a registry a ``Cargo.lock`` names."""
    return len(_REGISTRY.findall(lock))


def _few(value: object) -> tuple[str, ...]:
    words = (" ".join(one.split()) for one in texts(value))
    return tuple(islice((one for one in words if 0 < len(one) <= _LONGEST), _MOST))


def _of_pyproject(document: dict[str, Any], of_wheel: tuple[str, ...] | None) -> dict[str, Any]:
    project = table(document, "project")
    said: dict[str, Any] = {
        "tool": {name: value for name in _TOOLS if (value := table(document, "tool", name))},
        **({"requires_python": _line(project["requires-python"])} if "requires-python" in project else {}),
        "dynamic": _few(project.get("dynamic")),
        "dependencies": _few(project.get("dependencies")) or of_wheel or (),
        "optional": {name: _few(value) for name, value in table(project, "optional-dependencies").items()},
    }
    system = document.get("build-system")
    if isinstance(system, dict):
        backend = system.get("build-backend")
        said |= {
            "requires": _few(system.get("requires")),
            "backend": backend if isinstance(backend, str) else "",
            "backend_path": _few(system.get("backend-path")),
        }
    return said


def _of_pkg_info(content: bytes) -> dict[str, Any]:
    if not content:
        return {}
    headers = read_headers(content)
    said: dict[str, Any] = {
        "name": _line(headers.first("name")),
        "version": _line(headers.first("version")),
        "requires_python": _line(headers.first("requires-python")),
    }
    requires = _few(tuple(headers.all("requires-dist")))
    said["of_wheel"] = requires
    dynamic = {_line(one).lower() for one in headers.all("dynamic")}
    try:
        speaks = Version(_line(headers.first("metadata-version"))) >= _SPEAKS_FOR_WHEELS
    except InvalidVersion:
        speaks = False
    if speaks and "requires-dist" not in dynamic:
        said["dependencies_of_wheel"] = requires
    return said


def requires_dist(content: bytes) -> tuple[tuple[str, ...], str]:
    """Return ``Requires-Dist`` and ``Requires-Python`` of a wheel's metadata."""
    headers = read_headers(content)
    return _few(tuple(headers.all("requires-dist"))), _line(headers.first("requires-python"))


def _line(value: object) -> str:
    text = " ".join(str(value).split()) if value is not None else ""
    return text[:_LONGEST]


def _of_setup_cfg(content: bytes) -> tuple[str, ...]:
    parser = ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(content.decode("utf-8", "replace"))
        value = parser.get("options", "setup_requires", fallback="") or parser.get(
            "options", "setup-requires", fallback=""
        )
    except ConfigError:
        return ()
    return _few(tuple(value.split("\n") if "\n" in value else value.split(";")))


def requires_of_setup(content: bytes) -> tuple[str, ...]:
    """Return the dependencies that setuptools wrote into an sdist (``*.egg-info/requires.txt``), with markers."""
    found: list[str] = []
    marker = ""
    for line in content.decode("utf-8", "replace").splitlines():
        text = line.strip()
        if text.startswith("[") and text.endswith("]"):
            extra, _, condition = text[1:-1].partition(":")
            parts = [f'extra == "{extra}"'] if extra else []
            marker = " and ".join((*parts, *([f"({condition})"] if condition else [])))
        elif text:
            found.append(f"{text} ; {marker}" if marker else text)
    return _few(tuple(found))


def has_hook_of(source: bytes) -> str:
    """Return the module whose hook a back-end in the tree has: it takes all of it, and defines none; else ""."""
    module = parsed_script(source)
    if module is None:
        return ""
    whole: list[str] = []
    for node in module.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name == _HOOK:
                return ""
            case ast.ImportFrom(module=str(origin), names=[ast.alias(name="*")], level=0):
                whole.append(origin)
            case ast.ImportFrom(module=str(origin), names=names, level=0) if _named(names, _HOOK):
                whole.append(origin)
            case ast.Assign(targets=targets) if any(isinstance(t, ast.Name) and t.id == _HOOK for t in targets):
                return ""
            case _:
                pass
    return whole[-1] if whole else ""


_HOOK = "get_requires_for_build_wheel"


def _named(names: list[ast.alias], name: str) -> bool:
    return any(one.name == name and one.asname in {None, name} for one in names)


def states_itself(source: bytes, *, summary: bool, version: bool) -> bool:
    """Return whether a module states what flit wants of it without being imported."""
    module = parsed_script(source)
    if module is None:
        return False
    constants = {target.id for node in module.body for target in _targets_of_text(node)}
    return (not summary or bool(ast.get_docstring(module))) and (not version or "__version__" in constants)


def _targets_of_text(node: ast.stmt) -> list[ast.Name]:
    match node:
        case ast.Assign(targets=targets, value=ast.Constant(value=str())):
            return [one for one in targets if isinstance(one, ast.Name)]
        case ast.AnnAssign(target=ast.Name() as target, value=ast.Constant(value=str())):
            return [target]
        case _:
            return []
