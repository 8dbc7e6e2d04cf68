"""maturin: puccinialin, which brings Rust, where there is no cargo; cffi for bindings of that kind."""

from __future__ import annotations

from packaging.version import Version

from cachi2ish.build.rules.question import Answer, Question
from cachi2ish.build.rules.toml_values import table

MODULES = ("maturin",)

#: The first release that asks for puccinialin; those before it fail where there is no cargo.
_BRINGS_RUST = Version("1.8.1")


def adds(question: Question) -> Answer:
    """Return what the settings and the lack of cargo ask for."""
    found = []
    cffi = table(question.facts.tool, "maturin").get("bindings") == "cffi"
    if cffi and question.machine.target.implementation != "pp":
        found.append("cffi")
    installed = question.installed.get("maturin")
    if "cargo" not in question.machine.tools and (installed is None or installed >= _BRINGS_RUST):
        found.append("puccinialin")
    return Answer(tuple(found))
