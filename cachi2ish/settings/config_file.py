"""cachi2ish's own configuration file: what a person or a site would otherwise say in each command line.

TOML, with the options' names as keys. What cannot be understood is refused: a misspelled key would otherwise
be a setting that silently does not hold.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictStr, ValidationError

from cachi2ish.core.messages import did_you_mean
from cachi2ish.errors import InputError, Origin, raise_all
from cachi2ish.files.user_files import refuse_pipes
from cachi2ish.settings.flags import MOST_CONCURRENT

#: Its name in the user's configuration directory.
CONFIG_FILE = "config.toml"


def _date_text(value: object) -> object:
    # TOML has dates and instants of its own, written without quotation marks.
    return value.isoformat() if isinstance(value, date | datetime) else value


def _texts(value: object) -> object:
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


_Word = Literal["refuse", "allow"]


class ConfigFile(BaseModel):
    """What the file says. None and empty: nothing."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=lambda name: name.replace("_", "-")
    )

    index_url: StrictStr | None = Field(None, repr=False)
    extra_index_url: Annotated[tuple[StrictStr, ...], BeforeValidator(_texts)] = Field((), repr=False)
    index_date: Annotated[StrictStr | None, BeforeValidator(_date_text)] = None
    index_date_missing: _Word | dict[StrictStr, _Word] | None = None
    cache_dir: StrictStr | None = None
    no_cache: bool = False
    offline: bool = False
    concurrency: Annotated[int, Field(ge=1, le=MOST_CONCURRENT)] | None = None
    sbom_output_type: Literal["cyclonedx", "spdx"] | None = None
    mode: Literal["strict", "permissive"] | None = None


_WANTED = {
    "index-url": 'the address of an index, such as "https://host/simple/"',
    "extra-index-url": "the address of an index, or a list of them",
    "index-date": 'a date such as 2024-10-01, an instant, or a duration such as "7 days"',
    "index-date-missing": '"refuse" or "allow", or a table of these by the address of an index',
    "cache-dir": "the path of a folder, as text",
    "no-cache": "true or false",
    "offline": "true or false",
    "concurrency": f"a whole number from 1 to {MOST_CONCURRENT}",
    "sbom-output-type": '"cyclonedx" or "spdx"',
    "mode": '"strict" or "permissive"',
}


def read_config_file(file: Path, *, required: bool) -> ConfigFile:
    """Return what ``file`` says: nothing where it is not there and not ``required``.

    Raises `InputError` with file, and line where the TOML is at fault; all unknown and bad keys at once.
    """
    refuse_pipes(file, f"the configuration file {file}")
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        if not required:
            return ConfigFile()
        raise InputError(
            f"the configuration file {file} does not exist",
            hint="check --config-file and CACHI2ISH_CONFIG_FILE",
        ) from error
    except UnicodeDecodeError:
        raise InputError("the configuration file is not UTF-8 text", origin=Origin(str(file))) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"the configuration file {file} cannot be read: {reason}") from None
    try:
        return ConfigFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(str(error), file) from None
    except RecursionError:
        raise _not_toml("it is nested too deeply", file) from None
    except ValidationError as error:
        raise_all(_told(error, file))
        raise


def _not_toml(message: str, file: Path) -> InputError:
    # The parser tells the line in its message; as an attribute only since Python 3.14.
    found = re.search(r" \(at line (\d+), column \d+\)$", message)
    return InputError(
        f"this is not valid TOML: {message[: found.start()] if found else message}",
        hint="write key = value, and texts between quotation marks",
        origin=Origin(str(file), int(found[1]) if found else None),
    )


def _told(error: ValidationError, file: Path) -> Iterator[InputError]:
    told: set[str] = set()
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        key = str(detail["loc"][0])
        if key in told:
            continue  # one problem may be told once for each form that a value may have
        told.add(key)
        if detail["type"] == "extra_forbidden":
            hint = did_you_mean(key.replace("_", "-"), _WANTED, f"the keys are {', '.join(_WANTED)}")
            yield InputError(f"unknown key {key!r}", hint=hint, origin=Origin(str(file)))
        else:
            # The value is not shown: it may be an address with a password in it.
            yield InputError(
                f"the value of {key} is not {_WANTED[key]}", hint=f"give {_WANTED[key]}", origin=Origin(str(file))
            )
