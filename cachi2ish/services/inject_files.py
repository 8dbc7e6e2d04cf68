"""``inject-files``: the addresses of fetched files become paths in the output directory, or come back."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from stat import S_IFLNK
from string import Template
from urllib.parse import quote

from msgspec import Struct

from cachi2ish.core.outputs import DEPS, OUTPUT_DIR, BuildConfig, ProjectFile, text_digest
from cachi2ish.errors import Cachi2ishError, InputError, raise_all
from cachi2ish.files.interface import SourceFiles
from cachi2ish.files.rooted import RootedPath
from cachi2ish.files.user_files import is_system_text, kind_of
from cachi2ish.lockfiles.interface import Rewriter, RewriterOf

#: What requirements files are called: a record of another tool is believed of no other file.
_SUFFIXES = frozenset({".txt", ".in"})

#: A file of the output, as `Rewriter.replacement_urls` writes it.
_PLACED = re.compile(rf"file://{re.escape(OUTPUT_DIR)}/{DEPS}/(?!\.|%2[eE])[A-Za-z0-9_.~!+%-]+(?:#\S*)?", re.ASCII)


#: Credentials of an address that are the names of variables only.
_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}(?::\$\{[A-Z0-9_]+\})?@")


class _Change(Struct, frozen=True):
    """A file to write. record: what to keep beside it, None to keep nothing."""

    path: Path
    content: bytes
    record_path: Path
    record: bytes | None


def inject_files(
    config: BuildConfig,
    source: Path | None,
    output_dir: PurePosixPath,
    rewriter_of: RewriterOf,
    files: SourceFiles,
) -> tuple[Path, ...]:
    """Rewrite every project file of ``config`` for a build that sees the output at ``output_dir``.

    source: where the source tree is now, None for where it was. Nothing is written unless every file can be.
    Returns the files that had to be written. Raises `InputError` for each that is missing or has changed, all of
    them at once.
    """
    return _apply(
        config.project_files,
        source,
        files,
        lambda one, path: _injected(one, path, output_dir, rewriter_of(path.name), files),
    )


def revert_files(
    config: BuildConfig, source: Path | None, rewriter_of: RewriterOf, files: SourceFiles
) -> tuple[Path, ...]:
    """Give every project file of ``config`` its own addresses back; other edits stay."""
    return _apply(
        config.project_files, source, files, lambda one, path: _reverted(one, path, rewriter_of(path.name), files)
    )


class KeptRecord(Struct, frozen=True):
    """What is kept beside a rewritten file. secret: it holds a password or a token, since the file held it."""

    path: Path
    secret: bool


def kept_records(written: Sequence[Path], rewriter_of: RewriterOf, files: SourceFiles) -> tuple[KeptRecord, ...]:
    """Return the records that lie beside ``written``, for whoever has to keep them out of an image."""
    found: list[KeptRecord] = []
    for path in written:
        rewriter = rewriter_of(path.name)
        place = _record_path(path, rewriter)
        record = _record(place, files)
        if record is not None:
            text = rewriter.decode(_read(path, files), str(path)).text
            own = _VARIABLE.sub("", rewriter.restore(text, record))
            found.append(KeptRecord(place, rewriter.redacted(own) != own))
    return tuple(found)


def _apply(
    project_files: Sequence[ProjectFile],
    source: Path | None,
    files: SourceFiles,
    change: Callable[[ProjectFile, Path], _Change],
) -> tuple[Path, ...]:
    changes: list[_Change] = []
    errors: list[Cachi2ishError] = []
    for project_file in project_files:
        try:
            changes.append(change(project_file, _locate(project_file, source)))
        except Cachi2ishError as error:
            errors.append(error)
    raise_all(errors)
    needed = tuple(one for one in changes if files.read(one.path) != one.content)
    for one in needed:
        _write(one, files)
    return tuple(one.path for one in needed)


def _locate(project_file: ProjectFile, source: Path | None) -> Path:
    if not project_file.path and (source is None or project_file.urls):  # an export, which is not in the source
        return _recorded_path(project_file.abspath)
    if source is None:
        before, path, behind = project_file.abspath.rpartition(f"/{project_file.path}")
        if not path or behind or not is_system_text(before) or not before.startswith("/"):
            raise _no_record_of_ours(project_file.abspath)
        source = Path(before)
    if not project_file.path:
        raise InputError(
            f"{project_file.abspath} cannot be found relative to a source: another tool recorded it",
            hint="leave --source out, or run fetch-deps of cachi2ish",
        )
    return RootedPath.of(source).join(project_file.path).resolved


def _recorded_path(recorded: str) -> Path:
    """Return the path of a file of which only another tool's record speaks: its whole text is written anew."""
    path = Path(recorded)
    if not is_system_text(recorded) or not path.is_absolute() or path.suffix not in _SUFFIXES:
        raise _no_record_of_ours(recorded)
    _refuse_link(path)
    return path


