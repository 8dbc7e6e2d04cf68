"""Options that people write into requirements files, where pip has none of them: what to do instead."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

#: So alike are two names that one is the other, misspelled. Options of other tools are more different than that.
_ALIKE = 0.8

_TARGETS = (
    'name the machine in the input, as in "targets": [{"python": "3.12", "platform": "manylinux_2_28_x86_64"}]'
)
_DATE = "remove it, and give the date with --index-date"
_BUILD_REQUIREMENTS = "remove it, and pin what sdists are built with in requirements-build.txt"
_CONFIG_SETTINGS = "write --config-settings, on the line of its requirement"

#: What stands in the place of an option of pip's command line, of uv or of pip-compile.
_INSTEAD = {
    "--no-deps": "remove it: exactly what is pinned is fetched",
    "--build-constraint": _BUILD_REQUIREMENTS,
    "--build-constraints": _BUILD_REQUIREMENTS,
    "--no-build-isolation": _BUILD_REQUIREMENTS,
    "--constraints": "write --constraint",
    "--requirements": "write --requirement",
    "--config-setting": _CONFIG_SETTINGS,
    "--config-settings-package": _CONFIG_SETTINGS,
    "--default-index": "write --index-url, as pip does",
    "--index": "write --extra-index-url, as pip does; uv asks such an index first",
    "--use-wheel": "remove it: wheels are the default of pip; in the input, allow_binary or targets ask for them",
    "--no-use-wheel": "write --no-binary :all:",
    "--no-build": "write --only-binary :all:",
    "--allow-insecure-host": "write --trusted-host, as pip does",
    "--prerelease": "write --pre; a pin of a prerelease needs no option",
    "--exclude-newer": _DATE,
    "--uploaded-prior-to": _DATE,
    **dict.fromkeys(
        ("--generate-hashes", "--emit-index-url", "--emit-find-links", "--no-editable"),
        "remove it: it is for the command that writes the file",
    ),
    **dict.fromkeys(
        ("--require-build-hashes", "--no-require-build-hashes"),
        "remove it: each build requirement that has a hash is verified",
    ),
    **dict.fromkeys(
        ("--platform", "--python-version", "--abi", "--implementation", "--python-platform"), _TARGETS
    ),
    **dict.fromkeys(
        ("--cert", "--client-cert", "--proxy", "--timeout", "--retries"),
        "remove it, and set it for pip (pip.conf, or the variable PIP_…), which is followed here too",
    ),
}

_ELSEWHERE = "remove it, or give it to pip on its command line"


def hint_for(option: str, known: Iterable[str]) -> str:
    """Return what to write instead of ``option``; known: the options that a requirements file has."""
    if option in _INSTEAD:
        return _INSTEAD[option]
    near = get_close_matches(option, known, n=1, cutoff=_ALIKE) if option.startswith("--") else []
    return f"did you mean {near[0]}?" if near else _ELSEWHERE
