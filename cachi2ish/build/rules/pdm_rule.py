"""pdm-backend: setuptools, where it runs a ``setup.py``."""

from __future__ import annotations

from cachi2ish.build.rules.question import Answer, Question
from cachi2ish.build.rules.toml_values import table

MODULES = ("pdm.backend", "pdm.pep517.api")


def adds(question: Question) -> Answer:
    """Return setuptools where ``run-setuptools`` says so."""
    build = table(question.facts.tool, "pdm", "build")
    return Answer(("setuptools>=40.8.0",) if build.get("run-setuptools") is True else ())
