"""A requirements file and all that it includes, walked in pip's order, every line judged on its own."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping

from msgspec import Struct, field
from packaging.utils import NormalizedName, canonicalize_name

from cachi2ish.core.digests import Digest, InvalidDigestError
from cachi2ish.core.requirements import Git, Purpose, Url
from cachi2ish.core.structs import repr_without
from cachi2ish.errors import Cachi2ishError, InputError, LockFileError, Origin
from cachi2ish.files.user_files import kind_of
from cachi2ish.lockfiles.foreign_files import other_than_requirements
from cachi2ish.lockfiles.injection import record_name
from cachi2ish.lockfiles.interface import Decoded, LockText
from cachi2ish.lockfiles.pip.lines import LogicalLine, decode, logical_lines
from cachi2ish.lockfiles.pip.pip_options import (
    Option,
    OptionCollector,
    PipLineParser,
    RequirementLine,
    UnreadableLineError,
)
from cachi2ish.lockfiles.pip.tokens import (
    conceal,
    expand,
    find_slot,
    quote,
    split_arguments,
    tab_before_options,
    unset,
    variables_in,
)
from cachi2ish.lockfiles.source_tree import SourceTree

_INCLUDES = {"--requirement": False, "--constraint": True}
_INDEXES = frozenset({"--index-url", "--extra-index-url"})
_URL = r"(?i)[a-z][a-z0-9+.-]*://|file:"

#: How deep files may include each other.
_DEEPEST = 50


class Line(Struct, frozen=True, kw_only=True):
    """A requirement or a constraint, with its line judged as far as the line alone allows.

    direct: the URL or git requirement that it is, or None for a project of an index.
    """

    name: str
    extras: tuple[str, ...]
    specifier: str
    marker: str | None
    digests: frozenset[Digest]
    origin: Origin
    direct: Url | Git | None = None

    @property
    def project(self) -> NormalizedName:
        """The normalised name (PEP 503)."""
        return canonicalize_name(self.name)


class Closure(Struct):
    """What a walk has found so far, in order."""

    tree: SourceTree
    purpose: Purpose
    environ: Mapping[str, str]
    parser: PipLineParser = field(default_factory=PipLineParser)
    entries: list[Line] = field(default_factory=list)
    constraints: list[Line] = field(default_factory=list)
    options: OptionCollector = field(default_factory=OptionCollector)
    texts: list[LockText] = field(default_factory=list)
    errors: list[Cachi2ishError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _seen: set[tuple[str, bool]] = field(default_factory=set)
    _variables: dict[str, None] = field(default_factory=dict)

    __repr__ = repr_without("environ")

    def walk(
        self,
        file: str,
        *,
        constraint: bool = False,
        chain: tuple[str, ...] = (),
        included_at: Origin | None = None,
        included_by: str = "",
    ) -> None:
        """Read ``file`` and what it includes. A file that was read before in the same role adds nothing.

        included_by: the text of the line that includes it, at ``included_at``.
        """
        if file in chain or len(chain) > _DEEPEST:
            self.errors.append(self._placed(_cycle(file, chain, included_at), included_by))
            return
        if (file, constraint) in self._seen:
            return
        self._seen.add((file, constraint))
        try:
            decoded = _read(self.tree, file, included_at)
        except Cachi2ishError as error:
            self.errors.append(self._placed(error, included_by))
            return
        other = other_than_requirements(file, decoded.text)
        if other is not None:
            problem = other[0] if included_at is None else f"{file}: {other[0]}"
            self.errors.append(LockFileError(problem, hint=other[1], origin=included_at or Origin(file)))
            return
        direct: list[Url | Git] = []
        for line in logical_lines(decoded.text):
            self._variables.update(dict.fromkeys(variables_in(line.text)))
            try:
                entry = self._line(line, file, constraint=constraint, chain=chain)
            except LockFileError as error:
                self.errors.append(self._placed(error, line.text))
                continue
            if entry is not None:
                (self.constraints if constraint else self.entries).append(entry)
                direct.extend([entry.direct] if entry.direct else [])
        if direct and all(text.file != file for text in self.texts):
            self.texts.append(LockText(file, decoded.text, tuple(direct), decoded.encoding))

    def refuse(self, errors: Iterable[Cachi2ishError]) -> None:
        """Note errors about what several lines say together, without the values of the variables of any line."""
        named = "".join(f"${{{name}}}" for name in self._variables)
        self.errors.extend(self._placed(error, named) for error in errors)

    def _placed(self, error: Cachi2ishError, text: str) -> Cachi2ishError:
        """Return ``error`` without the values of the variables in the line that it is about."""
        problem = conceal(error.problem, text, self.environ)
        return error if problem == error.problem else error.reworded(problem)

    def _line(self, line: LogicalLine, file: str, *, constraint: bool, chain: tuple[str, ...]) -> Line | None:
        origin = Origin(file, line.number)
        statement = self._parse(line.text, origin)
        self.warnings.extend(f"{origin}: {warning}" for warning in self._doubts(statement, line.text))
        if isinstance(statement, RequirementLine):
            return self._judge(statement, line.text, origin, constraint=constraint)
        includes = [option for option in statement if option.name in _INCLUDES]
        if not includes:
            self.errors.extend(self.options.take(statement, origin))
        elif len(statement) > 1:
            raise LockFileError(
                f"{includes[0].name} shares its line with other options, which pip ignores",
                hint="give each option a line of its own",
                origin=origin,
            )
        else:
            self._include(includes[0], line.text, origin, (*chain, file))
        return None

    def _doubts(self, statement: RequirementLine | tuple[Option, ...], text: str) -> Iterable[str]:
        """Yield what a careful person should know of a line that can be read."""
        if tab_before_options(text):
            yield "a tab stands before the options, where pip wants a space: it refuses the line"
        if isinstance(statement, RequirementLine):
            addressed = statement.url is not None
        else:
            addressed = any(option.name in _INDEXES for option in statement)
        if addressed:
            yield from unset(text, self.environ)

    def _parse(self, text: str, origin: Origin) -> RequirementLine | tuple[Option, ...]:
        expanded = expand(text, self.environ)
        try:
            return self.parser.parse(expanded)
        except UnreadableLineError as error:
            message, hint = str(error), error.hint
        if expanded != text:
            # The message may quote the value of a variable: say it of the text as written, or not at all.
            message = "it cannot be read once its variables have their values"
            try:
                self.parser.parse(text)
            except UnreadableLineError as error:
                message, hint = str(error), error.hint
        raise LockFileError(f"{quote(text)}: {quote(message)}", hint=hint, origin=origin)

    def _include(self, option: Option, text: str, origin: Origin, chain: tuple[str, ...]) -> None:
        if re.match(_URL, option.value):
            raise LockFileError(
                f"{quote(text)}: only files of the source directory can be included",
                hint="store a copy of that file beside this one and include the copy",
                origin=origin,
            )
        file = self.tree.name_of(option.value, origin.file)
        self.walk(file, constraint=_INCLUDES[option.name], chain=chain, included_at=origin, included_by=text)

    def _judge(self, content: RequirementLine, text: str, origin: Origin, *, constraint: bool) -> Line:
        shown = quote(text if content.editable else split_arguments(text)[0].strip())
        digests = content.digests | frozenset(_digests(content.hashes, shown, origin))
        if constraint:
            _check_constraint(content, shown, origin)
        direct = None
        if content.url is not None:
            from cachi2ish.lockfiles.pip.direct import DirectLine, read_direct  # noqa: PLC0415

            direct = read_direct(DirectLine(content, digests, self.purpose, origin, shown))
            self._check_written_out(content.url, text, origin)
        return Line(
            name=direct.name if direct else content.name or "",
            extras=content.extras,
            specifier=content.specifier,
            marker=content.marker,
            digests=digests,
            origin=origin,
            direct=direct,
        )

    def _check_written_out(self, url: str, text: str, origin: Origin) -> None:
        slot = find_slot(text)
        if slot is None or expand(text[slice(*slot.address)], self.environ) != url:
            raise LockFileError(
                f"{quote(text)}: a variable holds more than a part of the address, so it could not be rewritten",
                hint="write name @ address, and use variables inside the address only",
                origin=origin,
            )


def _read(tree: SourceTree, file: str, included_at: Origin | None) -> Decoded:
    """Return the text of a file, an earlier injection undone."""
    decoded = decode(tree.read(file, included_at), file)
    directory, name = posixpath.split(file)
    record = posixpath.join(directory, record_name(name))
    recorded = tree.find(record) if kind_of(tree.root / record, follow=False) else None
    if recorded is None:
        return decoded
    from cachi2ish.lockfiles.pip.rewriting import restore  # noqa: PLC0415  (few files have been rewritten)

    try:
        # Bytes that are no UTF-8 are no JSON either: `restore` says what a damaged record means.
        return Decoded(restore(decoded.text, recorded.decode(errors="replace")), decoded.encoding)
    except InputError as error:
        raise error.at(Origin(record)) from None


def _digests(hashes: Iterable[str], shown: str, origin: Origin) -> Iterable[Digest]:
    for text in hashes:
        try:
            yield Digest.parse(text)
        except InvalidDigestError as error:
            raise LockFileError(
                f"{shown}: the --hash cannot be used: {error}",
                hint="write --hash=sha256:<64 hexadecimal digits>",
                origin=origin,
            ) from None


def _check_constraint(content: RequirementLine, shown: str, origin: Origin) -> None:
    if content.editable:
        problem, hint = "cannot be editable", "write name @ git+https://…@<commit>"
    elif content.url is not None and content.name is None:
        problem, hint = "needs a name", "write name @ address (PEP 508)"
    elif content.extras:
        problem, hint = "cannot have extras", "remove the extras here; name them in the requirements file"
    else:
        return
    raise LockFileError(f"{shown}: a constraint {problem}, as in pip", hint=hint, origin=origin)


def _cycle(file: str, chain: tuple[str, ...], included_at: Origin | None) -> LockFileError:
    if file in chain:
        problem = f"the files include each other in a circle: {' → '.join((*chain[chain.index(file) :], file))}"
        return LockFileError(problem, hint="remove one of these lines", origin=included_at)
    problem = f"more than {_DEEPEST} files include each other in a row"
    return LockFileError(problem, hint="include the files from one place", origin=included_at)
