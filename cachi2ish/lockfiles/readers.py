"""The formats of lock files. A new one is a module beside this one, with a reader, and its line in `READERS`."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import Any

from msgspec import Struct

from cachi2ish.core.messages import did_you_mean
from cachi2ish.core.requirements import Purpose
from cachi2ish.errors import Cachi2ishError, InputError, Origin, UnknownLockError
from cachi2ish.lockfiles.foreign_files import unlocked
from cachi2ish.lockfiles.interface import DEFAULT, Lock, LockReader, Rewriter, Selection
from cachi2ish.lockfiles.pip.requirements_reader import PipRequirementsReader
from cachi2ish.lockfiles.source_tree import SourceTree


def _named(name: str) -> Any:  # noqa: ANN401  (whatever is called that)
    """Return what ``package.module:name`` names."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


class OnDemand(Struct, frozen=True):
    """A `LockReader` whose module is imported when a file is read: most runs read one format.

    reader: a class without ``names`` and ``keys``, as ``package.module:Class``. addresses: what tells which of its
    texts are addresses that ``inject-files`` rewrites, the name of a function; for a format that is no TOML what
    rewrites it, as ``package.module:Class``; empty where it has none.
    """

    names: tuple[str, ...]
    keys: frozenset[str]
    reader: str
    addresses: str = ""

    def read(
        self, source: Path, file: str, purpose: Purpose, environ: Mapping[str, str], selection: Selection = DEFAULT
    ) -> Lock:
        """See `LockReader.read`."""
        lock: Lock = _named(self.reader)().read(source, file, purpose, environ, selection)
        return lock


_OF_GROUPS = frozenset({"groups", "no_groups", "extras"})
_OF_WORKSPACES = _OF_GROUPS | {"packages"}

#: What rewrites locks in TOML.
_TOML = "cachi2ish.lockfiles.toml_rewriting"

READERS: tuple[LockReader, ...] = (
    PipRequirementsReader(),
    OnDemand(
        ("pylock.toml", "pylock.*.toml"),
        _OF_GROUPS,
        "cachi2ish.lockfiles.pylock:PylockReader",
        "form_in_pylock",
    ),
    OnDemand(
        ("Pipfile.lock",),
        _OF_GROUPS - {"extras"},
        "cachi2ish.lockfiles.pipfile.pipfile_lock:PipfileLockReader",
        "cachi2ish.lockfiles.pipfile.json_rewriting:JsonRewriter",
    ),
    OnDemand(
        ("environment.yml", "environment.yaml"),
        frozenset(),
        "cachi2ish.lockfiles.conda.environment_yml:EnvironmentReader",
    ),
    OnDemand(("conda-lock.yml",), _OF_GROUPS - {"extras"}, "cachi2ish.lockfiles.conda.conda_lock:CondaLockReader"),
    OnDemand(("pixi.lock",), _OF_GROUPS - {"extras"}, "cachi2ish.lockfiles.conda.pixi_lock:PixiReader"),
    OnDemand(("pdm.lock",), _OF_GROUPS, "cachi2ish.lockfiles.pdm.pdm_reader:PdmReader", "form_in_pdm"),
    OnDemand(
        ("poetry.lock",), _OF_GROUPS, "cachi2ish.lockfiles.poetry.poetry_reader:PoetryReader", "form_in_poetry"
    ),
    OnDemand(("uv.lock",), _OF_WORKSPACES, "cachi2ish.lockfiles.uv.uv_reader:UvReader", "form_in_uv"),
)

#: How lock files are called that are no requirements files, as patterns (`fnmatch`).
LOCK_NAMES = tuple(pattern for reader in READERS[1:] for pattern in reader.names)

#: What is read where no file is named.
_USUAL = "requirements.txt"

_NO_REQUIREMENTS = "it is a lock file of a format of its own, and no requirements file"


