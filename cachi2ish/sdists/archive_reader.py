"""What an archive says it is."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from stat import S_IFDIR

from msgspec.structs import replace
from packaging.utils import canonicalize_name

from cachi2ish.core.distributions import is_wheel
from cachi2ish.errors import DistributionError, InputError, StorageError
from cachi2ish.files.scratch import scratch_directory
from cachi2ish.files.user_files import kind_of
from cachi2ish.projects.interface import ProjectReader
from cachi2ish.sdists.forward import Budget, Limits, TooLargeError
from cachi2ish.sdists.interface import Identity
from cachi2ish.sdists.members import Member, reading
from cachi2ish.sdists.metadata import parse_core_metadata
from cachi2ish.sdists.shortcut import QuickReader, find_members_at
from cachi2ish.sdists.text_reader import SeenTexts
from cachi2ish.sdists.unpacking import unpack_sources

_PKG_INFO = "PKG-INFO"
_PYPROJECT = "pyproject.toml"
_METADATA = "METADATA"
_DIST_INFO = ".dist-info"


#: Different things that one archive says of itself and that are kept for an error; more than one is an error.
_MOST_FACTS = 100

#: A ``pyproject.toml`` that says nothing of how it is built.
_UNKNOWN = b"build-system"


class _Found:
    """What stands at one place of an archive. Of several files of one name, the last stays when pip unpacks it.

    pyproject: the last ``pyproject.toml``, None where there is none.
    """

    def __init__(self) -> None:
        self.pyproject: bytes | None = None
        self._identity: Identity | None = None
        self._facts: dict[tuple[str, str | None], str] = {}  # and how each was spelled at first

    def add(self, identity: Identity | None) -> None:
        """Take in what one ``PKG-INFO`` says, None where it says nothing."""
        if identity is None:
            return
        self._identity = identity
        if len(self._facts) < _MOST_FACTS:
            fact = canonicalize_name(identity.name), identity.version
            self._facts.setdefault(fact, f"{identity.name} {identity.version}")

    def identity(self, filename: str) -> Identity | None:
        """Return what all of it says; raises `DistributionError` where it contradicts itself.

        pip unpacks all of it; others that read the archive may stop at the first.
        """
        if len(self._facts) > 1:
            raise DistributionError(
                f"{filename} says more than once what it is: {', '.join(self._facts.values())}",
                hint="it may have been made to do harm; look at it before you use it",
            )
        return self._identity


class _Links:
    """The links of one archive so far. pip makes them, and what it writes behind them later lands elsewhere."""

    def __init__(self, filename: str, most: int) -> None:
        self._filename = filename
        self._most = most
        self._links = set[tuple[str, ...]]()
        self._metadata = set[tuple[str, ...]]()

    def check(self, member: Member) -> None:
        """Take in a member; raises `DistributionError` where it could take the place of metadata unseen."""
        parts = member.parts
        # A link over a link, too: where a hard one cannot be made, its content is written through the other.
        if (self._links and any(parts[:depth] in self._links for depth in range(1, len(parts) + 1))) or (
            member.is_link and parts in self._metadata
        ):
            raise DistributionError(
                f"{self._filename} has {'/'.join(parts)!r} behind or over a link",
                hint="it may have been made to do harm; look at it before you use it",
            )
        if member.is_link:
            self._links.add(parts)
        elif parts[-1] in {_PKG_INFO, _PYPROJECT}:
            self._metadata.add(parts)
        if max(len(self._links), len(self._metadata)) > self._most:
            raise TooLargeError(f"it has more than {self._most} links, or places of metadata")


class ArchiveReader:
    """Implements ``SdistReader`` and ``WheelReader``: archives are read as streams, and no code in them is run.

    projects: asked about an archive without core metadata, such as a hosting site makes of a tag.
    scratch: where its small files are unpacked for that, None for the system's temporary directory.
    seen: keeps the texts at the top of an sdist that are met on the way. quick: looks into usual archives.
    """

    def __init__(
        self,
        projects: ProjectReader,
        *,
        limits: Limits | None = None,
        scratch: Path | None = None,
        seen: SeenTexts | None = None,
        quick: QuickReader = find_members_at,
    ) -> None:
        self._projects = projects
        self._seen = seen
        self._limits = limits or Limits()
        self._scratch = scratch
        self._quick = quick

    def identify(self, path: Path, filename: str, subdirectory: str | None = None) -> Identity | None:
        """Return what the archive says it is, or None where nothing tells.

        Raises `DistributionError` for a broken or unsafe archive and for a wheel without metadata, and
        `StorageError` where the file cannot be read.
        """
        budget = Budget(self._limits)
        if is_wheel(filename):
            return self._wheel(path, filename, budget)[1]
        folder = PurePosixPath(subdirectory or ".").parts
        if "/" in folder or ".." in folder:
            raise DistributionError(
                f"{filename}: the folder {subdirectory!r} lies outside of the archive",
                hint="check #subdirectory= in the requirement",
            )
        found = self._core_metadata(path, filename, folder, budget)
        return found or self._declared(path, filename, folder, budget)

    def _core_metadata(
        self, path: Path, filename: str, folder: tuple[str, ...], budget: Budget
    ) -> Identity | None:
        # As pip, which builds what is below the one folder that holds everything, or what stands at the top where
        # a file stands beside it.
        seen = None if folder else self._seen
        names = {_PKG_INFO, _PYPROJECT, *(seen.names if seen else ())}
        quick = self._quick(path, folder, names, budget)
        if quick and quick[_PKG_INFO]:
            found = _Found()
            for one in quick[_PKG_INFO]:
                found.add(parse_core_metadata(one))
            found.pyproject = quick[_PYPROJECT][-1] if quick[_PYPROJECT] else None
            identity = self._identity(found, filename)
            if seen and identity is not None:
                seen.keep(path, quick, identity.build_requires)
            return identity
        flat = False
        in_folder, at_top, links = _Found(), _Found(), _Links(filename, self._limits.links)
        with reading(path, filename, budget) as members:
            for member in members:
                flat = flat or len(member.parts) == 1
                links.check(member)
                if member.is_link:
                    continue
                below = member.parts[1:]
                if below and below[:-1] == folder:
                    self._take(in_folder, member)
                elif member.parts[:-1] == folder:
                    self._take(at_top, member)
        return self._identity(at_top if flat else in_folder, filename)

    def _take(self, found: _Found, member: Member) -> None:
        if member.parts[-1] == _PKG_INFO:
            found.add(parse_core_metadata(self._content(member)))
        elif member.parts[-1] == _PYPROJECT:
            # One that is too large for anybody to write is not read: nothing is known then.
            found.pyproject = member.read() if member.size <= self._limits.file else _UNKNOWN

    def _identity(self, found: _Found, filename: str) -> Identity | None:
        identity = found.identity(filename)
        if identity is None:
            return None
        return replace(identity, build_requires=self._projects.build_requires(found.pyproject))

    def wheel_metadata(self, path: Path, filename: str) -> bytes:
        """Return the core metadata of a wheel, as `WheelReader.wheel_metadata` says."""
        return self._wheel(path, filename, Budget(self._limits))[0]

    def _wheel(self, path: Path, filename: str, budget: Budget) -> tuple[bytes, Identity]:
        found: dict[str, tuple[bytes, Identity | None]] = {}
        total = 0
        with reading(path, filename, budget, f"{_DIST_INFO}/{_METADATA}") as members:
            for member in members:
                folder, *rest = member.parts
                if folder.endswith(_DIST_INFO) and rest == [_METADATA]:
                    content = self._content(member)
                    total += len(content)
                    if total > self._limits.unpacked:
                        raise TooLargeError(f"its metadata has more than {self._limits.unpacked} bytes")
                    found[folder] = content, parse_core_metadata(content)
        project = canonicalize_name(filename.partition("-")[0])
        # As pip: by the beginning, since not all names of folders are escaped.
        own = [one for folder, one in found.items() if canonicalize_name(folder).startswith(project)]
        if len(found) == 1 and own:
            content, identity = own[0]
            if identity is not None:
                return content, identity
        listed = ", ".join(sorted(found)) or "none"
        raise DistributionError(
            f"{filename} has no metadata of its own (.dist-info with METADATA: {listed})",
            hint="the wheel is damaged or not a wheel of this project; ask its publisher",
        )

    def _content(self, member: Member) -> bytes:
        if member.size > self._limits.metadata:
            raise TooLargeError(f"{'/'.join(member.parts)!r} has {member.size} bytes")
        return member.read()

    def _declared(self, path: Path, filename: str, folder: tuple[str, ...], budget: Budget) -> Identity | None:
        try:
            with scratch_directory("cachi2ish-sdist-", self._scratch) as unpacked:
                with reading(path, filename, budget) as members:
                    root = unpack_sources(members, unpacked, budget)
                project = "/".join(folder) or "."
                if kind_of(root / project) != S_IFDIR:
                    if not folder:
                        return None  # nothing in it is small and near enough to be looked at
                    raise DistributionError(
                        f"{filename} has no folder {project!r}",
                        hint="check #subdirectory= in the requirement",
                    )
                declared = self._projects.read(root, project, None)
                requires = self._projects.read_build_requires(root, project)
        except InputError as error:
            raise DistributionError(f"{filename}: {error}", hint=error.hint) from None
        except OSError as error:
            raise StorageError(
                f"{filename} cannot be unpacked to be looked at ({error.strerror or error})",
                hint="check the space and the rights in the temporary directory",
                cause=(path, error.errno),
            ) from error
        return Identity(declared.name, declared.version, build_requires=requires) if declared.name else None
