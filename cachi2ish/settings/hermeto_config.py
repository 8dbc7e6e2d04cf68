"""What was said to Hermeto: its variables and its configuration files, as keys and values not yet looked at.

Keys are written with a dot (``http.read_timeout``), whatever they came from: ``HERMETO_HTTP__READ_TIMEOUT``, a
section of a YAML file, or the flat keys of earlier releases (``requests_timeout``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from cachi2ish.core.messages import did_you_mean
from cachi2ish.errors import InputError, Origin
from cachi2ish.files.user_files import refuse_pipes

#: The keys that mean something to a prefetch of Python packages.
KEYS = (
    "pip.proxy_url",
    "pip.proxy_login",
    "pip.proxy_password",
    "pip.ignore_dependencies_crates",
    "http.connect_timeout",
    "http.read_timeout",
    "http.max_retries",
    "runtime.concurrency_limit",
    "runtime.subprocess_timeout",
    "mode",
)

#: What keys were called in earlier releases of Hermeto, and in cachi2.
EARLIER = {
    "requests_timeout": "http.read_timeout",
    "http.timeout": "http.read_timeout",
    "concurrency_limit": "runtime.concurrency_limit",
    "subprocess_timeout": "runtime.subprocess_timeout",
    "ignore_pip_dependencies_crates": "pip.ignore_dependencies_crates",
}

_SECTIONS = frozenset(key.partition(".")[0] for key in KEYS if "." in key)

#: Sections and flat keys that are about other package managers.
_FOREIGN = frozenset(
    {
        "ansible",
        "bundler",
        "cargo",
        "generic",
        "gomod",
        "huggingface",
        "maven",
        "npm",
        "oci",
        "pnpm",
        "rpm",
        "uv",
        "yarn",
        "allow_yarnberry_processing",
        "default_environment_variables",
        "gomod_download_max_tries",
        "gomod_strict_vendor",
        "goproxy_url",
    }
)

_PREFIX = "HERMETO_"

#: So alike are two names that one is the other, misspelled; ``HERMETO_VERSION`` and the like are no settings.
_ALIKE = 0.9


@dataclass(frozen=True, slots=True)
class Said:
    """A setting. name: as it was written. origin: the file, None for a variable."""

    key: str
    value: object = field(repr=False)
    name: str
    origin: Origin | None = None
    earlier: bool = False


def _said(key: str, value: object, name: str, origin: Origin | None = None) -> Said:
    return Said(EARLIER.get(key, key), value, name, origin, earlier=key in EARLIER)


@dataclass(frozen=True, slots=True)
class Found:
    """What one source says. foreign: the names of what is about other package managers."""

    said: tuple[Said, ...] = ()
    foreign: tuple[str, ...] = ()
    errors: tuple[InputError, ...] = ()


def from_variables(environ: Mapping[str, str]) -> Found:
    """Return what the ``HERMETO_…`` variables say; empty ones say nothing. Case does not matter, as in Hermeto."""
    stated = {name.upper(): value for name, value in sorted(environ.items())}
    words = {
        name: value for name, value in stated.items() if name.startswith(_PREFIX) and value and name != _PREFIX
    }
    said: list[Said] = []
    foreign: list[str] = []
    errors: list[InputError] = []
    for name, value in words.items():
        section, separator, rest = name.removeprefix(_PREFIX).lower().partition("__")
        key = f"{section}.{rest}" if separator else section
        if section in _FOREIGN:
            foreign.append(name)
        elif key in KEYS or key in EARLIER:
            said.append(_said(key, value, name))
        elif section in _SECTIONS and not separator:
            try:
                said += _of_json(section, value, name)
            except InputError as error:
                errors.append(error)
        elif section in _SECTIONS or get_close_matches(name, map(variable, KEYS), cutoff=_ALIKE):
            errors.append(_unknown(name, [variable(key) for key in KEYS], None, "variable"))
    return Found(_newer_first(said), tuple(foreign), tuple(errors))


def from_file(file: Path) -> Found:
    """Return what a configuration file says, in YAML; raises `InputError` where it cannot be understood."""
    content, repeated = _read_yaml(file)
    origin = Origin(str(file))
    said: list[Said] = []
    foreign: list[str] = []
    errors = [*repeated]
    for key, value in _flat(content, origin, errors):
        if key.partition(".")[0] in _FOREIGN:
            foreign.append(key)
        elif key in KEYS or key in EARLIER:
            said.append(_said(key, value, key, origin))
        else:
            errors.append(_unknown(key, [*KEYS, *EARLIER], origin, "key"))
    return Found(_newer_first(said), tuple(foreign), tuple(errors))


def variable(key: str) -> str:
    """Return the variable that stands for a key."""
    return _PREFIX + key.replace(".", "__").upper()


def _newer_first(said: list[Said]) -> tuple[Said, ...]:
    # Where one source has the old name of a key and the new one, the new one holds, as in Hermeto.
    return tuple({one.key: one for one in sorted(said, key=lambda one: not one.earlier)}.values())


def _of_json(section: str, value: str, name: str) -> Iterator[Said]:
    # A whole section in one variable is JSON.
    try:
        content = json.loads(value)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise InputError(
            f"{name} is not a JSON object", hint=f"set single keys, such as {variable(f'{section}.…')}"
        ) from None
    for rest, each in content.items():
        key = f"{section}.{rest}"
        if key not in KEYS and key not in EARLIER:
            raise _unknown(key, KEYS, None, "key")
        yield _said(key, each, f"{key} in {name}")


def _flat(
    content: Mapping[object, object], origin: Origin, errors: list[InputError]
) -> Iterator[tuple[str, object]]:
    for key, value in content.items():
        if key not in _SECTIONS:
            yield str(key), value
        elif isinstance(value, dict):
            for rest, each in value.items():
                yield f"{key}.{rest}", each
        elif value is not None:
            errors.append(
                InputError(f"{key} is not a section", hint=f"indent its keys below '{key}:'", origin=origin)
            )


def _read_yaml(file: Path) -> tuple[Mapping[object, object], tuple[InputError, ...]]:
    # Imported here: nearly every run has no such file.
    import yaml

    from cachi2ish.settings import yaml_text

    origin = Origin(str(file))
    refuse_pipes(file, f"the configuration file {file}")
    try:
        content, repeated = yaml_text.load(file.read_text(encoding="utf-8"), str(file))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"the configuration file {file} does not exist", hint="check --config-file") from error
    except UnicodeDecodeError:
        raise InputError("the configuration file is not UTF-8 text", origin=origin) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or "a character that YAML does not have"
        raise InputError(
            f"this is not valid YAML: {reason}",
            hint="write key: value, and indent the keys of a section with blanks",
            origin=Origin(str(file), mark.line + 1 if mark else None),
        ) from None
    except RecursionError:
        raise InputError("this is not valid YAML: it is nested too deeply", origin=origin) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it holds a value that cannot be"
        raise InputError(f"the configuration file {file} cannot be read: {reason}") from None
    if content is None:
        return {}, ()
    if not isinstance(content, dict):
        raise InputError("the configuration file holds no keys", hint="write key: value", origin=origin)
    return content, repeated


def _unknown(name: str, known: list[str] | tuple[str, ...], origin: Origin | None, what: str) -> InputError:
    hint = did_you_mean(name, known) or did_you_mean(
        name.rpartition(".")[2], known, f"the keys are {', '.join(KEYS)}"
    )
    return InputError(f"{what} {name!r} is not a setting of Hermeto's", hint=hint, origin=origin)
