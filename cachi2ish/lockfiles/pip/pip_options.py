"""What a single line of a requirements file says, before it is judged, and the options of all lines together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec import Struct
from packaging.utils import canonicalize_name

from cachi2ish.core.digests import Digest
from cachi2ish.core.lazy import Once
from cachi2ish.core.requirements import ALL_PROJECTS, FormatControl, Indexes
from cachi2ish.core.structs import repr_without
from cachi2ish.core.urls import Address, host_and_port
from cachi2ish.errors import Cachi2ishError, LockFileError, Origin

if TYPE_CHECKING:
    from cachi2ish.lockfiles.pip.whole_grammar import LibraryParser


class RequirementLine(Struct, frozen=True, kw_only=True):
    """A requirement or constraint as written.

    name: None for an address or path that does not say it. url: with fragment; may hold credentials.
    marker: as text, normalised. hashes: the values of ``--hash``, unread. digests: those that have
    been read. editable: it stands behind ``-e``.
    """

    name: str | None
    extras: tuple[str, ...]
    specifier: str
    marker: str | None
    url: str | None
    hashes: tuple[str, ...] = ()
    digests: frozenset[Digest] = frozenset()
    editable: bool = False

    __repr__ = repr_without("url")


class Option(Struct, frozen=True):
    """An option of the file. name: its long form, ``--index-url``; value: "" for a switch."""

    name: str
    value: str = ""

    __repr__ = repr_without("value")


class DirectAddress(Struct, frozen=True):
    """The fragment of an address, taken apart. url: without fragment.

    egg: as written (``name`` or ``name[extra]``). digests: of the fragment, in its order.
    """

    url: Address
    egg: str | None = None
    subdirectory: str | None = None
    digests: tuple[Digest, ...] = ()


class UnreadableLineError(Exception):
    """A line cannot be parsed. The message is a sentence fragment; hint: what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


#: A pin as tools write it, with its marker and its digests.
_PIN = re.compile(
    r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)==([0-9]+(?:\.[0-9]+)*(?:(?:a|b|rc|\.post|\.dev)[0-9]+)?)"
    r"(?:[ \t]*;[ \t]*([^#\\]*?))?((?:[ \t]+--hash=sha256:[0-9a-f]{64})*)[ \t]*"
)

#: An option with an address, as tools write it.
_INDEX = re.compile(r"(--index-url|--extra-index-url)[ =]([^\s'\"\\#]+)")

#: What tells options from a requirement.
_OPTION = re.compile(r"\s-")


class PipLineParser:
    """Parses logical lines, variables expanded. Holds no state between lines.

    Lines as tools write them are read here, and all others with pip-requirements-parser, which takes long to load.
    """

    def __init__(self) -> None:
        self._library = Once(_library)

    def parse(self, line: str) -> RequirementLine | tuple[Option, ...]:
        """Return the requirement of a line, or the options of a line that has none.

        Raises `UnreadableLineError`. Its message may quote the line.
        """
        index = _INDEX.fullmatch(line)
        if index:
            return (Option(index[1], index[2]),)
        return _pin(line) or self._library().parse(line)


def _library() -> LibraryParser:
    from cachi2ish.lockfiles.pip.whole_grammar import LibraryParser  # noqa: PLC0415

    return LibraryParser()


def _pin(line: str) -> RequirementLine | None:
    found = _PIN.fullmatch(line.strip(" \t"))
    if found is None:
        return None
    name, version, marker, hashes = found.groups()
    if marker is not None:
        from cachi2ish.core.targets.dependency_specifiers import read_marker  # noqa: PLC0415  (most have none)

        try:
            marker = str(read_marker(marker))
        except ValueError:  # of packaging, which is loaded with the reader
            return None
        if _OPTION.search(marker):
            return None
    return RequirementLine(
        name=name,
        extras=(),
        specifier=f"=={version}",
        marker=marker,
        url=None,
        # 64 digits each, which `_PIN` has checked.
        digests=frozenset([Digest("sha256", one[:64]) for one in hashes.split("sha256:")[1:]]),
    )


#: What ``--no-binary`` and ``--only-binary`` call "no project".
_NO_PROJECTS = ":none:"

