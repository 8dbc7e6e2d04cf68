"""hatchling and its plugins: the dependencies of build hooks, and of the project where a hook wants them."""

from __future__ import annotations

from itertools import chain
from typing import Any

from cachi2ish.build.rules.question import Answer, Question
from cachi2ish.build.rules.toml_values import table, texts

MODULES = ("hatchling.build",)

#: Hooks that add nothing while it builds, by the name under which they are configured: ``dependencies()`` of these
#: plugins is empty.
_PLAIN = frozenset({"custom", "version", "vcs", "fancy-pypi-readme", "jupyter-builder", "cython", "mypyc"})


def adds(question: Question) -> Answer:
    """Return what the tables ask for; a hook of the project's own may add more while it builds."""
    build = table(question.facts.tool, "hatch", "build")
    wheel = table(build, "targets", "wheel")
    hooks = _hooks(build, wheel)
    found = texts(wheel.get("dependencies")) + texts(build.get("dependencies"))
    found += chain.from_iterable(texts(hook.get("dependencies")) for hook in hooks.values())
    tables = (wheel if "require-runtime-dependencies" in wheel else build, *hooks.values())
    if any(one.get("require-runtime-dependencies") is True for one in tables):
        found += question.facts.dependencies
    tables = (wheel if "require-runtime-features" in wheel else build, *hooks.values())
    for feature in chain.from_iterable(texts(one.get("require-runtime-features")) for one in tables):
        found += question.facts.optional.get(feature, ())
    unknown = [f"what the build hook {name} adds" for name in sorted(hooks) if name not in _PLAIN]
    if "custom" in hooks and question.facts.names_itself is False:
        unknown.append("what the project's own build hook adds")
    return Answer(tuple(dict.fromkeys(found)), tuple(unknown))


def _hooks(build: dict[str, Any], wheel: dict[str, Any]) -> dict[str, dict[str, Any]]:
    hooks = {**table(build, "hooks"), **table(wheel, "hooks")}
    return {
        name: hook
        for name, hook in hooks.items()
        if isinstance(hook, dict) and hook.get("enable-by-default") is not False
    }
