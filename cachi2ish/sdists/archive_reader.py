"""What an archive says it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from stat import S_IFDIR

from packaging.utils import canonicalize_name

from cachi2ish.core.distributions import is_wheel
from cachi2ish.errors import DistributionError, InputError, StorageError
from cachi2ish.files.scratch import scratch_directory
from cachi2ish.files.user_files import kind_of
from cachi2ish.projects.interface import ProjectReader
from cachi2ish.sdists.forward import Budget, Limits, TooLargeError
from cachi2ish.sdists.interface import Identity
from cachi2ish.sdists.members import Member, reading, unpack_sources
from cachi2ish.sdists.metadata import parse_core_metadata
from cachi2ish.sdists.shortcut import QuickReader, find_members_at
from cachi2ish.sdists.text_reader import SeenTexts

_PKG_INFO = "PKG-INFO"
_PYPROJECT = "pyproject.toml"
_METADATA = "METADATA"
_DIST_INFO = ".dist-info"


#: A ``pyproject.toml`` that says nothing of how it is built.
_UNKNOWN = b"build-system"


@dataclass(slots=True)
class _Found:
    """What stands at one place of an archive, in its order."""

    identities: list[Identity | None] = field(default_factory=list)
    pyprojects: list[bytes] = field(default_factory=list)


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
            identity = _agreed([parse_core_metadata(one) for one in quick[_PKG_INFO]], filename)
            identity = self._with_build_requires(identity, quick[_PYPROJECT])
            if seen and identity is not None:
                seen.keep(path, quick, identity.build_requires)
            return identity
        flat = False
        in_folder, at_top = _Found(), _Found()
        with reading(path, filename, budget) as members:
            for member in members:
                flat = flat or len(member.parts) == 1
                if member.is_link:
                    continue
                below = member.parts[1:]
                if below and below[:-1] == folder:
                    self._take(in_folder, member)
                elif member.parts[:-1] == folder:
                    self._take(at_top, member)
        found = at_top if flat else in_folder
        return self._with_build_requires(_agreed(found.identities, filename), found.pyprojects)

    def _take(self, found: _Found, member: Member) -> None:
        if member.parts[-1] == _PKG_INFO:
            found.identities.append(self._parsed(member))
        elif member.parts[-1] == _PYPROJECT:
            # One that is too large for anybody to write is not read: nothing is known then.
            found.pyprojects.append(member.read() if member.size <= self._limits.file else _UNKNOWN)

    def _with_build_requires(self, identity: Identity | None, pyprojects: Sequence[bytes]) -> Identity | None:
        if identity is None:
            return None
        # Of several, the last stays when pip unpacks the archive.
        requires = self._projects.build_requires(pyprojects[-1] if pyprojects else None)
        return replace(identity, build_requires=requires)

    def wheel_metadata(self, path: Path, filename: str) -> bytes:
        """Return the core metadata of a wheel, as `WheelReader.wheel_metadata` says."""
        return self._wheel(path, filename, Budget(self._limits))[0]

    def _wheel(self, path: Path, filename: str, budget: Budget) -> tuple[bytes, Identity]:
        found: dict[str, tuple[bytes, Identity | None]] = {}
        with reading(path, filename, budget, f"{_DIST_INFO}/{_METADATA}") as members:
            for member in members:
                folder, *rest = member.parts
                if folder.endswith(_DIST_INFO) and rest == [_METADATA]:
                    content = self._content(member)
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

    def _parsed(self, member: Member) -> Identity | None:
        return parse_core_metadata(self._content(member))

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


def _agreed(found: Iterable[Identity | None], filename: str) -> Identity | None:
    """Return what all metadata of one place says; raises `DistributionError` where it contradicts itself.

    pip unpacks all of it, and the last file of a name stays; others that read the archive may stop at the first.
    """
    named = [identity for identity in found if identity is not None]
    different = {f"{one.name} {one.version}": one for one in named}
    facts = {(canonicalize_name(one.name), one.version) for one in named}
    if len(facts) > 1:
        raise DistributionError(
            f"{filename} says more than once what it is: {', '.join(different)}",
            hint="it may have been made to do harm; look at it before you use it",
        )
    return named[-1] if named else None
