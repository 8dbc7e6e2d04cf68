"""Lock files as the other rooms see them: a file becomes a `Lock`, and the addresses in it can be replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from cachi2ish.core.messages import excerpt, shortened
from cachi2ish.core.pages import IndexFile
from cachi2ish.core.requirements import FormatControl, Git, Pinned, Purpose, Requirement, Url
from cachi2ish.core.structs import compared_without, repr_without
from cachi2ish.core.urls import Address
from cachi2ish.errors import InputError, LockFileError, Origin


class Selection(Struct, frozen=True):
    """What of a lock file is wanted, in the words of the tool that wrote it.

    groups, extras: beside those that the tool takes without being asked; `EVERYTHING` in them is all. no_groups:
    those that it is not to take. packages: members of a workspace; empty for those that the tool takes.
    """

    groups: tuple[str, ...] = ()
    no_groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


#: Stands for all groups or extras.
EVERYTHING = ":all:"

#: Nothing but what a tool takes without being asked.
DEFAULT = Selection()


#: What an address of a file can stand for.
Addressed = Url | Git | IndexFile


class LockText(Struct, frozen=True):
    """A file whose addresses ``inject-files`` rewrites. Only the `Rewriter` of its format knows what is in it.

    file: relative to the source directory. text: as the user wrote it, decoded, with an earlier
    ``inject-files`` undone. direct: what its addresses stand for in the order of the text: URL and git
    requirements, files of an index; None for one that stays. encoding: what the bytes were decoded with (PEP 263
    coding line, byte-order mark). only_fetched: an address stays where its file is not in the output.
    """

    file: str
    text: str
    direct: tuple[Addressed | None, ...]
    encoding: str = "utf-8"
    only_fetched: bool = False

    __repr__ = repr_without("text")


class Needs(Struct, frozen=True):
    """Who needs what in a lock file. Requirements are named by their place in `Lock.requirements`.

    groups: by requirement, the groups and extras (``extra:s3``) that lead to it. direct: what the project itself
    needs. edges: from a requirement to one that it needs.
    """

    groups: Mapping[int, frozenset[str]]
    direct: frozenset[int]
    edges: frozenset[tuple[int, int]]


class SourceFolder(Struct, frozen=True, kw_only=True):
    """A package of a lock that is not fetched, since it is a folder of the source. path: relative to its root."""

    name: str
    path: str
    origin: Origin

    def __str__(self) -> str:
        return f"{self.origin}: {excerpt(self.name)} is not fetched: it is the folder {self.path!r} of the source"

    def built_with(self, requires: tuple[str, ...]) -> str:
        """Return the sentence with what the folder is built with, where that is known."""
        return f"{self}, and is built with {shortened(', '.join(requires))}" if requires else str(self)


#: What is told of a lock, as a sentence or as one that others complete.
Note = str | SourceFolder


class Lock(Struct, frozen=True, eq=False):
    """A lock file that was named in the input, together with all that it includes.

    file: relative to the source directory, POSIX separators.
    index_urls: all that it names; their credentials count for their hosts.
    trusted_hosts: ``host`` or ``host:port``, for which TLS certificates are not checked.
    require_hashes: each requirement has a strong digest, or a commit, because the lock file demands it.
    format_control: what it says of the kinds of distribution, which pip passes on to what it builds.
    unconstrained: in hash-checking mode of pip, the pins that no constraint repeats. pip before 23.3 may give one
    up where a distribution asks for an extra of it.
    texts: the files of the closure that ``inject-files`` rewrites.
    scope: the environments that it is for, where it says so.
    notes, warnings: what a person should know, as sentences.
    stale: why it does not fit the project any more, with the command that mends it.
    needs: returns who needs what, where it says so; None for a requirements file.
    """

    file: str
    requirements: tuple[Requirement, ...]
    index_urls: tuple[Address, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    require_hashes: bool = False
    format_control: FormatControl = FormatControl()
    unconstrained: tuple[Pinned, ...] = ()
    texts: tuple[LockText, ...] = ()
    scope: Scope | None = None
    notes: tuple[Note, ...] = ()
    warnings: tuple[str, ...] = ()
    stale: tuple[LockFileError, ...] = ()
    needs: Callable[[], Needs] | None = None

    __repr__ = repr_without("needs")
    __eq__, __hash__ = compared_without("needs")

    @property
    def folders(self) -> tuple[SourceFolder, ...]:
        """What of the lock is a folder of the source."""
        return tuple(one for one in self.notes if isinstance(one, SourceFolder))

    @property
    def asks_an_index(self) -> bool:
        """Whether a pin names no file of its own."""
        return any(isinstance(one, Pinned) and not one.files for one in self.requirements)


class Scope(Struct, frozen=True):
    """The environments that a lock file is for, in each of which it has one entry for a project (PEP 751).

    requires_python: a specifier set as text, or None. environments: markers, one of which holds; empty for all.
    """

    requires_python: str | None = None
    environments: tuple[str, ...] = ()


class LockReader(Protocol):
    """Reads one format. A new one is a module with such a class, and its line in `READERS` (`readers.py`)."""

    @property
    def names(self) -> tuple[str, ...]:
        """How its files are called: names and patterns (`fnmatch`), as messages show them."""
        ...

    @property
    def keys(self) -> frozenset[str]:
        """Which fields of `Selection` mean something in the format."""
        ...

    def read(
        self, source: Path, file: str, purpose: Purpose, environ: Mapping[str, str], selection: Selection = DEFAULT
    ) -> Lock:
        """Return the requirements of ``source / file`` and of all that it includes, as far as they are selected.

        source: the root of the user's tree, resolved. file: relative to it, POSIX separators.
        environ: for ``${VAR}``.
        Raises `InputError` for a name in ``selection`` that the file lacks, where the file itself is missing, or a
        record of an injection is damaged; one `LockFileError` or an `ErrorGroup` of all that is wrong in the
        whole closure.
        """
        ...


class LockFiles(Protocol):
    """All formats: which reader a file is for is decided by its name and by the key of the input that names it."""

    def read_requirements(self, source: Path, file: str, purpose: Purpose, environ: Mapping[str, str]) -> Lock:
        """Read a file that the input names as a requirements file, whatever it is called.

        Raises what `LockReader.read` raises, and `InputError` for a file that is called like another format's.
        """
        ...

    def read_lock(
        self, source: Path, file: str, environ: Mapping[str, str], selection: Selection = DEFAULT
    ) -> Lock:
        """Read a file that the input names as ``lockfile``; raises as `read_requirements` does.

        Raises `InputError` too where ``selection`` has what the format knows nothing of.
        """
        ...

    def unlocked(self, source: Path, folder: str) -> InputError | None:
        """Return what is wrong with a folder without a requirements file: something there needs one.

        folder: relative to ``source``. None where nothing there declares dependencies.
        """
        ...


class Placed(Struct, frozen=True):
    """What a URL or git requirement, or a file of an index, became in ``deps/pip``.

    filename: plain name. sha256: of the archive, where the requirement states no digest of its own (git):
    it is written beside the path, so that pip's hash checking holds offline.
    """

    filename: str
    sha256: str | None = None


class Decoded(Struct, frozen=True):
    """A file as text. A byte-order mark stays the first character, so that `Rewriter.encode` is exact."""

    text: str
    encoding: str


class Rewriter(Protocol):
    """Replaces the addresses of a lock file, and nothing else in it; and takes that back.

    All functions are pure. A *record* is text to be stored beside the rewritten file under `record_name`;
    it holds the addresses as the user wrote them.
    """

    def decode(self, content: bytes, file: str) -> Decoded:
        """Return the text of a file, decoded as pip does; raises `LockFileError`."""
        ...

    def encode(self, text: str, encoding: str) -> bytes:
        """Return the bytes to write; raises `InputError` where the encoding has no room for a character."""
        ...

    def replacement_urls(self, text: str, placed: Sequence[Placed | None]) -> tuple[str, ...]:
        """Return the template (with ``${output_dir}``) for each address, in the order of ``text``.

        An address for which None is ``placed`` stays: its template is empty.
        Raises `InputError` where ``placed`` is not of the same length.
        """
        ...

    def substitute(self, text: str, urls: Sequence[str]) -> str:
        """Return ``text`` with each address replaced that has a template; every other byte stays.

        urls: templates, or templates with ``${output_dir}`` filled in. The directory must be written as in
        a URL (percent-encoded): white space would end the address. Raises `InputError` for a wrong count.
        """
        ...

    def restore(self, text: str, record: str | None) -> str:
        """Return ``text`` as it was before `substitute`, whatever the directory was.

        record: the text stored beside it, None where there is none. Addresses that it does not know stay.
        Raises `InputError` for a damaged record.
        """
        ...

    def record(self, text: str, urls: Sequence[str]) -> str:
        """Return the record to store when ``text`` is rewritten with ``urls``."""
        ...

    def record_name(self, filename: str) -> str:
        """Return what the record of a file is called, beside the file."""
        ...

    def redacted(self, text: str) -> str:
        """Return ``text`` without the credentials in its addresses: fit for an output."""
        ...


#: Returns a lock as the text of a requirements file of a name.
Exporter = Callable[[Lock, str], LockText]

#: Returns what rewrites a file, by its name.
RewriterOf = Callable[[str], Rewriter]
