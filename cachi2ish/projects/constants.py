"""The constants of a Python file, read from its syntax tree: nothing is run.

A name counts as a constant when exactly one statement of the module binds it, at the top level, to a text, a
number or a tuple of such. Whatever could change it makes it unknown: a wrong version is worse than none.
"""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Scalar = str | int | float
Value = Scalar | tuple[Scalar, ...]

#: Characters. Concatenation can double a text at every step; no name or version is longer.
_LONGEST = 1000

#: Python refuses to write out integers of many thousand digits.
_LARGEST = 10**18


def parse(source: bytes) -> ast.Module | None:
    """Return the syntax tree of a Python file, or None where it is no Python 3."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the compiler's opinion of the user's string literals
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def bindings(statements: Iterable[ast.stmt]) -> Counter[str]:
    """Return how often each name is bound by ``statements``, the inside of functions and classes left out."""
    visitor = _Bindings()
    for statement in statements:
        visitor.visit(statement)
    return visitor.found


@dataclass
class Constants:
    """What is known of a module's names. hidden: names that mean something else where the question is asked."""

    assigned: Mapping[str, ast.expr]
    hidden: frozenset[str] = frozenset()
    _known: dict[str, Value | None] = field(default_factory=dict)

    @classmethod
    def of(cls, module: ast.Module, hidden: Iterable[str] = ()) -> Constants:
        """Collect the names that one statement at the top level binds, and no other."""
        counts = bindings(module.body)
        changed_elsewhere = {
            name for node in ast.walk(module) if isinstance(node, ast.Global) for name in node.names
        }
        if any(_runs_code_here(node) for node in ast.walk(module)):
            return cls({})
        assigned = {
            target.id: value
            for target, value in _assignments(module)
            if counts[target.id] == 1 and target.id not in changed_elsewhere
        }
        return cls(assigned, frozenset(hidden))

    def expression(self, name: str) -> ast.expr | None:
        """Return what a constant was bound to."""
        return None if name in self.hidden else self.assigned.get(name)

    def value(self, node: ast.expr) -> Value | None:
        """Return what ``node`` stands for, or None where running it would be needed to know."""
        match node:
            case ast.Constant(value=value):
                return _literal(value)
            case ast.Name(id=name):
                return self._named(name)
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                return _joined((self.value(left), self.value(right)), texts_only=True)
            case ast.JoinedStr(values=values):
                return _joined(tuple(self._part(part) for part in values))
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                return _as_tuple(self.value(element) for element in elements)
            case _:
                return None

    def _named(self, name: str) -> Value | None:
        if name not in self._known:
            self._known[name] = None  # the answer for a name that is defined by itself
            expression = self.expression(name)
            self._known[name] = None if expression is None else self.value(expression)
        return self._known[name]

    def _part(self, part: ast.expr) -> Value | None:
        match part:
            case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
                return self.value(value)
            case ast.Constant():
                return self.value(part)
            case _:
                return None


def as_text(value: Value | None) -> str | None:
    """Return a version as text: numbers as Python writes them, a tuple joined by dots (setuptools' rule)."""
    if isinstance(value, tuple):
        return ".".join(str(part) for part in value)
    return None if value is None else str(value)


class _Bindings(ast.NodeVisitor):
    """Counts what one scope binds. The targets of comprehensions are counted too: rather unknown than wrong."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()

    def visit(self, node: ast.AST) -> None:
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                self.found[name] += 1
            case ast.alias(name=name, asname=asname):
                self.found[asname or name.partition(".")[0]] += 1
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                self.found[name] += 1
            case ast.MatchMapping(rest=str(name)):
                self.found[name] += 1
            case ast.AnnAssign(value=None):
                return  # "version: str" promises a name and binds none
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self.found[node.name] += 1
                return
            case ast.Lambda():
                return
            case _:
                pass
        self.generic_visit(node)


def _runs_code_here(node: ast.AST) -> bool:
    # exec(text) may bind any name; with a namespace of its own it binds none of ours
    match node:
        case ast.Call(func=ast.Name(id="exec" | "execfile"), args=[_]):
            return True
        case ast.Call(func=ast.Name(id="exec" | "execfile"), args=[_, ast.Call(func=ast.Name(id="globals")), *_]):
            return True
        case _:
            return False


def _assignments(module: ast.Module) -> Iterable[tuple[ast.Name, ast.expr]]:
    for statement in module.body:
        match statement:
            case ast.Assign(targets=targets, value=value):
                yield from ((target, value) for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name() as target, value=ast.expr() as value):
                yield target, value
            case _:
                pass


def _literal(value: object) -> Scalar | None:
    match value:
        case bool():
            return None
        case str():
            return value if len(value) <= _LONGEST else None
        case int() | float():
            return value if abs(value) < _LARGEST else None
        case _:
            return None


def _as_tuple(values: Iterable[Value | None]) -> tuple[Scalar, ...] | None:
    collected: list[Scalar] = []
    for value in values:
        if value is None or isinstance(value, tuple):
            return None
        collected.append(value)
    return tuple(collected) if len(collected) <= _LONGEST else None


def _joined(parts: tuple[Value | None, ...], *, texts_only: bool = False) -> str | None:
    texts: list[str] = []
    for part in parts:
        if part is None or isinstance(part, tuple) or (texts_only and not isinstance(part, str)):
            return None
        texts.append(str(part))
    text = "".join(texts)
    return text if len(text) <= _LONGEST else None
