"""YAML as nodes, which know their lines; nothing of it is constructed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from cachi2ish.core.messages import excerpt
from cachi2ish.errors import LockFileError, Origin
from cachi2ish.lockfiles.source_tree import SourceTree
from cachi2ish.lockfiles.toml_locks import RESTORE, decode, refuse_damage

#: Lists in lists in lists that nobody writes, and at which the composer of the library kills the process.
_DEEPEST = 100

#: The key that takes over what other mappings have.
_MERGE = "<<"

#: Pairs that all merge keys of a document take over together, and mappings that they name: a file of a few kB can
#: name one large mapping thousands of times.
_MOST_MERGED = 100_000

#: How deep readers look into a document, and how many times longer aliases may make it down to there.
_READ_DEPTH = 7
_MOST_TIMES = 10

#: Characters that any document may have so.
_ALWAYS_READ = 1_000_000


class _Mapping(MappingNode):
    """A mapping. by_key: the values of its keys that are texts; None while it is not read to its end."""

    by_key: dict[str, Node] | None = None


def open_yaml(source: Path, file: str) -> tuple[str, MappingNode]:
    """Return the name of a file relative to ``source``, and its mapping; raises as `parse_yaml` does."""
    tree = SourceTree(Path(os.path.realpath(source)))
    file = tree.name_of(file, "")
    return file, parse_yaml(decode(tree.read(file), file), file)


def refuse_version(document: Node, known: Sequence[str], file: str) -> None:
    """Raise `LockFileError` for a lock whose version is not ``known`` here."""
    version = text_of(value_of(document, "version"))
    if version in known:
        return
    shown = "has no version" if version is None else f"has version {excerpt(version)}"
    of_file = f"of {file.rpartition('/')[2]} "
    these = f"only version {known[0]} is" if len(known) == 1 else f"the versions {', '.join(known)} are"
    raise LockFileError(
        f"it {shown}, and {of_file}{these} known here",
        hint="use a newer cachi2ish, or lock with a tool that writes a version that is known",
        origin=Origin(file),
    )


def refuse_without(document: Node, keys: Sequence[str], file: str) -> None:
    """Raise `LockFileError` for a lock that lacks one of ``keys``, which its tool always writes."""
    lacking = [key for key in keys if value_of(document, key) is None]
    if lacking:
        raise LockFileError(
            f"it is cut off: it has no {' and no '.join(lacking)}", hint=RESTORE, origin=Origin(file)
        )


def parse_yaml(text: str, file: str) -> MappingNode:
    """Return the mapping that a file is; raises `LockFileError` with the line that is wrong."""
    refuse_damage(text, file, broken=False)
    try:
        node = _composed(text, file)
    except yaml.YAMLError as error:
        refuse_damage(text.removeprefix("\ufeff"), file)
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it cannot be read"
        line = mark.line + 1 if mark is not None else None
        raise LockFileError(f"it is no YAML: {problem}", hint=RESTORE, origin=Origin(file, line)) from None
    except ValueError:  # a character that is none
        raise LockFileError("it cannot be read as YAML", hint=RESTORE, origin=Origin(file)) from None
    if not isinstance(node, MappingNode):
        raise LockFileError("it is no mapping of YAML", hint=RESTORE, origin=Origin(file))
    return node


def _composed(text: str, file: str) -> Node | None:
    """Return the first document of a text. An alias is the node that it means, which is there once."""
    anchors: dict[str, Node] = {}
    opened: list[CollectionNode] = []
    found: Node | None = None
    merging = _Merging(file)
    aliases = False
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.DocumentEndEvent):
            break
        if isinstance(event, yaml.CollectionEndEvent):
            done = opened.pop()
            if isinstance(done, _Mapping):
                done.value = list(zip(done.value[::2], done.value[1::2], strict=True))
                _refuse_twice(done)
                done.value = merging.merged(done)
                done.by_key = dict(entries(done))
            continue
        aliases = aliases or isinstance(event, yaml.AliasEvent)
        node = _node(event, anchors)
        if node is None:
            continue
        if opened:
            opened[-1].value.append(node)
        else:
            found = node
        if isinstance(event, yaml.CollectionStartEvent) and isinstance(node, CollectionNode):
            opened.append(node)
            if len(opened) > _DEEPEST:
                raise LockFileError("it is nested too deeply", hint=RESTORE, origin=Origin(file, line_of(node)))
    most = _ALWAYS_READ + _MOST_TIMES * len(text)
    if aliases and found is not None and _written_out(found, _READ_DEPTH, {}) > most:
        raise LockFileError(
            f"its aliases (*) stand for more than {_MOST_TIMES} times what it has",
            hint="write out what they stand for, or lock again with the tool that made the file",
            origin=Origin(file),
        )
    return found


def _written_out(node: Node, depth: int, known: dict[tuple[int, int], int]) -> int:
    """Return how long a node is down to a depth, in characters and nodes, what aliases stand for each time."""
    if isinstance(node, ScalarNode):
        return len(node.value) + 1
    key = id(node), depth
    if depth and key not in known:
        parts = (part for pair in node.value for part in pair) if isinstance(node, MappingNode) else node.value
        known[key] = 1 + sum(_written_out(part, depth - 1, known) for part in parts)
    return known.get(key, 1)


def _refuse_twice(mapping: MappingNode) -> None:
    """Raise `yaml.YAMLError` for a key that stands twice (YAML 1.2.2, 3.2.1.3)."""
    keys: set[str] = set()
    for key, _ in mapping.value:
        if isinstance(key, ScalarNode):
            if key.value in keys:
                raise ComposerError(
                    None, None, f"the key {excerpt(str(key.value))!r} stands twice", key.start_mark
                )
            keys.add(key.value)


class _Merging:
    """Follows the merge keys of one document, up to what `_MOST_MERGED` allows for all of them together."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._left = _MOST_MERGED

    def merged(self, mapping: MappingNode) -> list[tuple[Node, Node]]:
        """Return the pairs of a mapping, with those of each ``<<`` that it has not itself (YAML's merge key)."""
        found: dict[object, tuple[Node, Node]] = {}
        merged: list[tuple[Node, Node]] = []
        for key, value in mapping.value:
            if isinstance(key, ScalarNode) and key.value == _MERGE:
                for one in self._sources(key, value):
                    self._take(len(one.value), key)
                    merged += one.value
            else:
                found[key.value if isinstance(key, ScalarNode) else id(key)] = key, value
        for key, value in merged:
            found.setdefault(key.value if isinstance(key, ScalarNode) else id(key), (key, value))
        return list(found.values())

    def _sources(self, key: Node, value: Node) -> list[MappingNode]:
        """Return the mappings that a ``<<`` names, each once: again it would add nothing."""
        sources: list[Node] = value.value if isinstance(value, SequenceNode) else [value]
        self._take(len(sources), key)
        found: dict[int, MappingNode] = {}
        for one in sources:
            if not isinstance(one, _Mapping):
                raise ComposerError(None, None, f"what {_MERGE} merges is no mapping", value.start_mark)
            if one.by_key is None:
                raise ComposerError(None, None, f"what {_MERGE} merges has itself in it", key.start_mark)
            found.setdefault(id(one), one)
        return list(found.values())

    def _take(self, count: int, key: Node) -> None:
        self._left -= count
        if self._left < 0:
            raise LockFileError(
                f"its merge keys ({_MERGE}) stand for more than {_MOST_MERGED} values",
                hint="write out what they merge, or lock again with the tool that made the file",
                origin=Origin(self._file, line_of(key)),
            )


