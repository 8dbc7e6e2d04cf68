"""The packages that ``fetch-deps`` is asked for: the keys of the input, and what they may say.

All that is wrong with them is raised at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Struct

from cachi2ish.core.choose.checks import Policy
from cachi2ish.core.messages import did_you_mean
from cachi2ish.core.requirements import BuildSearch, Pinned
from cachi2ish.errors import Cachi2ishError, InputError, raise_all
from cachi2ish.files.foreign import Before, UnfitValueError, WrongShapeError, read
from cachi2ish.lockfiles.interface import DEFAULT, Lock, Selection
from cachi2ish.services.fetch.input.target_input import BinaryInput, TargetInput

if TYPE_CHECKING:
    from pydantic import JsonValue

#: Flags that Hermeto knows; all concern other package managers.
_FOREIGN_FLAGS = ("cgo-disable", "dev-package-managers", "force-gomod-tidy", "gomod-vendor", "gomod-vendor-check")

#: Package types that another tool prefetches.
_TYPES_OF_HERMETO = frozenset(
    {
        "bundler",
        "cargo",
        "generic",
        "gomod",
        "huggingface",
        "maven",
        "npm",
        "pnpm",
        "rpm",
        "yarn",
        "yarn-classic",
    }
)

TYPE = "pip"

#: Types that stand for a lock file of the tool.
SHORT_FORMS: Mapping[str, str] = {
    "conda": "environment.yml",
    "conda-lock": "conda-lock.yml",
    "pdm": "pdm.lock",
    "pipenv": "Pipfile.lock",
    "pixi": "pixi.lock",
    "poetry": "poetry.lock",
    "pylock": "pylock.toml",
    "uv": "uv.lock",
}

#: Words that stand for a type, whatever else there is of that name.
KNOWN_TYPES = frozenset({TYPE, *SHORT_FORMS, *_TYPES_OF_HERMETO})


def _boolean(value: object) -> object:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _date(value: object) -> object:
    if value is not False and not isinstance(value, str):
        raise ValueError("not a date")
    return value


def _not_null(value: object) -> object:
    if value is None:
        raise ValueError("null")
    return value


_Date = Annotated[str | bool, Before(_date)]
_Names = tuple[str, ...]
_Files = Annotated[tuple[str, ...] | None, Before(_not_null)]


class PackageInput(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One package of the input, as the user wrote it.

    path: the folder of the package, relative to the source directory.
    lockfile: a lock file of another format than pip's, relative to ``path``.
    groups, no_groups, extras, packages: what of the lock file is wanted, see `Selection`.
    requirements_files, requirements_build_files: relative to ``path``; None where they are left out.
    build_dependencies: whether what the packages are built with is found in the run.
    build_constraint_files: what that may be, relative to ``path``. build_as_of_upload: sdists, or projects, that
    are built with what there was then. build_tools: programs that are there for building, beside Python.
    allow_binary: take wheels beside sdists. binary: which of them; stronger than allow_binary, as in Hermeto.
    targets: the machines to choose for; wheels: the best for each of them, or all that it accepts.
    index_date: as of when indexes are read, as `cachi2ish.core.cutoff.Cutoff.parse` takes it; false for no date.
    index_date_missing: what becomes of files without upload time, on all indexes.
    index_date_overrides: the date of single projects, false for none.
    index_digest: of the frozen day that all pages are to be in; false for no day, whatever the settings say.
    """

    type: Literal["pip"]
    path: str = "."
    lockfile: Annotated[str | None, Before(_not_null)] = None
    groups: _Names = ()
    no_groups: _Names = ()
    extras: _Names = ()
    packages: _Names = ()
    requirements_files: _Files = None
    requirements_build_files: _Files = None
    build_dependencies: Annotated[Literal["resolve"] | None, Before(_not_null)] = None
    build_constraint_files: _Names = ()
    build_as_of_upload: _Names = ()
    build_tools: _Names = ()
    allow_binary: Annotated[bool, Before(_boolean)] = False
    binary: BinaryInput | None = None
    targets: Annotated[tuple[TargetInput, ...] | None, Before(_not_null)] = None
    wheels: Annotated[Literal["best", "all-compatible"] | None, Before(_not_null)] = None
    index_date: Annotated[str | bool | None, Before(_date)] = None
    index_date_missing: Annotated[Literal["refuse", "allow"] | None, Before(_not_null)] = None
    index_date_overrides: Annotated[dict[str, _Date] | None, Before(_not_null)] = None
    index_digest: Annotated[str | bool | None, Before(_date)] = None

    @property
    def selection(self) -> Selection:
        """What of the lock file is wanted."""
        return Selection(self.groups, self.no_groups, self.extras, self.packages)

    @property
    def build_search(self) -> BuildSearch | None:
        """How what the packages are built with is found in the run; None where it is not."""
        if self.build_dependencies is None:
            return None
        return BuildSearch(self.build_constraint_files, frozenset(self.build_as_of_upload))

    def __post_init__(self) -> None:
        self._refuse_a_selection_from_no_lock()
        self._refuse_two_ways_to_say_which_wheels()
        if self.build_dependencies is not None and self.requirements_build_files:
            raise UnfitValueError(
                '"build_dependencies" and "requirements_build_files" both say what packages are built with',
                "leave one of them out",
            )
        how = ("build_constraint_files", "build_as_of_upload")
        unused = [f'"{key}"' for key in how if getattr(self, key) and self.build_dependencies is None]
        if unused:
            raise UnfitValueError(
                f"{' and '.join(unused)}: nothing is found for which this would count",
                'add "build_dependencies": "resolve", or give it to lock-build-deps as an option',
            )

    def _refuse_a_selection_from_no_lock(self) -> None:
        if self.lockfile is None and self.selection != DEFAULT:
            used = [f'"{key}"' for key in ("groups", "no_groups", "extras", "packages") if getattr(self, key)]
            raise UnfitValueError(
                f"{' and '.join(used)} choose from a lock file, and none is named",
                'name it, for example "lockfile": "uv.lock"; all that a requirements file holds is fetched',
            )

    def _refuse_two_ways_to_say_which_wheels(self) -> None:
        if self.targets is None:
            if self.wheels is not None:
                raise UnfitValueError(
                    '"wheels" says how to choose for "targets", of which there are none', "give targets too"
                )
            return
        if not self.targets:
            raise UnfitValueError('"targets" is empty', "name a target, or leave the key out")
        if self.allow_binary or self.binary is not None:
            other = "binary" if self.binary is not None else "allow_binary"
            raise UnfitValueError(
                f'"targets" and "{other}" both say which wheels to take', "leave one of them out"
            )


