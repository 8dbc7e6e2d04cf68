"""scikit-build-core: cmake and ninja where there are none, and what providers of metadata need."""

from __future__ import annotations

from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from cachi2ish.build.rules import setuptools_rule
from cachi2ish.build.rules.question import Answer, Question
from cachi2ish.build.rules.toml_values import table, texts

MODULES = ("scikit_build_core.build", "scikit_build_core.setuptools.build_meta")

#: The oldest ones that it works with where nothing is said.
_CMAKE, _NINJA = ">=3.15", ">=1.5"

#: What its own providers of metadata need.
_PROVIDERS = {
    "scikit_build_core.metadata.setuptools_scm": ("setuptools-scm",),
    "scikit_build_core.metadata.fancy_pypi_readme": ("hatch-fancy-pypi-readme>=22.3",),
    "scikit_build_core.metadata.regex": (),
    "scikit_build_core.metadata.template": (),
}


def adds(question: Question) -> Answer:
    """Return what the settings ask for, less the tools that are there."""
    settings = table(question.facts.tool, "scikit-build")
    found: list[str] = []
    unknown: list[str] = []
    base = Answer()
    if question.facts.hook.startswith("scikit_build_core.setuptools"):
        base = setuptools_rule.adds(question)
    else:
        found += texts(table(settings, "build").get("requires"))
        for field, entry in sorted(table(settings, "metadata").items()):
            _add_provider(field, entry, found, unknown)
    if settings.get("fail") is not True:
        if _is_needed(question, "cmake"):
            found.append(f"cmake{_version(table(settings, 'cmake'), _CMAKE)}")
        if _uses_ninja(question, settings) and _is_needed(question, "ninja"):
            found.append(f"ninja{_version(table(settings, 'ninja'), _NINJA)}")
    return Answer((*base.requires, *found), (*base.unknown, *unknown))


def _add_provider(field: str, entry: object, found: list[str], unknown: list[str]) -> None:
    provider = table(entry).get("provider")
    if not isinstance(provider, str):
        return
    if provider in _PROVIDERS and "provider-path" not in table(entry):
        found += _PROVIDERS[provider]
    else:
        unknown.append(f"what the provider {provider} of {field} needs")


def _is_needed(question: Question, tool: str) -> bool:
    # A package of that name in the environment is taken before the tool of the system.
    return tool not in question.machine.tools and tool not in question.installed


def _uses_ninja(question: Question, settings: dict[str, Any]) -> bool:
    generators = [one for one in texts(table(settings, "cmake").get("args")) if one.startswith("-G")]
    if generators:
        return any("Ninja" in one for one in generators)
    return question.machine.system != "win32"


def _version(settings: dict[str, Any], usual: str) -> str:
    """Return the specifier that the settings name; ``CMakeLists.txt`` means the one that stands there."""
    minimum, version = settings.get("minimum-version"), settings.get("version")
    declared = f">={minimum}" if isinstance(minimum, str) else version
    try:
        return str(SpecifierSet(declared)) if isinstance(declared, str) and declared else usual
    except InvalidSpecifier:
        return usual