_REFUSED = {
    "--find-links": (
        "--find-links names files outside any index, which cannot be prefetched",
        "put them on an index (--extra-index-url), or name each as: name @ https://… --hash=sha256:…",
    ),
    "--no-index": (
        "--no-index forbids what a prefetch is for",
        "remove it: generate-env sets PIP_NO_INDEX for the build",
    ),
    "--editable": (
        "an editable requirement stands for a working directory, which cannot be prefetched",
        "list your own project as a package of the input; for others write name @ git+https://…@<commit>",
    ),
    "--hash": (
        "--hash stands on a line without a requirement, where pip ignores it",
        "put it behind its requirement; a line is continued by a backslash at its end",
    ),
}


class OptionCollector(Struct):
    """Takes options in the order in which pip meets them."""

    index_url: Address | None = None
    extra_index_urls: list[Address] = []
    trusted_hosts: list[str] = []
    no_binary: set[str] = set()
    only_binary: set[str] = set()
    require_hashes: Origin | None = None
    no_require_hashes: Origin | None = None

    def take(self, options: Iterable[Option], origin: Origin) -> Iterable[Cachi2ishError]:
        """Apply the options of a line; yield what is wrong with them."""
        for option in options:
            try:
                self._take(option, origin)
            except LockFileError as error:
                yield error

    def _take(self, option: Option, origin: Origin) -> None:
        match option.name:
            case "--index-url":
                self.index_url = _index(option, origin)
            case "--extra-index-url":
                self.extra_index_urls.append(_index(option, origin))
            case "--trusted-host":
                self.trusted_hosts.append(_host(option, origin))
            case "--no-binary":
                _select(option, self.no_binary, self.only_binary, origin)
            case "--only-binary":
                _select(option, self.only_binary, self.no_binary, origin)
            case "--require-hashes":
                self.require_hashes = self.require_hashes or origin
            case "--no-require-hashes":
                self.no_require_hashes = self.no_require_hashes or origin
            case name if name in _REFUSED:
                problem, hint = _REFUSED[name]
                raise LockFileError(problem, hint=hint, origin=origin)
            case _:
                # --pre, --prefer-binary, --all-releases, --only-final: every version is pinned.
                # --use-feature, --config-settings and their like: how to install, not what.
                pass

    @property
    def indexes(self) -> Indexes:
        """The indexes: the last ``-i`` of the closure, which replaces the settings', and every extra one once."""
        first = () if self.index_url is None else (self.index_url,)
        return Indexes(tuple(dict.fromkeys((*first, *self.extra_index_urls))), alone=bool(first))

    @property
    def formats(self) -> FormatControl:
        """What ``--no-binary`` and ``--only-binary`` amount to."""
        return FormatControl(frozenset(self.no_binary), frozenset(self.only_binary))


def _index(option: Option, origin: Origin) -> Address:
    address = Address(option.value.strip())
    if not address.is_web:
        raise LockFileError(
            f"{option.name} does not name an http or https address",
            hint=f"write {option.name} https://host/path/; check that every ${{VARIABLE}} in it is set",
            origin=origin,
        )
    return address


def _host(option: Option, origin: Origin) -> str:
    if host_and_port(option.value) is None:
        raise LockFileError(
            f"{option.name} does not name a host",
            hint="write host or host:port, without scheme, path or credentials",
            origin=origin,
        )
    return option.value


def _select(option: Option, target: set[str], other: set[str], origin: Origin) -> None:
    """Apply a list of names as pip's FormatControl does.

    A name leaves the other option; ``:all:`` forgets all that came before, in both; ``:none:`` empties this one.
    """
    names = [name.strip() for name in option.value.split(",")]
    if option.value.startswith("-") or not all(names):
        raise LockFileError(
            f"{option.name} needs project names with commas between them, :all: or :none:",
            hint=f"write {option.name} name1,name2",
            origin=origin,
        )
    while ALL_PROJECTS in names:
        other.clear()
        target.clear()
        target.add(ALL_PROJECTS)
        names = names[names.index(ALL_PROJECTS) + 1 :]
        if _NO_PROJECTS not in names:
            return
    for name in names:
        if name == _NO_PROJECTS:
            target.clear()
        else:
            other.discard(canonicalize_name(name))
            target.add(canonicalize_name(name))
