"""setuptools, and what wraps it: wheel for older releases, and ``setup_requires``."""

from __future__ import annotations

from packaging.version import InvalidVersion, Version

from cachi2ish.build.rules.question import Answer, Question

MODULES = (
    "setuptools.build_meta",
    "jupyter_packaging.build_api",
    "pbr.build",
    "setuptools_scm.build_meta",
    "setuptools_rust.build",
    "skbuild.build_meta",
)

#: The first release that makes wheels by itself, and asks for no wheel.
_MAKES_WHEELS = Version("70.1")


def adds(question: Question) -> Answer:
    """Return ``setup_requires``, and wheel where setuptools is older than 70.1."""
    facts = question.facts
    installed = question.installed.get("setuptools") or _itself(question)
    wheel = ("wheel",) if installed is not None and installed < _MAKES_WHEELS else ()
    unknown = ("part of setup_requires, which setup.py computes",) if facts.setup_computed else ()
    return Answer((*wheel, *facts.setup_requires), unknown)


def _itself(question: Question) -> Version | None:
    """Return the version of the sdist where it is that of setuptools, which is built by itself."""
    try:
        return Version(question.facts.version) if question.facts.name.lower() == "setuptools" else None
    except InvalidVersion:
        return None