class RequestInput(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole input: packages in the order given, and flags, none of which concerns pip."""

    packages: tuple[PackageInput, ...]
    flags: tuple[str, ...] = ()


_SHAPES: Mapping[str, type[Struct]] = {
    "": RequestInput,
    "packages": PackageInput,
    "binary": BinaryInput,
    "targets": TargetInput,
}


def validated(value: JsonValue, place: str) -> RequestInput:
    """Return what a JSON value asks for; raises one `InputError` or an `ErrorGroup`. place: what it is called."""
    if isinstance(value, list):
        value = {"packages": value}
    elif isinstance(value, str):
        value = {"packages": [{"type": value}]}
    elif isinstance(value, dict) and ("packages" not in value or _names_members(value)):
        value = {"packages": [value]}
    value = _written_out(value)
    errors: list[Cachi2ishError] = list(_foreign_types(value, place))
    foreign = bool(errors)
    errors.extend(_foreign_flags(value, place))
    try:
        request = read(value, RequestInput, strict=True)
    except WrongShapeError as error:
        from cachi2ish.services.fetch.input.input_problems import problems  # noqa: PLC0415

        errors.extend(problems(error, place, _SHAPES, skip_types=foreign))
        raise_all(errors)
        raise
    raise_all(errors)
    return request


def _names_members(value: Mapping[str, JsonValue]) -> bool:
    """Return whether an object with "packages" is a package itself, which names members of a workspace."""
    members = value["packages"]
    return "type" in value and not (isinstance(members, list) and any(isinstance(one, dict) for one in members))


def _written_out(value: JsonValue) -> JsonValue:
    """Return the input with each short form as the package that it stands for."""
    packages = value.get("packages") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(packages, list):
        return value
    found: list[JsonValue] = []
    for package in packages:
        kind = package.get("type") if isinstance(package, dict) else None
        if isinstance(package, dict) and isinstance(kind, str) and kind in SHORT_FORMS:
            package = {"lockfile": SHORT_FORMS[kind], **package, "type": TYPE}  # noqa: PLW2901
        found.append(package)
    return {**value, "packages": found}


def _foreign_types(value: JsonValue, place: str) -> Iterable[InputError]:
    packages = value.get("packages") if isinstance(value, dict) else None
    if not isinstance(packages, list):
        return
    types = [package.get("type") if isinstance(package, dict) else None for package in packages]
    foreign = {number: kind for number, kind in enumerate(types) if isinstance(kind, str) and kind != TYPE}
    if not foreign:
        return
    kinds = sorted(set(foreign.values()))
    places = f" ({place}, {', '.join(f'packages[{number}]' for number in foreign)})" if len(packages) > 1 else ""
    if any(get_close_matches(kind.lower(), [TYPE, "pypi", "python"], cutoff=0.6) for kind in kinds):
        hint = 'did you mean "pip"?'
    elif _TYPES_OF_HERMETO.issuperset(kinds):
        hint = "take these out of the input, and prefetch them with Hermeto"
    else:
        hint = f'the only type is "pip"; {" and ".join(SHORT_FORMS)} stand for it with the lock file of that tool'
    yield InputError(f"cachi2ish prefetches packages of type pip, not {', '.join(kinds)}{places}", hint=hint)


def _foreign_flags(value: JsonValue, place: str) -> Iterable[InputError]:
    flags = value.get("flags") if isinstance(value, dict) else None
    for number, flag in enumerate(flags if isinstance(flags, list) else ()):
        if isinstance(flag, str) and flag not in _FOREIGN_FLAGS:
            yield InputError(
                f"{place}, flags[{number}]: {flag!r} is not a flag",
                hint=did_you_mean(flag, _FOREIGN_FLAGS, "leave flags out"),
            )


def policy_of(package: PackageInput) -> Policy:
    """Return what a package of the input allows, before its requirements files have their say."""
    if package.targets is not None:
        targets = tuple(dict.fromkeys(one.target() for one in package.targets))
        return Policy(wheels=True, targets=targets, every_wheel=package.wheels == "all-compatible")
    if package.binary is not None:
        return Policy(wheels=True, binary=package.binary.wheel_filter())
    return Policy(wheels=package.allow_binary)


def policy_warnings(package: PackageInput, place: str, locks: Iterable[Lock]) -> Iterator[str]:
    """Yield what a careful person should look at in the keys that say which wheels."""
    if package.binary is None:
        return
    if package.allow_binary:
        yield f'{place}: "binary" and "allow_binary" are both there: "binary" says which wheels, as in Hermeto'
    wheels = package.binary.wheel_filter()
    for sentence in wheels.unknown_words():
        yield f"{place}.{sentence}"
    pinned = {one.project for lock in locks for one in lock.requirements if isinstance(one, Pinned)}
    for project in sorted((wheels.packages or frozenset()) - pinned):
        yield f"{place}.binary.packages: no pinned requirement is called {project}"