def rewriter_of(name: str) -> Rewriter:
    """Return what rewrites a file that is called ``name``: a requirements file where it is of no other format."""
    for reader in READERS:
        if isinstance(reader, OnDemand) and reader.addresses and _is_called(name, reader):
            if ":" in reader.addresses:
                own: Rewriter = _named(reader.addresses)()
                return own
            form_of = _named(f"{_TOML}:{reader.addresses}")
            rewriter: Rewriter = _named(f"{_TOML}:TomlRewriter")(form_of)
            return rewriter
    from cachi2ish.lockfiles.pip.rewriting import RequirementsRewriter  # noqa: PLC0415  (few locks have addresses)

    return RequirementsRewriter()


def _is_called(name: str, reader: LockReader) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in reader.names)


class NamedReaders:
    """`LockFiles` that finds the reader of a file by its name."""

    def __init__(self, readers: Sequence[LockReader] = READERS) -> None:
        """Read with ``readers``; the first one reads whatever is named as a requirements file."""
        self._readers = readers

    def read_requirements(self, source: Path, file: str, purpose: Purpose, environ: Mapping[str, str]) -> Lock:
        """See `LockFiles.read_requirements`."""
        name = posixpath.basename(file)
        reader = self._readers[0]
        if self._reader_of(name) not in {None, reader}:
            raise InputError(
                _NO_REQUIREMENTS,
                hint=f'name it with another key: {{"type": "pip", "lockfile": "{name}"}}',
                origin=Origin(file),
            )
        return reader.read(source, file, purpose, environ)

    def read_lock(
        self, source: Path, file: str, environ: Mapping[str, str], selection: Selection = DEFAULT
    ) -> Lock:
        """See `LockFiles.read_lock`."""
        name = posixpath.basename(file)
        reader = self._reader_of(name)
        if reader is not None:
            _refuse_unknown_keys(reader, file, selection)
            return reader.read(source, file, Purpose.RUNTIME, environ, selection)
        known = [pattern for reader in self._readers for pattern in reader.names]
        inside = next((one for one in known if one in name), None)
        near = f"if it is one, call it {inside};" if inside else did_you_mean(name, known)
        named = 'a requirements file of any name is named with "requirements_files"'
        raise UnknownLockError(
            f"a file of this name is no lock file that is known: they are called {', '.join(known)}",
            hint=" ".join(filter(None, (near, named))),
            origin=Origin(file),
        )

    def unlocked(self, source: Path, folder: str) -> InputError | None:
        """See `LockFiles.unlocked`."""
        tree = SourceTree(Path(os.path.realpath(source)))
        usual = tree.root / folder / _USUAL
        if os.path.lexists(usual):
            what = "a directory" if usual.is_dir() else "a link that leads nowhere"
            return InputError(
                f"its {_USUAL} is {what}", hint='name the file that is meant with "requirements_files"'
            )

        def text_of(name: str) -> str | None:
            content = tree.find(posixpath.join(folder, name))
            return None if content is None else content.decode(errors="replace")

        try:
            found = unlocked(os.listdir(tree.root / folder), text_of)  # noqa: PTH208  (names, and nothing else)
        except (OSError, Cachi2ishError):
            return None
        if found is None:
            return None
        what, hint = found
        nothing = 'where nothing is to be fetched, write "requirements_files": []'
        return InputError(f"it has no {_USUAL}, but {what}", hint=f"{hint}; {nothing}")

    def _reader_of(self, name: str) -> LockReader | None:
        return next((one for one in self._readers if _is_called(name, one)), None)


def _refuse_unknown_keys(reader: LockReader, file: str, selection: Selection) -> None:
    used = [name for name in selection.__struct_fields__ if getattr(selection, name)]
    unknown = [f'"{key}"' for key in used if key not in reader.keys]
    if unknown:
        raise InputError(
            f"{' and '.join(unknown)} of the input mean nothing for a lock file of this format",
            hint="leave them out: what such a file holds was chosen when it was written",
            origin=Origin(file),
        )
