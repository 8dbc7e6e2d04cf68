"""Lines to copy: how each tool is given the address of an index."""

from __future__ import annotations

import ipaddress
import shlex
from urllib.parse import urlsplit

from cachi2ish.mirror.web.views import CopyLine


def copy_lines(index: str, *wanted: str) -> tuple[CopyLine, ...]:
    """Return a text for each tool. index: the address. wanted: what is installed, as arguments."""
    what = shlex.join(wanted)
    trusted = _trusted_host(index)
    option = f" --trusted-host {trusted}" if trusted else ""
    conf = f"[global]\nindex-url = {index}" + (f"\ntrusted-host = {trusted}" if trusted else "")
    docker = f"ENV PIP_INDEX_URL={index}" + (f" PIP_TRUSTED_HOST={trusted}" if trusted else "")
    source = f'[[tool.poetry.source]]\nname = "frozen"\nurl = "{index}"\npriority = "primary"'
    return (
        CopyLine("pip", "", f"pip install --index-url {index}{option} {what}"),
        CopyLine("uv", "", f"uv pip install --default-index {index} {what}"),
        CopyLine("Poetry", "pyproject.toml", source),
        CopyLine("PDM", "", f"PDM_PYPI_URL={index} pdm {_for_pdm(wanted)}"),
        CopyLine("Docker", "Dockerfile", f"{docker} UV_DEFAULT_INDEX={index}"),
        CopyLine("pip, for good", "pip.conf", conf),
    )


def _for_pdm(wanted: tuple[str, ...]) -> str:
    return "install" if wanted[0] == "-r" else f"add {shlex.join(wanted)}"


def _trusted_host(index: str) -> str:
    """Return the host that pip has to be told to trust: it takes http from this machine alone."""
    parts = urlsplit(index)
    host = parts.hostname or ""
    if parts.scheme == "https" or host == "localhost":
        return ""
    try:
        return "" if ipaddress.ip_address(host).is_loopback else parts.netloc
    except ValueError:
        return parts.netloc
