"""``environment.yml`` of conda: its ``pip`` lists, which are read as pip reads a requirements file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cachi2ish.core.requirements import Purpose
from cachi2ish.errors import Origin
from cachi2ish.lockfiles.conda.conda_packages import not_fetched
from cachi2ish.lockfiles.conda.yaml_nodes import entries, line_of, listed, parse_yaml, text_of, value_of
from cachi2ish.lockfiles.interface import DEFAULT, Lock, Selection
from cachi2ish.lockfiles.pip.requirements_reader import PipRequirementsReader
from cachi2ish.lockfiles.source_tree import SourceTree
from cachi2ish.lockfiles.toml_locks import decode


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
        tree = SourceTree(Path(os.path.realpath(source)))
        file = tree.name_of(file, "")
        document = parse_yaml(decode(tree.read(file), file), file)
        lines: dict[int, str] = {}
        of_conda: list[str] = []
        for one in listed(value_of(document, "dependencies")):
            name = text_of(one)
            if name is not None:
                of_conda.append(name)
            for key, some in entries(one):
                for item in listed(some) if key == "pip" else ():
                    number = max(line_of(item), max(lines, default=0) + 1)
                    lines[number] = " ".join((text_of(item) or "").split())
        # Each on its own line, so that whatever is wrong with one is found there.
        text = "".join(f"{lines.get(number, '')}\n" for number in range(1, max(lines, default=0) + 1))
        lock = PipRequirementsReader().read_in(_WithText(tree.root, file, text), file, purpose, environ)
        return replace(
            lock,
            texts=tuple(
                one for one in lock.texts if one.file != file
            ),  # no requirements file, to be rewritten as one
            notes=(*lock.notes, *not_fetched(Origin(file), of_conda)),
        )


class _WithText(SourceTree, frozen=True):
    """A source tree in which one file has another text."""

    file: str
    text: str

    def find(self, file: str, included_at: Origin | None = None) -> bytes | None:
        """See `SourceTree.find`."""
        return self.text.encode() if file == self.file else super().find(file, included_at)
