"""Back-ends in the tree of the sdist: those of projects that are back-ends themselves, or tools of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cachi2ish.build.rules import meson_rule, setuptools_rule
from cachi2ish.build.rules.question import Answer, Question


def _nothing(_question: Question) -> Answer:
    return Answer()


def _own_dependencies(question: Question) -> Answer:
    return Answer(question.facts.dependencies)


def _cargo(question: Question) -> Answer:
    """Maturin is built by setuptools-rust, and its back-end brings Rust where there is none."""
    return Answer(() if "cargo" in question.machine.tools else ("puccinialin>=0.1,<0.2",))


def _ninja(question: Question) -> Answer:
    """Ninja is built by scikit-build-core, and makes itself."""
    return Answer(() if {"cmake"} & (question.machine.tools | set(question.installed)) else ("cmake>=3.15",))


#: By the normalised name of the project.
OF_PROJECT: Mapping[str, Callable[[Question], Answer]] = {
    "setuptools": setuptools_rule.adds,
    "flit-core": _nothing,
    "poetry-core": _nothing,
    "pdm-pep517": _nothing,
    "uv-build": _nothing,
    "whey": _nothing,
    "hatchling": _own_dependencies,
    "pdm-backend": _own_dependencies,
    "meson-python": meson_rule.adds,
    "setuptools-scm": setuptools_rule.adds,
    "vcs-versioning": setuptools_rule.adds,
    "maturin": _cargo,
    "ninja": _ninja,
    "cmake": _nothing,
}
