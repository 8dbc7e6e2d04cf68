"""Every setting, declared once: a field of `Flags`.

The option, its variable, the key of the configuration file and their lines in the reference (``make reference``)
derive from the field. `load_settings` decides which source is the strongest. ``--help`` loads this module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, get_origin, get_type_hints

from cachi2ish.core.modes import Missing, Mode, SbomKind
from cachi2ish.errors import InputError, Origin, UsageError
from cachi2ish.settings.values import (
    metavar,
    one_of,
    parse_size,
    path_of,
    toml_boolean,
    toml_date,
    toml_number,
    toml_text,
    toml_text_or_none,
    toml_texts,
    toml_words,
    whole_number,
)

#: As many connections as saturate a line of 400 Mbit/s at 30 ms; more only burden the index.
DEFAULT_CONCURRENCY = 32

#: What ``--concurrency`` and the configuration file refuse to go beyond.
MOST_CONCURRENT = 256


class LogLevel(StrEnum):
    """How much a run reports."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class KeyringProvider(StrEnum):
    """Who is asked for the password of a user whom an index URL names without one: the program, or nobody."""

    DISABLED = "disabled"
    SUBPROCESS = "subprocess"


#: What other programs call these levels. An error is reported at every level.
_LEVELS = {
    "trace": LogLevel.DEBUG,
    "warn": LogLevel.WARNING,
    **dict.fromkeys(("critical", "fatal", "panic"), LogLevel.ERROR),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a setting is written.

    help: the option's. metavar: what stands for its value there; empty for an option without one.
    parse: reads the text of an option or a variable; raises `InvalidValueError`.
    negatable: whether ``--no-…`` takes it back. repeatable: whether there may be several.
    variable: whether there is a variable. any_command: the option stands before every command, too; there the
    variable is read, so that it is weaker than either.
    toml: reads a value of the configuration file; None where the file has no such key.
    wanted: what the file takes, in words.
    """

    help: str
    metavar: str = ""
    parse: Callable[[str], Any] = str
    negatable: bool = False
    repeatable: bool = False
    variable: bool = True
    any_command: bool = False
    toml: Callable[[object], bool | str | tuple[str, ...] | None] | None = None
    wanted: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """The settings of one source: the command line with its variables, or a configuration file.

    None and empty: unset.
    dry_run: nothing is to be written, neither into the cache. drop_in: the program stands in for Hermeto.
    """

    log_level: Annotated[
        LogLevel | None,
        Setting(
            help="How much to tell: debug, info, warning or error. [default: info]",
            metavar="LEVEL",
            parse=one_of(LogLevel, _LEVELS),
            any_command=True,
        ),
    ] = None
    dry_run: Annotated[bool, Setting(help="Print what would be fetched, and write nothing.", variable=False)] = (
        False
    )
    index_url: Annotated[
        str | None,
        Setting(
            help="The index to ask. [default: pip's setting, else PyPI]",
            metavar="URL",
            toml=toml_text_or_none,
            wanted='the address of an index, such as "https://host/simple/"',
        ),
    ] = field(default=None, repr=False)
    extra_index_url: Annotated[
        tuple[str, ...],
        Setting(
            help="An index to ask for projects that the ones before it do not have; may be repeated.",
            metavar="URL",
            repeatable=True,
            toml=toml_texts,
            wanted="the address of an index, or a list of them",
        ),
    ] = field(default=(), repr=False)
    index_date: Annotated[
        str | None,
        Setting(
            help="Read indexes as of then: 2024-10-01 (the end of that day, UTC), 2024-10-01T12:00:00Z, or a"
            " duration back from now such as '7 days' or P7D.",
            metavar="DATE",
            toml=toml_date,
            wanted='a date such as 2024-10-01, an instant, or a duration such as "7 days"',
        ),
    ] = None
    index_date_missing: Annotated[
        tuple[str, ...],
        Setting(
            help="With a date: refuse or allow files without upload time, on all indexes or on the one at URL;"
            " may be repeated. [default: refuse]",
            metavar="[URL=]WORD",
            repeatable=True,
            toml=toml_words(Missing),
            wanted='"refuse" or "allow", or a table of these by the address of an index',
        ),
    ] = field(default=(), repr=False)
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
    concurrency: Annotated[
        int | None,
        Setting(
            help=f"Files under way at once, at most {MOST_CONCURRENT}. [default: {DEFAULT_CONCURRENCY}]",
            metavar="N",
            parse=whole_number(1, MOST_CONCURRENT),
            toml=toml_number,
            wanted=f"a whole number from 1 to {MOST_CONCURRENT}",
        ),
    ] = None
    least_speed: Annotated[
        int | None,
        Setting(
            help="Give up an answer that comes more slowly, in bytes a second, and try again: 10kB, or 0 for any"
            " speed. [default: 1kB]",
            metavar="SIZE",
            parse=parse_size,
            toml=toml_text,
            wanted='a size with a unit such as "10kB", or "0", as text',
        ),
    ] = None
    keyring_provider: Annotated[
        KeyringProvider | None,
        Setting(
            help="Who knows the password of a user whom an index URL names without one: the program keyring"
            " (subprocess), or nobody but netrc. [default: pip's setting, else disabled]",
            metavar=metavar(KeyringProvider),
            parse=one_of(KeyringProvider),
            toml=toml_text,
            wanted='"subprocess" or "disabled"',
        ),
    ] = None
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
    drop_in: bool = False


#: Every setting by the name of its field.
SETTINGS: Mapping[str, Setting] = {
    name: hint.__metadata__[0]
    for name, hint in get_type_hints(Flags, include_extras=True).items()
    if get_origin(hint) is Annotated
}


def key_of(name: str) -> str:
    """Return the key of a setting in the configuration file; the option has two hyphens before it."""
    return name.replace("_", "-")


def variable_of(name: str) -> str:
    """Return the variable of a setting."""
    return f"CACHI2ISH_{name.upper()}"


@dataclass(frozen=True, slots=True)
class Source:
    """Settings and where they come from. file: None for the command line."""

    flags: Flags
    file: Path | None = None

    def name(self, setting: str) -> str:
        """Return what the setting is called there."""
        return f"{'--' if self.file is None else ''}{key_of(setting)}"

    def error(self, problem: str, hint: str = "") -> InputError:
        """Return the error for a value that makes no sense: of an option, it is one of usage."""
        if self.file is None:
            return UsageError(problem, hint=hint)
        return InputError(problem, hint=hint, origin=Origin(str(self.file)))
