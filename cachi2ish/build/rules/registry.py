"""Which rule a back-end has, by the module that ``build-backend`` names. A new rule is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable

from packaging.utils import canonicalize_name

from cachi2ish.build.rules import (
    enscons_rule,
    flit_rule,
    hatchling_rule,
    in_tree_rule,
    maturin_rule,
    meson_rule,
    pdm_rule,
    poetry_rule,
    scikit_build_rule,
    setuptools_rule,
    sip_rule,
    uv_rule,
    whey_rule,
)
from cachi2ish.build.rules.question import Answer, Question

Rule = Callable[[Question], Answer]

#: In no particular order: no module has two.
RULES = (
    setuptools_rule,
    flit_rule,
    hatchling_rule,
    poetry_rule,
    pdm_rule,
    meson_rule,
    scikit_build_rule,
    maturin_rule,
    uv_rule,
    whey_rule,
    sip_rule,
    enscons_rule,
)

_BY_MODULE: dict[str, Rule] = {module: rule.adds for rule in RULES for module in rule.MODULES}


def answer(question: Question) -> Answer:
    """Return what the back-end of an sdist adds, as far as a rule can tell."""
    facts = question.facts
    if facts.unreadable:
        return Answer(unknown=(facts.unreadable,))
    own = in_tree_rule.OF_PROJECT.get(canonicalize_name(facts.name)) if facts.backend_path else None
    rule = own or _BY_MODULE.get(facts.hook)
    if rule is not None:
        return rule(question)
    if facts.backend_path:
        return Answer(unknown=("what its back-end adds, which is in the sdist itself",))
    return Answer(unknown=(f"what the back-end {facts.hook} adds, for which there is no rule",))