def _node(event: yaml.Event, anchors: dict[str, Node]) -> Node | None:
    node: Node
    marks: tuple[Any, Any] = event.start_mark, event.end_mark
    match event:
        case yaml.AliasEvent(anchor=str(name)):
            if name not in anchors:
                raise ComposerError(None, None, f"the alias {name!r} has no anchor", marks[0])
            return anchors[name]
        case yaml.ScalarEvent():
            node = ScalarNode("", event.value, *marks)
        case yaml.SequenceStartEvent():
            node = SequenceNode("", [], *marks)
        case yaml.MappingStartEvent():
            node = _Mapping("", [], *marks)
        case _:
            return None
    if event.anchor:
        anchors[event.anchor] = node
    return node


def entries(node: Node | None) -> Iterator[tuple[str, Node]]:
    """Yield the keys and values of a mapping; nothing of another node."""
    for key, value in node.value if isinstance(node, MappingNode) else ():
        if isinstance(key, ScalarNode):
            yield str(key.value), value


def value_of(node: Node | None, key: str) -> Node | None:
    """Return the value of a key, None where there is none."""
    return (node.by_key or {}).get(key) if isinstance(node, _Mapping) else None


def listed(node: Node | None) -> list[Node]:
    """Return the items of a sequence; nothing of another node."""
    return list(node.value) if isinstance(node, SequenceNode) else []


def text_of(node: Node | None) -> str | None:
    """Return the text of a scalar, None of another node and of none."""
    return str(node.value) if isinstance(node, ScalarNode) else None


def line_of(node: Node) -> int:
    """Return the line on which a node begins."""
    return int(node.start_mark.line) + 1
