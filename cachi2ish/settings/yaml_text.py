"""YAML as a person writes it: a key that stands twice is a mistake, which YAML forbids and PyYAML overlooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cachi2ish.errors import InputError, Origin

if TYPE_CHECKING:
    import yaml


def load(text: str, file: str) -> tuple[object, tuple[InputError, ...]]:
    """Return what ``text`` holds, and an error for each key that stands twice in one mapping (YAML 1.2, 3.2.1.3).

    file: as the user would type it. Raises ``yaml.YAMLError``, ``ValueError`` and ``RecursionError``.
    """
    # Imported here: nearly every run has no such file.
    import yaml

    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None, ()
        # Looked at before merge keys (<<) are resolved: what they bring may stand there again.
        errors = tuple(_repeated(root, file))
        return loader.construct_document(root), errors
    finally:
        loader.dispose()


def _repeated(root: yaml.Node, file: str) -> Iterator[InputError]:
    import yaml

    seen: set[int] = set()  # an alias may lead back to where it stands
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield from _twice([key for key, _ in node.value if isinstance(key, yaml.ScalarNode)], file)
            waiting += [each for pair in reversed(node.value) for each in reversed(pair)]
        elif isinstance(node, yaml.SequenceNode):
            waiting += reversed(node.value)


def _twice(keys: list[yaml.ScalarNode], file: str) -> Iterator[InputError]:
    first: dict[tuple[str, str], yaml.ScalarNode] = {}
    for key in keys:
        before = first.setdefault((key.tag, key.value), key)
        if before is not key:
            yield InputError(
                f"the key {key.value!r} stands twice, first in line {before.start_mark.line + 1}",
                hint="keep the one that is to hold",
                origin=Origin(file, key.start_mark.line + 1),
            )
