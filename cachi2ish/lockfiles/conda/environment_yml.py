"""``environment.yml`` of conda: its ``pip`` lists, which are read as pip reads a requirements file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace
from yaml.nodes import Node, SequenceNode

from cachi2ish.core.requirements import Purpose
from cachi2ish.errors import LockFileError, Origin
from cachi2ish.lockfiles.conda.conda_packages import not_fetched
from cachi2ish.lockfiles.conda.yaml_nodes import entries, line_of, listed, open_yaml, text_of, value_of
from cachi2ish.lockfiles.interface import DEFAULT, Lock, Selection
from cachi2ish.lockfiles.pip.requirements_reader import PipRequirementsReader
from cachi2ish.lockfiles.source_tree import SourceTree


class EnvironmentReader:
    """Reads ``environment.yml``."""

    def read(
        self,
        source: Path,
        file: str,
        purpose: Purpose,
        environ: Mapping[str, str],
        selection: Selection = DEFAULT,  # noqa: ARG002  (it has no groups)
    ) -> Lock:
        """Return what pip is given for ``source / file``. See `LockReader.read`."""
        file, document = open_yaml(source, file)
        lines: dict[int, str] = {}
        of_conda: list[str] = []
        last = 0
        for one in _items(value_of(document, "dependencies"), "dependencies", file):
            name = text_of(one)
            if name is not None:
                of_conda.append(name)
            for key, some in entries(one):
                for item in _items(some, "pip", file) if key == "pip" else ():
                    for part in (text_of(item) or "").splitlines():  # conda gives pip each as a line
                        last = max(line_of(item), last + 1)
                        lines[last] = part.strip()
        # Each on its own line, so that whatever is wrong with one is found there.
        text = "".join(f"{lines.get(number, '')}\n" for number in range(1, last + 1))
        tree = _WithText(Path(os.path.realpath(source)), file, text)
        lock = PipRequirementsReader().read_in(tree, file, purpose, environ)
        return replace(
            lock,
            texts=tuple(
                one for one in lock.texts if one.file != file
            ),  # no requirements file, to be rewritten as one
            notes=(*lock.notes, *not_fetched(Origin(file), of_conda)),
        )


def _items(node: Node | None, key: str, file: str) -> list[Node]:
    if node is None or text_of(node) == "" or isinstance(node, SequenceNode):
        return listed(node)
    raise LockFileError(
        f"{key} is no list", hint="begin each line below it with a dash", origin=Origin(file, line_of(node))
    )


class _WithText(SourceTree, frozen=True):
    """A source tree in which one file has another text."""

    file: str
    text: str

    def find(self, file: str, included_at: Origin | None = None) -> bytes | None:
        """See `SourceTree.find`."""
        return self.text.encode() if file == self.file else super().find(file, included_at)
