"""Whether ``setup.py`` may ask for other things on another machine than where its sdist was made.

It is read as a syntax tree, and never run. Requirements that are constants are the same everywhere; so are those
of a script that looks at nothing of the machine.
"""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from collections.abc import Iterator

#: Arguments of ``setup()`` that become requirements.
_REQUIREMENTS = frozenset({"install_requires", "extras_require"})

#: What tells one machine from another.
_OF_MACHINES = frozenset(
    {
        "sys.platform",
        "sys.version_info",
        "sys.version",
        "sys.hexversion",
        "sys.maxsize",
        "sys.implementation",
        "sys.byteorder",
        "os.name",
        "os.uname",
        "os.environ",
        "os.getenv",
        "os.path.exists",
        "platform",
        "sysconfig",
        "struct.calcsize",
        "subprocess",
        "shutil.which",
        "ctypes",
    }
)


def what_decides(content: bytes) -> str | None:
    """Return what of a machine may decide what ``setup.py`` requires, or None where nothing does."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the compiler's opinion of its string literals
            module = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "code that is no Python 3"
    try:
        return None if _are_constant(module) else next(_looked_at(module), None)
    except RecursionError:
        return "an expression that is nested too deeply"


def _are_constant(module: ast.Module) -> bool:
    bound = {
        target.id: statement.value
        for statement in module.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    uses = Counter(node.id for node in ast.walk(module) if isinstance(node, ast.Name))
    calls = [node for node in ast.walk(module) if isinstance(node, ast.Call) and _dotted(node.func) in _SETUPS]
    if not calls or any(keyword.arg is None for call in calls for keyword in call.keywords):
        return False  # ``**arguments`` may be anything
    wanted = (word.value for call in calls for word in call.keywords if word.arg in _REQUIREMENTS)
    return all(_is_constant(value, bound, uses) for value in wanted)


_SETUPS = frozenset({"setup", "setuptools.setup", "distutils.core.setup"})


def _is_constant(value: ast.expr, bound: dict[str, ast.expr], uses: Counter[str]) -> bool:
    # A name that is read once, in setup(), and bound once: nothing has changed what it stands for.
    if isinstance(value, ast.Name):
        return value.id in bound and uses[value.id] == 2 and _is_literal(bound[value.id])  # noqa: PLR2004
    return _is_literal(value)


def _is_literal(value: ast.expr) -> bool:
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError):
        return False
    return True


def _looked_at(module: ast.Module) -> Iterator[str]:
    guards = {id(node) for statement in ast.walk(module) if _is_guard(statement) for node in _test_of(statement)}
    for node in ast.walk(module):
        if id(node) in guards:
            continue
        name = _dotted(node) if isinstance(node, ast.Attribute | ast.Name) else None
        if name is not None and (name in _OF_MACHINES or name.partition(".")[0] in _OF_MACHINES):
            yield name
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (one for one in (node.module, *names) if one in _OF_MACHINES)


def _is_guard(node: ast.AST) -> bool:
    """Return whether a statement does nothing but end the script: a Python that is too old, say."""
    if not isinstance(node, ast.If) or node.orelse:
        return False
    return all(isinstance(one, ast.Raise | ast.Expr) for one in node.body) and any(
        isinstance(one, ast.Raise) or _is_exit(one) for one in node.body
    )


def _is_exit(node: ast.stmt) -> bool:
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return False
    return _dotted(node.value.func) in {"sys.exit", "exit", "quit", "SystemExit"}


def _test_of(statement: ast.AST) -> Iterator[ast.AST]:
    if isinstance(statement, ast.If):
        yield from ast.walk(statement.test)


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        outer = _dotted(node.value)
        return None if outer is None else f"{outer}.{node.attr}"
    return None
