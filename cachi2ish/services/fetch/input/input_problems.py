"""What is wrong with the input, in the words of its user: from pydantic's findings to errors with hints."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from cachi2ish.core.messages import did_you_mean, excerpt
from cachi2ish.errors import InputError
from cachi2ish.files.foreign import OWN_WORDS, WrongShapeError
from cachi2ish.services.fetch.input.target_input import WANTED

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

#: The shape of each group of keys, by the key that it stands under; "" for the outermost.
Shapes = Mapping[str, type[Struct]]


def problems(error: WrongShapeError, place: str, shapes: Shapes, *, skip_types: bool) -> Iterator[InputError]:
    """Yield what pydantic found, as sentences for the user.

    place: what the input is called. shapes: whose keys are known where. skip_types: leave out what is wrong
    with the type of a package, which another error says already.
    """
    for detail in error.problems:
        path = detail["loc"]
        where = f"{place}, {_dotted(path)}" if path else place
        key = next((part for part in reversed(path) if isinstance(part, str)), "")
        if skip_types and key == "type" and detail["type"] == "literal_error":
            continue
        if path and isinstance(path[-1], int) and key in _MEMBERS:
            key = _MEMBERS[key]
        if path[:1] == path[2:3] == ("packages",):  # those of a workspace
            key = "members" if path[-1] == "packages" else "name"
        if path[-2:-1] == ("index_date_overrides",):
            key = "override"
        yield _sentence(detail, where, key, shapes)


def _sentence(detail: ErrorDetails, where: str, key: str, shapes: Shapes) -> InputError:
    kind, path, value = detail["type"], detail["loc"], detail["input"]
    group = next((part for part in ("binary", "targets") if part in path[:-1]), "")
    if kind == OWN_WORDS:
        return InputError(f"{where}: {detail['msg']}", hint=detail.get("ctx", {}).get("hint") or None)
    if kind == "extra_forbidden":
        known = tuple(shapes[group if group or len(path) == 1 else "packages"].__struct_fields__)
        hint = None if group else _set_elsewhere(key)
        hint = hint or did_you_mean(key, known, f"the keys are {', '.join(known)}")
        return InputError(f"{where}: unknown key {key!r}", hint=hint)
    if kind == "missing":
        example = _EXAMPLES.get(key, '"type": "pip"')
        return InputError(f"{where} is missing", hint=f"state it, for example {example}")
    key = f"{group}.{key}" if f"{group}.{key}" in _WANTED else key
    wanted = _WANTED.get(key, """a JSON object such as {"type": "pip"}""")
    if value is None and key in _WANTED:
        return InputError(f"{where} is null", hint=f"give {wanted}, or leave the key out for the default")
    return InputError(f"{where}: {_shown(value)} is not {wanted}", hint=f"give {wanted}")


#: How a key that must be there is written.
_EXAMPLES: Mapping[str, str] = {
    "python": '"python": "3.12"',
    "platform": '"platform": "manylinux_2_28_x86_64"',
}

_WANTED: Mapping[str, str] = {
    **WANTED,
    "type": 'the text "pip"',
    "path": "a folder relative to the source directory, as text",
    "lockfile": "the name of a lock file, as text",
    **dict.fromkeys(("groups", "no_groups", "extras"), 'a list of names, or [":all:"]'),
    "members": "a list of names",
    "name": "a name, as text",
    "requirements_files": "a list of file names (an empty list for none)",
    "requirements_build_files": "a list of file names (an empty list for none)",
    "build_dependencies": 'the text "resolve"',
    "build_constraint_files": "a list of file names",
    "build_as_of_upload": 'a list of sdists or projects, or [":all:"]',
    "build_tools": 'a list of programs, such as ["ninja", "cmake"]',
    "program": "the name of a program, as text",
    "allow_binary": "true or false",
    "index_date": 'a date such as "2024-10-01", an instant, a duration such as "7 days", or false',
    "index_date_missing": '"refuse" or "allow"',
    "index_date_overrides": 'an object such as {"numpy": "2024-06-01", "internal-lib": false}',
    "index_digest": 'a digest such as "sha256:…", or false',
    "override": 'a date such as "2024-06-01", or false for no date',
    "packages": "a list of packages",
    "flags": "a list of texts",
    "file": "a file name, as text",
    "flag": "a text",
}

#: What the members of a list are called in `_WANTED`.
_MEMBERS: Mapping[str, str] = {
    **dict.fromkeys(("groups", "no_groups", "extras", "members"), "name"),
    "requirements_files": "file",
    "requirements_build_files": "file",
    "build_constraint_files": "file",
    "build_as_of_upload": "name",
    "build_tools": "program",
    "packages": "package",
    "targets": "target",
    "flags": "flag",
}


def _dotted(path: Iterable[str | int]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _shown(value: object) -> str:
    return excerpt(json.dumps(value, ensure_ascii=False, default=str))


_INDEX = "the index is an option of fetch-deps, --index-url, or a line of the requirements file: -i https://…"
_EXTRA_INDEX = "it is an option of fetch-deps, --extra-index-url, and may be a line of the requirements file too"
_MACHINE = 'name the machine with "targets": [{"python": "3.12", "platform": "manylinux_2_28_x86_64"}]'
_CONSTRAINTS = "write -c and the file's name into a requirements file"
_WHEELS = (
    "it is a line of the requirements file: --{0} name; in the input, allow_binary, binary and targets say which"
    " wheels are fetched"
)

#: What is no key of a package and is set in another place, by the key that people write.
_ELSEWHERE: Mapping[str, str] = {
    **dict.fromkeys(("index", "index_url", "index_urls", "indexes", "default_index", "pypi_url"), _INDEX),
    **dict.fromkeys(("extra_index", "extra_index_url", "extra_index_urls", "extra_indexes"), _EXTRA_INDEX),
    **dict.fromkeys(
        ("trusted_host", "trusted_hosts"), "write --trusted-host and the host into the requirements file"
    ),
    **dict.fromkeys(("python", "python_version", "platform", "platforms", "arch", "architectures"), _MACHINE),
    **dict.fromkeys(("constraint", "constraints", "constraint_files", "constraints_files"), _CONSTRAINTS),
    "no_binary": _WHEELS.format("no-binary"),
    "only_binary": _WHEELS.format("only-binary"),
    **dict.fromkeys(("extra", "all_extras"), 'write "extras": ["name"], or [":all:"]'),
    **dict.fromkeys(("group", "dependency_groups", "all_groups"), 'write "groups": ["name"], or [":all:"]'),
    **dict.fromkeys(("no_group", "no_dev", "only_group"), 'write "no_groups": ["name"], or [":all:"]'),
    "tools": 'write "build_tools": ["ninja"], say',
    "as_of_upload": 'write "build_as_of_upload": ["name"], with "build_dependencies": "resolve"',
    "exclude_newer": 'write "index_date": "2024-10-01", say',
}

#: Options of fetch-deps that are no keys.
OPTIONS = (
    *(
        "source",
        "output",
        "dry_run",
        "offline",
        "mode",
        "concurrency",
        "cache_dir",
        "log_level",
        "report",
        "no_cache",
    ),
    *(
        "cache_key",
        "sbom_output_type",
        "config_file",
        "keyring_provider",
        "least_speed",
        "allow_empty",
        "moved_host",
        "require_fresh",
    ),
)


def _set_elsewhere(key: str) -> str | None:
    """Return where that is set which ``key`` seems to mean, where no key of the input does."""
    word = key.lower().replace("-", "_")
    if word in OPTIONS:
        return f"it is an option of fetch-deps: --{word.replace('_', '-')}"
    return _ELSEWHERE.get(word)
