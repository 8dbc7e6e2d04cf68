"""The environment of a command that is to install from one index; configuration files count as ever."""

from __future__ import annotations

from collections.abc import Mapping

#: What names other places to install from, or keeps an installer from asking any index.
_REMOVED = frozenset(
    {
        "PIP_EXTRA_INDEX_URL",
        "PIP_FIND_LINKS",
        "PIP_NO_INDEX",
        "UV_EXTRA_INDEX_URL",
        "UV_FIND_LINKS",
        "UV_INDEX",
        "UV_NO_INDEX",
        "UV_OFFLINE",
    }
)

#: Where each tool reads the address of its index. ``UV_INDEX_URL`` is what uv read before 0.4.23; Poetry has a
#: plugin for it, poetry-plugin-pypi-mirror.
_INDEX = (
    "PIP_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "PDM_PYPI_URL",
    "PIPENV_PYPI_MIRROR",
    "POETRY_PYPI_MIRROR_URL",
)


def index_environment(environ: Mapping[str, str], url: str, host: str) -> dict[str, str]:
    """Return ``environ`` with ``url`` as the index of pip, uv, PDM, pipenv and Poetry.

    host: that of ``url``, which no proxy is asked for.
    """
    changed = {name: value for name, value in environ.items() if name not in _REMOVED}
    changed |= dict.fromkeys(_INDEX, url)
    for name in ("NO_PROXY", "no_proxy"):
        changed[name] = ",".join(filter(None, (changed.get(name), host)))
    return changed