def _no_record_of_ours(recorded: str) -> InputError:
    return InputError(
        f"{recorded!r} is recorded as the path of a requirements file, and is none",
        hint="run fetch-deps again to write the output anew",
    )


def _refuse_link(path: Path) -> None:
    if kind_of(path, follow=False) == S_IFLNK:
        raise InputError(f"{path} is a link", hint="replace it by the file that it leads to, or remove it")


def _injected(
    project_file: ProjectFile, path: Path, output_dir: PurePosixPath, rewriter: Rewriter, files: SourceFiles
) -> _Change:
    record_path = _record_path(path, rewriter)
    content = _read(path, files)
    decoded = rewriter.decode(content, str(path))
    if not project_file.urls:  # recorded by another tool: its template is all there is
        text = Template(project_file.template).safe_substitute(output_dir=quote(str(output_dir)))
        return _Change(path, rewriter.encode(text, decoded.encoding), record_path, None)
    for url in project_file.urls:
        if url and _PLACED.fullmatch(url) is None:
            what = "with white space" if any(map(str.isspace, url)) else "that is not in the output"
            raise InputError(
                f"an address {what} is recorded for {path}", hint="run fetch-deps again to write the output anew"
            )
    original = rewriter.restore(decoded.text, _record(record_path, files))
    if text_digest(original) != project_file.sha256:
        raise InputError(
            f"{path} has changed since fetch-deps read it",
            hint="run fetch-deps again, so that what it fetched is what the file asks for",
        )
    text = rewriter.substitute(
        original, [url.replace(OUTPUT_DIR, quote(str(output_dir))) for url in project_file.urls]
    )
    record = rewriter.record(original, project_file.urls)
    return _Change(path, rewriter.encode(text, decoded.encoding), record_path, record.encode("utf-8"))


def _reverted(project_file: ProjectFile, path: Path, rewriter: Rewriter, files: SourceFiles) -> _Change:
    record_path = _record_path(path, rewriter)
    decoded = rewriter.decode(_read(path, files), str(path))
    text = rewriter.restore(decoded.text, _record(record_path, files))
    if not project_file.urls:
        raise InputError(
            f"{path} cannot be reverted: another tool recorded it, and its own addresses were not kept",
            hint="take the file from version control",
        )
    return _Change(path, rewriter.encode(text, decoded.encoding), record_path, None)


def _record_path(path: Path, rewriter: Rewriter) -> Path:
    record_path = path.with_name(rewriter.record_name(path.name))
    _refuse_link(record_path)  # whatever it leads to would be overwritten
    return record_path


def _read(path: Path, files: SourceFiles) -> bytes:
    content = files.read(path)
    if content is None:
        raise InputError(
            f"{path} does not exist",
            hint="name the source directory with --source if it has moved since fetch-deps",
        )
    return content


def _record(path: Path, files: SourceFiles) -> str | None:
    content = files.read(path)
    return None if content is None else content.decode("utf-8", "surrogateescape")


def _write(change: _Change, files: SourceFiles) -> None:
    # Between the two writes the record may know more than the file needs, and never less.
    if change.record is not None:
        # It may hold the credentials that the file held, so whoever may not read that may not read this.
        files.replace(change.record_path, change.record, like=change.path)
    files.replace(change.path, change.content)
    if change.record is None:
        files.remove(change.record_path)
