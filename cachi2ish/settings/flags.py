"""Every setting, declared once: a field of a part of `Flags`, which is about one subject.

The option, its variable, the key of the configuration file and their lines in the reference (``make reference``)
derive from the field. `load_settings` decides which source is the strongest. ``--help`` loads this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_origin, get_type_hints

from cachi2ish.errors import InputError, Origin, UsageError
from cachi2ish.settings.mirror_flags import MirrorFlags
from cachi2ish.settings.network_flags import ConnectionFlags, IndexFlags
from cachi2ish.settings.run_flags import CacheFlags, OutputFlags, RunFlags
from cachi2ish.settings.values import Setting, key_of


@dataclass(frozen=True, kw_only=True)
class Flags(IndexFlags, CacheFlags, ConnectionFlags, OutputFlags, RunFlags, MirrorFlags):
    """The settings of one source: the command line with its variables, or a configuration file.

    None and empty: unset. drop_in: the program stands in for Hermeto.
    """

    drop_in: bool = False


#: Every setting by the name of its field, in the order of the parts.
SETTINGS: Mapping[str, Setting] = {
    name: hint.__metadata__[0]
    for part in Flags.__bases__
    for name, hint in get_type_hints(part, include_extras=True).items()
    if get_origin(hint) is Annotated
}

#: Those that a run follows; the others are the mirror's.
RUN_SETTINGS = tuple(name for name, setting in SETTINGS.items() if not setting.option)


def option_of(name: str) -> str:
    """Return the option of a setting, without its hyphens."""
    return SETTINGS[name].option or key_of(name)


@dataclass(frozen=True, slots=True)
class Source:
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
