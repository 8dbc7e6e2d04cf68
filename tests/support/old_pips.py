"""Locks that pip before 23.3 refuses, and such as it takes. Newer releases of ``core`` are 1.5 and 2.0.

``tests/core/test_extras.py`` holds our rule against this table, and ``integration-tests/test_old_pips.py`` pip's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: What every distribution offers.
EXTRAS = ("a", "b", "all", "x-y")


@dataclass(frozen=True)
class Trap:
    """lines: ``name[extras]`` with a marker perhaps, as a lock pins them, all at 1.0.

    dependencies: ``Requires-Dist``, by name. constraints: the lines of a constraints file.
    """

    lines: tuple[str, ...]
    dependencies: Mapping[str, tuple[str, ...]]
    refused: bool
    constraints: tuple[str, ...] = field(default=())


def _tool(dependency: str, *, refused: bool, pin: str = "core", first: str = "core") -> Trap:
    lines = (pin, "tool") if first == "core" else ("tool", pin)
    return Trap(lines, {"tool": (dependency,)}, refused)


TRAPS: Mapping[str, Trap] = {
    "no extra is named": _tool("core[a]", refused=True),
    "no extra is named, and the one that asks comes first": _tool("core[a]>=0.9", refused=True, first="tool"),
    "an extra that there is not": _tool("core[nonesuch]", refused=True),
    "the extra is named": _tool("core[a]", refused=False, pin="core[a]", first="tool"),
    "another extra is named before": _tool("core[a]", refused=False, pin="core[b]"),
    "another extra is named behind": _tool("core[a]", refused=True, pin="core[b]", first="tool"),
    "one more is named behind": _tool("core[a]", refused=True, pin="core[a,b]", first="tool"),
    "both are named behind": _tool("core[b,a]", refused=False, pin="core[a,b]", first="tool"),
    "one extra in two spellings": _tool("core[X_y]", refused=True, pin="core[x-y]", first="tool"),
    "no extra is asked for": _tool("core", refused=False),
    "exactly this version": _tool("core[a]==1.0", refused=False),
    "nothing newer than this": _tool("core[a]<=1.0", refused=False),
    "newer ones of this line": _tool("core[a]~=1.0", refused=True),
    "this version, and its revisions": _tool("core[a]==1.*", refused=True),
    "on another machine": _tool('core[a] ; sys_platform == "nowhere"', refused=False),
    "the pin has a marker that holds": _tool("core[a]", refused=True, pin='core ; python_version >= "3"'),
    "for an extra that nobody asks for": _tool('core[a] ; extra == "all"', refused=False),
    "for an extra that the lock names": Trap(
        ("core", "tool[all]"), {"tool": ('core[a] ; extra == "all"',)}, refused=True
    ),
    "for an extra that a third one asks for": Trap(
        ("core", "tool[b]", "other"),
        {"tool": ('core[a] ; extra == "all"',), "other": ("tool[all]",)},
        refused=True,
    ),
    "of itself": Trap(("core[all]",), {"core": ('core[a] ; extra == "all"',)}, refused=False),
    "of itself, and another one asks": Trap(
        ("tool", "core[all]"), {"core": ('core[a] ; extra == "all"',), "tool": ("core[all]",)}, refused=False
    ),
    "two ask, and both extras are named between them": Trap(
        ("alpha", "core[a,b]", "tool"), {"alpha": ("core[b]",), "tool": ("core[a]",)}, refused=True
    ),
    "a constraint pins it": Trap(
        ("core", "tool"), {"tool": ("core[a]",)}, refused=False, constraints=("core==1.0",)
    ),
    "a constraint names a range": Trap(
        ("core", "tool"), {"tool": ("core[a]",)}, refused=True, constraints=("core<2",)
    ),
}
