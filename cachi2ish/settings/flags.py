"""Every setting, declared once: a field of a part of `Flags`, which is about one subject.

The option, its variable, the key of the configuration file and their lines in the reference (``make reference``)
derive from the field. `load_settings` decides which source is the strongest. ``--help`` loads this module.
"""

# Without `annotations` from `__future__`, as the modules of its other parts: `SETTINGS` needs objects, no text.
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple

from cachi2ish.core.modes import Mode, SbomKind
from cachi2ish.errors import InputError, Origin, UsageError
from cachi2ish.settings.mirror_flags import MirrorFlags
from cachi2ish.settings.network_flags import ConnectionFlags, IndexFlags
from cachi2ish.settings.values import (
    Setting,
    Values,
    key_of,
    metavar,
    one_of,
    path_of,
    toml_boolean,
    toml_text,
    toml_text_or_none,
)


class CacheFlags(Values):
    """Where the shared cache is, and what it is used for."""

    cache_dir: Annotated[
        Path | None,
        Setting(
            help="The shared cache. [default: the user's cache directory]",
            metavar="DIR",
            parse=path_of,
            toml=toml_text_or_none,
            wanted="the path of a folder, as text",
        ),
    ] = None
    cache_key: Annotated[
        Path | None,
        Setting(
            help="The file with the key of those who share the cache and trust one another."
            " [default: each user's own]",
            metavar="FILE",
            parse=path_of,
            toml=toml_text_or_none,
            wanted="the path of a file, as text",
        ),
    ] = None
    no_cache: Annotated[
        bool,
        Setting(
            help="Neither read nor fill the shared cache.",
            variable=False,
            toml=toml_boolean,
            wanted="true or false",
        ),
    ] = False
    offline: Annotated[
        bool | None,
        Setting(
            help="Ask nobody: use the cache only, and say all that it lacks.",
            negatable=True,
            toml=toml_boolean,
            wanted="true or false",
        ),
    ] = None


class OutputFlags(Values):
    """What is written.

    dry_run: nothing is to be written, neither into the cache.
    """

    dry_run: Annotated[bool, Setting(help="Print what would be fetched, and write nothing.", variable=False)] = (
        False
    )
    report: Annotated[
        Path | None,
        Setting(
            help="Write what was fetched, from where, and what it took, as JSON, even if the run fails;"
            " - is standard output.",
            metavar="FILE",
            parse=path_of,
            variable=False,
        ),
    ] = None
    sbom_output_type: Annotated[
        SbomKind | None,
        Setting(
            help="The format of the bill of materials: CycloneDX 1.6 or SPDX 2.3. [default: cyclonedx]",
            metavar=metavar(SbomKind),
            parse=one_of(SbomKind),
            toml=toml_text,
            wanted='"cyclonedx" or "spdx"',
        ),
    ] = None


class LogLevel(StrEnum):
    """How much a run reports."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


#: What other programs call these levels. An error is reported at every level.
_LEVELS = {
    "trace": LogLevel.DEBUG,
    "warn": LogLevel.WARNING,
    **dict.fromkeys(("critical", "fatal", "panic"), LogLevel.ERROR),
}


class RunFlags(Values):
    """How much a run reports, what it lets pass, and which file has its settings."""

    log_level: Annotated[
        LogLevel | None,
        Setting(
            help="How much to tell: debug, info, warning or error. [default: info]",
            metavar="LEVEL",
            parse=one_of(LogLevel, _LEVELS),
            any_command=True,
        ),
    ] = None
    mode: Annotated[
        Mode | None,
        Setting(
            help="strict, or permissive: some problems become warnings that the SBOM records. [default: strict]",
            metavar="MODE",
            parse=one_of(Mode),
            any_command=True,
            toml=toml_text,
            wanted='"strict" or "permissive"',
        ),
    ] = None
    require_fresh: Annotated[
        bool | None,
        Setting(
            help="Refuse a lock file that does not fit its pyproject.toml any more, instead of a warning.",
            negatable=True,
            toml=toml_boolean,
            wanted="true or false",
        ),
    ] = None
    config_file: Annotated[
        Path | None,
        Setting(
            help="Settings in TOML, or in YAML as Hermeto reads them (*.yaml, *.yml)."
            " [default: cachi2ish/config.toml in the user's configuration directory]",
            metavar="FILE",
            parse=path_of,
            any_command=True,
        ),
    ] = None


class Flags(IndexFlags, CacheFlags, ConnectionFlags, OutputFlags, RunFlags, MirrorFlags):
    """The settings of one source: the command line with its variables, or a configuration file.

    None and empty: unset. drop_in: the program stands in for Hermeto.
    """

    drop_in: bool = False


#: Every setting by the name of its field, in the order of the parts.
SETTINGS: Mapping[str, Setting] = {
    name: hint.__metadata__[0] for part in Flags.__bases__ for name, hint in part.__annotations__.items()
}

#: Those that a run follows; the others are the mirror's.
RUN_SETTINGS = tuple(name for name, setting in SETTINGS.items() if not setting.option)


def option_of(name: str) -> str:
    """Return the option of a setting, without its hyphens."""
    return SETTINGS[name].option or key_of(name)


class Source(NamedTuple):
    """Settings and where they come from. file: None for the command line."""

    flags: Flags
    file: Path | None = None

    def name(self, setting: str) -> str:
        """Return what the setting is called there."""
        return f"--{option_of(setting)}" if self.file is None else key_of(setting)

    def error(self, problem: str, hint: str = "") -> InputError:
        """Return the error for a value that makes no sense: of an option, it is one of usage."""
        if self.file is None:
            return UsageError(problem, hint=hint)
        return InputError(problem, hint=hint, origin=Origin(str(self.file)))
