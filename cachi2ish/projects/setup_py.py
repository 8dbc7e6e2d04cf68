"""``setup.py`` as a syntax tree: the arguments of ``setup()``, as far as they are constants.

The file is never run. Python 2, a syntax error or a computed argument is no error: nothing is told.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cachi2ish.projects.constants import Constants, as_text, bindings, parse
from cachi2ish.projects.interface import DeclaredMetadata
from cachi2ish.projects.project_folder import ProjectFolder

FILE = "setup.py"

#: The modules whose ``setup`` is meant where it is called as an attribute.
_SETUP_MODULES = frozenset({"setuptools", "distutils.core"})

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def read(folder: ProjectFolder) -> DeclaredMetadata:
    """Return what ``setup.py`` states; raises `InputError` for a file that cannot be read."""
    content = folder.read_bytes(FILE)
    module = None if content is None else parse(content)
    if module is None:
        return DeclaredMetadata(None, None)
    try:
        arguments = [_Arguments.of(module, call) for call in _setup_calls(module)]
        return DeclaredMetadata(_agreed(arguments, "name"), _agreed(arguments, "version"))
    except RecursionError:  # an expression nested thousands deep
        return DeclaredMetadata(None, None)


def _agreed(calls: Iterable[_Arguments], key: str) -> str | None:
    # A file may call setup() in two branches; where they differ, only running it could tell which one counts.
    declared = {text for text in (call.text(key) for call in calls) if text is not None}
    return declared.pop() if len(declared) == 1 else None


@dataclass(frozen=True)
class _Call:
    """A call of ``setup()`` and the functions that it stands in, outermost first."""

    node: ast.Call
    functions: tuple[_Function, ...]


@dataclass(frozen=True)
class _Arguments:
    """The keyword arguments of one call, those of ``**mappings`` among them."""

    constants: Constants
    expressions: dict[str, ast.expr] = field(default_factory=dict)

    @classmethod
    def of(cls, module: ast.Module, call: _Call) -> _Arguments:
        constants = Constants.of(module, _local_names(call.functions))
        found: dict[str, ast.expr] = {}
        for keyword in call.node.keywords:
            if keyword.arg is None:
                found |= _unpacked(keyword.value, constants, module)
            else:
                found[keyword.arg] = keyword.value
        return cls(constants, found)

    def text(self, key: str) -> str | None:
        expression = self.expressions.get(key)
        value = None if expression is None else self.constants.value(expression)
        if key == "name" and not isinstance(value, str):
            return None
        return as_text(value)


def _local_names(functions: Iterable[_Function]) -> Iterator[str]:
    for function in functions:
        yield from bindings(function.body)
        arguments = function.args
        every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg)
        yield from (argument.arg for argument in every if argument is not None)


def _unpacked(node: ast.expr, constants: Constants, module: ast.Module) -> dict[str, ast.expr]:
    match node:
        case ast.Name(id=name):
            expression = constants.expression(name)
            if expression is None or isinstance(expression, ast.Name) or not _only_unpacked(name, module):
                return {}
            return _unpacked(expression, constants, module)
        case ast.Dict(keys=keys, values=values):
            known = [key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
            # a computed key, or a mapping unpacked into this one, may stand for any of the others
            return dict(zip(known, values, strict=True)) if len(known) == len(keys) else {}
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
            return {keyword.arg: keyword.value for keyword in keywords if keyword.arg}
        case _:
            return {}


def _only_unpacked(name: str, module: ast.Module) -> bool:
    """Return whether a mapping is used as ``**name`` alone: any other use may put something else into it."""
    uses: Counter[bool] = Counter()
    for node in ast.walk(module):
        match node:
            case ast.Name(id=used, ctx=ast.Load()) if used == name:
                uses[True] += 1
            case ast.keyword(arg=None, value=ast.Name(id=used)) if used == name:
                uses[False] += 1
            case _:
                pass
    return uses[True] == uses[False]


def _setup_calls(module: ast.Module) -> Iterator[_Call]:
    names, modules = _what_setup_is_called(module)
    for call in _calls(module, ()):
        match call.node.func:
            case ast.Name(id=name) if name in names:
                yield call
            case ast.Attribute(attr="setup", value=value) if _dotted(value) in modules:
                yield call
            case _:
                pass


def _calls(node: ast.AST, functions: tuple[_Function, ...]) -> Iterator[_Call]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield _Call(child, functions)
        inside = (*functions, child) if isinstance(child, _Function) else functions
        yield from _calls(child, inside)


def _what_setup_is_called(module: ast.Module) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of the function, and the dotted names of modules that have it."""
    names = {"setup"} if "setup" not in _defined(module) else set[str]()
    modules = set(_SETUP_MODULES)
    for node in ast.walk(module):
        match node:
            case ast.ImportFrom(module=origin, names=imported):
                names |= {alias.asname for alias in imported if alias.name == "setup" and alias.asname}
                if origin == "distutils":
                    modules |= {alias.asname or alias.name for alias in imported if alias.name == "core"}
            case ast.Import(names=imported):
                modules |= {alias.asname for alias in imported if alias.name in _SETUP_MODULES and alias.asname}
            case _:
                pass
    return frozenset(names), frozenset(modules)


def _defined(module: ast.Module) -> frozenset[str]:
    return frozenset(node.name for node in ast.walk(module) if isinstance(node, (ast.FunctionDef, ast.ClassDef)))


def _dotted(node: ast.expr) -> str | None:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attribute):
            outer = _dotted(value)
            return None if outer is None else f"{outer}.{attribute}"
        case _:
            return None
