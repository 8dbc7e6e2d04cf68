"""Hermeto's variables and configuration files, as keys and values that are not checked yet.

Keys are written with a dot (``http.read_timeout``), whatever they came from: ``HERMETO_HTTP__READ_TIMEOUT``, a
section of a YAML file, or the flat keys of earlier releases (``requests_timeout``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from cachi2ish.core.messages import did_you_mean
from cachi2ish.core.structs import repr_without
from cachi2ish.errors import InputError, Origin

if TYPE_CHECKING:
    import yaml

#: The keys that mean something to a prefetch of Python packages, and what each of them takes.
KEYS = {
    "pip.proxy_url": "the address of an index, such as https://host/repository/pypi/simple/, as text",
    "pip.proxy_login": "a text",
    "pip.proxy_password": "a text",
    "pip.ignore_dependencies_crates": "true or false",
    "http.connect_timeout": "a number of seconds",
    "http.read_timeout": "a number of seconds",
    "http.max_retries": "a number of tries",
    "runtime.concurrency_limit": "a whole number from 1",
    "runtime.subprocess_timeout": "a number of seconds",
    "mode": "strict or permissive",
}

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


class Entry(Struct, frozen=True):
    """A key and its value. name: as the source writes it. origin: the file, None for a variable.

    earlier: whether the source has the key's name of an earlier release.
    """

    key: str
    value: object
    name: str
    origin: Origin | None = None
    earlier: bool = False

    __repr__ = repr_without("value")


def _entry(key: str, value: object, name: str, origin: Origin | None = None) -> Entry:
    return Entry(EARLIER.get(key, key), value, name, origin, earlier=key in EARLIER)


class Entries(Struct, frozen=True):
    """What one source has. foreign: the names of what is about other package managers."""

    entries: tuple[Entry, ...] = ()
    foreign: tuple[str, ...] = ()
    errors: tuple[InputError, ...] = ()


def from_variables(environ: Mapping[str, str]) -> Entries:
    """Return the ``HERMETO_…`` variables that are not empty. Case does not matter, as in Hermeto."""
    variables = {name.upper(): value for name, value in sorted(environ.items())}
    entries: list[Entry] = []
    foreign: list[str] = []
    errors: list[InputError] = []
    for name, value in variables.items():
        if not name.startswith(_PREFIX) or name == _PREFIX or not value:
            continue
        section, separator, rest = name.removeprefix(_PREFIX).lower().partition("__")
        key = f"{section}.{rest}" if separator else section
        if section in _FOREIGN:
            foreign.append(name)
        elif key in KEYS or key in EARLIER:
            entries.append(_entry(key, value, name))
        elif section in _SECTIONS and not separator:
            try:
                entries += _of_json(section, value, name)
            except InputError as error:
                errors.append(error)
        elif section in _SECTIONS or get_close_matches(name, map(variable, KEYS), cutoff=_ALIKE):
            errors.append(_unknown(name, [variable(key) for key in KEYS], None, "variable"))
    return Entries(_newer_first(entries), tuple(foreign), tuple(errors))


def from_file(file: Path) -> Entries:
    """Return what a configuration file has, in YAML; raises `InputError` where it cannot be understood."""
    content, repeated = _read_yaml(file)
    origin = Origin(str(file))
    entries: list[Entry] = []
    foreign: list[str] = []
    errors = [*repeated]
    for key, value in _flat(content, origin, errors):
        if key.partition(".")[0] in _FOREIGN:
            foreign.append(key)
        elif key in KEYS or key in EARLIER:
            entries.append(_entry(key, value, key, origin))
        else:
            errors.append(_unknown(key, [*KEYS, *EARLIER], origin, "key"))
    return Entries(_newer_first(entries), tuple(foreign), tuple(errors))


def variable(key: str) -> str:
    """Return the variable that stands for a key."""
    return _PREFIX + key.replace(".", "__").upper()


def _newer_first(entries: list[Entry]) -> tuple[Entry, ...]:
    # Where one source has the old name of a key and the new one, the new one holds, as in Hermeto.
    return tuple({one.key: one for one in sorted(entries, key=lambda one: not one.earlier)}.values())


def _of_json(section: str, value: str, name: str) -> Iterator[Entry]:
    # A whole section in one variable is JSON.
    import json

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
        yield _entry(key, each, f"{key} in {name}")


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

    from cachi2ish.files.foreign import UnfitFileError, decode_text, read_foreign

    origin = Origin(str(file))
    try:
        content, repeated = _load_yaml(decode_text(read_foreign(file, streams=True)), str(file))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"the configuration file {file} does not exist", hint="check --config-file") from error
    except UnfitFileError as error:
        raise InputError(f"the configuration file {file} {error.strerror}", hint=error.hint) from None
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


def _load_yaml(text: str, file: str) -> tuple[object, tuple[InputError, ...]]:
    """Return what ``text`` holds, and an error for each key that stands twice in one mapping.

    YAML forbids that (1.2, 3.2.1.3), and PyYAML overlooks it. file: as the user would type it.
    Raises ``yaml.YAMLError``, ``ValueError`` and ``RecursionError``.
    """
    import yaml

    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None, ()
        # Looked at before merge keys (<<) are resolved: what they bring may stand there again.
        errors = tuple(_repeated(root, file))
        return loader.construct_document(root), errors
    finally:
        loader.dispose()


def _repeated(root: yaml.Node, file: str) -> Iterator[InputError]:
    import yaml

    seen: set[int] = set()  # an alias may lead back to where it stands
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield from _twice([key for key, _ in node.value if isinstance(key, yaml.ScalarNode)], file)
            waiting += [each for pair in reversed(node.value) for each in reversed(pair)]
        elif isinstance(node, yaml.SequenceNode):
            waiting += reversed(node.value)


def _twice(keys: list[yaml.ScalarNode], file: str) -> Iterator[InputError]:
    first: dict[tuple[str, str], yaml.ScalarNode] = {}
    for key in keys:
        before = first.setdefault((key.tag, key.value), key)
        if before is not key:
            yield InputError(
                f"the key {key.value!r} stands twice, first in line {before.start_mark.line + 1}",
                hint="keep the one that is to hold",
                origin=Origin(file, key.start_mark.line + 1),
            )


def _unknown(name: str, known: Iterable[str], origin: Origin | None, what: str) -> InputError:
    hint = did_you_mean(name, known) or did_you_mean(
        name.rpartition(".")[2], known, f"the keys are {', '.join(KEYS)}"
    )
    return InputError(f"{what} {name!r} is not a setting of Hermeto's", hint=hint, origin=origin)
