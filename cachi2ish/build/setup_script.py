"""``setup_requires`` of a ``setup.py``, read from its syntax tree; the file is never run.

What is computed is taken as widely as it may be meant: each text that may become a requirement counts, in
whichever branch it stands. A version too many in the lock does no harm, and one too few breaks the build.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement

from cachi2ish.core.targets.dependency_specifiers import read_requirement

#: How many requirements are taken of one file.
_MOST = 100

_KEY = "setup_requires"

#: Bytes of a file that is parsed: far above what is written by hand. Twice as much takes more than twice the
#: time.
LARGEST = 1 << 18

#: What a requirement looks like: a name, and what may follow. Texts of conditions and of ``sys.argv`` do, too.
_LIKELY = re.compile(r"[A-Za-z0-9][\w.\-]*\s*(\[[^\]]*\])?\s*([<>=!~;(].*)?", re.DOTALL)

#: Calls that hand on what they are given.
_TRANSPARENT = frozenset({"list", "tuple", "set", "sorted", "dict", "filter"})


@dataclass(frozen=True, slots=True)
class SetupRequires:
    """What ``setup_requires`` may be. computed: whether part of it cannot be told."""

    requires: tuple[str, ...] = ()
    computed: bool = False


def setup_requires_of(source: bytes) -> SetupRequires:
    """Return what a ``setup.py`` may ask for; nothing of one that does not mention it, computed of no Python 3."""
    if _KEY.encode() not in source:
        return SetupRequires()
    module = parsed_script(source)
    if module is None:
        return SetupRequires(computed=True)
    reader = _Reader(_assigned(module))
    try:
        for node in ast.walk(module):
            for value in _values(node):
                reader.take(value)
    except RecursionError:
        reader.computed = True
    return SetupRequires(tuple(dict.fromkeys(reader.found))[:_MOST], reader.computed)


def parsed_script(source: bytes) -> ast.Module | None:
    """Return the syntax tree of a Python file; None where it is no Python 3, or larger than anybody writes."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source) if len(source) <= LARGEST else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _assigned(module: ast.Module) -> Mapping[str, list[ast.expr]]:
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(module):
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    if isinstance(target, ast.Name):
                        found.setdefault(target.id, []).append(value)
            case (
                ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                | ast.AugAssign(target=ast.Name(id=name), value=value)
            ):
                found.setdefault(name, []).append(value)
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=name), attr="append" | "extend"), args=[ast.expr() as value]
            ):
                found.setdefault(name, []).append(value)
            case _:
                pass
    return found


def _values(node: ast.AST) -> Iterator[ast.expr]:
    """Yield what is given for the key: as a keyword, in a mapping, or by assignment to an item."""
    match node:
        case ast.keyword(arg="setup_requires", value=value):
            yield value
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and key.value == _KEY:
                    yield value
        case ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value="setup_requires"))], value=value):
            yield value
        case _:
            pass


class _Reader:
    """Collects the requirements of expressions."""

    def __init__(self, assigned: Mapping[str, list[ast.expr]]) -> None:
        self._assigned = assigned
        self._read: set[str] = set()
        self.found: list[str] = []
        self.computed = False

    def take(self, node: ast.expr) -> None:
        """Collect what ``node`` may be."""
        match node:
            case ast.Constant(value=str(text)):
                self._add(text)
            case ast.Constant():
                pass
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
                self._all(parts)
            case ast.BinOp(op=ast.Add(), left=one, right=other) | ast.IfExp(body=one, orelse=other):
                self._all((one, other))
            case ast.BoolOp(values=parts):
                self._all(parts)
            case ast.Starred(value=value):
                self.take(value)
            case ast.Name(id=name) if name in self._assigned:
                # Each name once: what it may be is collected already, also where it refers to itself.
                if name not in self._read:
                    self._read.add(name)
                    self._all(self._assigned[name])
            case ast.Call(func=ast.Name(id=name), args=parts) if name in _TRANSPARENT:
                self._all(one for one in parts if not isinstance(one, ast.Lambda))
            case _:
                self.computed = True

    def _all(self, nodes: Iterable[ast.expr]) -> None:
        for node in nodes:
            self.take(node)

    def _add(self, text: str) -> None:
        for line in text.splitlines():
            one = line.strip()
            if not one or not _LIKELY.fullmatch(one):
                continue
            try:
                self.found.append(str(read_requirement(one)))
            except InvalidRequirement:
                self.computed = True
