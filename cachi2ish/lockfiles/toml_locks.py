"""Lock files in TOML: their text, and the lines on which their packages begin."""

from __future__ import annotations

import codecs
import os
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from cachi2ish.core.messages import excerpt, shortened
from cachi2ish.core.outputs import DEPS
from cachi2ish.errors import Cachi2ishError, InputError, LockFileError, Origin, raise_all
from cachi2ish.files.foreign import read_toml
from cachi2ish.files.user_files import kind_of
from cachi2ish.lockfiles import injection
from cachi2ish.lockfiles.source_tree import SourceTree
from cachi2ish.lockfiles.toml_strings import strings_in

#: What helps against a file that is no lock any more.
RESTORE = "restore it from version control, or lock again"

#: What git and others write around the two versions.
_CONFLICT = re.compile(r"^(?:<{7}|>{7})(?: .*)?$", re.MULTILINE)

_LINE = re.compile(r"\(at line (\d+), column (\d+)\)")


_FOLDER = f"/{DEPS}/"

_Read = TypeVar("_Read")


class TomlLock(Struct, frozen=True):
    """A lock that has been opened. file: relative to the root of the tree. text: an earlier injection undone."""

    tree: SourceTree
    file: str
    text: str
    document: dict[str, Any]

    @property
    def folder(self) -> str:
        """The folder that it lies in, relative to the root of the tree."""
        return posixpath.dirname(self.file)

    def top(self, parse: Callable[[object], _Read], hint: str) -> _Read:
        """Return what ``parse`` makes of the document; raises `LockFileError` where it cannot."""
        try:
            return parse(self.document)
        except msgspec.ValidationError as error:
            raise LockFileError(shortened(str(error)), hint=hint, origin=Origin(self.file)) from None

    def packages(
        self, listed: Sequence[object], parse: Callable[[object], _Read], hint: str
    ) -> tuple[list[_Read], list[Origin]]:
        """Return each ``[[package]]`` and where it begins; raises all that is wrong with them at once."""
        origins = [Origin(self.file, line) for line in lines_of(self.text, "package", len(listed))]
        found: list[_Read] = []
        errors: list[Cachi2ishError] = []
        for number, (table, origin) in enumerate(zip(listed, origins, strict=True)):
            try:
                found.append(parse(table))
            except msgspec.ValidationError as error:
                name = table.get("name") if isinstance(table, dict) else None
                label = excerpt(name) if isinstance(name, str) else f"package[{number}]"
                errors.append(LockFileError(f"{label}: {shortened(str(error))}", hint=hint, origin=origin))
        raise_all(errors)
        return found, origins


def open_toml(source: Path, file: str) -> TomlLock:
    """Return the lock ``source / file``; raises `InputError` or `LockFileError`, with the line that is wrong."""
    tree = SourceTree(Path(os.path.realpath(source)))
    file = tree.name_of(file, "")
    text = undone(tree, file, decode(tree.read(file), file), restored)
    return TomlLock(tree, file, text, parse_toml(text, file))


def undone(tree: SourceTree, file: str, text: str, restore: Callable[[str, str | None], str]) -> str:
    """Return the text of a lock with an earlier ``inject-files`` undone; raises `InputError`.

    restore: as `Rewriter.restore`.
    """
    directory, name = posixpath.split(file)
    record = posixpath.join(directory, injection.record_name(name))
    kept = tree.find(record) if kind_of(tree.root / record, follow=False) else None
    try:
        return restore(text, None if kept is None else kept.decode(errors="replace"))
    except InputError as error:
        raise error.at(Origin(record)) from None


def restored(text: str, record: str | None) -> str:
    """Return ``text`` as it was before ``inject-files``; raises `InputError` for a damaged record."""
    return injection.restore(text, record, _injected)


def _injected(text: str) -> Iterator[injection.Injected]:
    for string in strings_in(text):
        folder, found, name = string.value.rpartition(_FOLDER)
        if found and "/" not in name and folder.startswith(("file://", "/")):
            plain = unquote(name) if folder.startswith("file:") else name
            yield injection.Injected(plain, string.span[0] + 1, string.span[1] - 1)


def stale_hashes(
    file: str, locked: str, fitting: frozenset[str], key: str, command: str
) -> Iterator[LockFileError]:
    """Yield an error where the hash of what was locked is none of those that fit. key: what it is called."""
    if locked and fitting and locked not in fitting:
        yield LockFileError(
            f"it does not fit pyproject.toml any more, which has another {key} than when it was locked",
            hint=f"run `{command}`, and commit what it writes",
            origin=Origin(file),
        )


def refuse_damage(text: str, file: str, *, broken: bool = True) -> None:
    """Raise `LockFileError` for what editors and version control leave in a file, said in their words.

    broken: whether its language cannot read it. Only then a line that looks like a mark of a conflict is one.
    """
    if not text.strip():
        raise LockFileError("it is empty", hint=RESTORE, origin=Origin(file))
    if broken and text.startswith("\ufeff"):
        hint = "save it as UTF-8 without one, or lock again"
        raise LockFileError(
            "it begins with a byte-order mark, which no lock has", hint=hint, origin=Origin(file, 1)
        )
    found = _CONFLICT.search(text) if broken else None
    if found:
        line = text.count("\n", 0, found.start()) + 1
        hint = "take one of the two versions whole, and lock again"
        raise LockFileError(
            "it has a merge conflict that nobody has settled", hint=hint, origin=Origin(file, line)
        )


def parse_toml(text: str, file: str) -> dict[str, Any]:
    """Return the document; raises `LockFileError` with the line that is wrong."""
    refuse_damage(text, file, broken=False)
    try:
        return read_toml(text)
    except ValueError as error:  # TOMLDecodeError, and a number that Python does not read
        refuse_damage(text, file)
        found = _LINE.search(str(error))
        line = int(found[1]) if found else text.rstrip("\n").count("\n") + 1
        where = f", in column {found[2]}" if found else ""
        reason = _LINE.sub("", str(error)).strip().removesuffix(" (at end of document)")
        problem = f"it is no TOML{where}: {reason}"
        raise LockFileError(problem, hint=RESTORE, origin=Origin(file, line)) from None
    except RecursionError:
        raise LockFileError("it is nested too deeply", hint=RESTORE, origin=Origin(file)) from None


def decode(content: bytes, file: str) -> str:
    """Return the text of a file; raises `LockFileError` with the line that is no UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            hint = "save it as UTF-8; in PowerShell, add -Encoding utf8 to what writes it"
            raise LockFileError("the file is UTF-16 text", hint=hint, origin=Origin(file, 1)) from None
        line = content.count(b"\n", 0, error.start) + 1
        raise LockFileError(
            f"the file is not UTF-8 text: {error.reason}", hint=RESTORE, origin=Origin(file, line)
        ) from None


def lines_of(text: str, table: str, count: int) -> Sequence[int | None]:
    """Return where each of ``count`` tables of an array begins; None where they are not under ``[[table]]``."""
    header = re.compile(rf"^[ \t]*\[\[[ \t]*{re.escape(table)}[ \t]*\]\]", re.MULTILINE)
    found: list[int | None] = []
    line, seen = 1, 0
    for match in header.finditer(text):
        line += text.count("\n", seen, match.start())
        seen = match.start()
        found.append(line)
    return found if len(found) == count else [None] * count
