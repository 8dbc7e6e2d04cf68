"""Where the files of a host that is gone are to be found now, as settings write it."""

from __future__ import annotations

from collections.abc import Mapping

from cachi2ish.core.urls import Address, host_and_port, redact
from cachi2ish.settings.flags import Source

_HINT = "write the host of the files and the index that has them: files.example=https://host/simple/"


def moved_hosts(options: Source, file: Source) -> Mapping[str, Address]:
    """Return the index for each host that is gone, ``host`` or ``host:port``; raises `InputError`.

    An option is stronger than a line of the file for the same host.
    """
    return {**_of(file), **_of(options)}


def _of(source: Source) -> Mapping[str, Address]:
    found: dict[str, Address] = {}
    for text in source.flags.moved_host:
        written, _, url = text.partition("=")
        host, address = host_and_port(written), Address(url.strip())
        if host is None or not host[0]:
            raise source.error(f"{source.name('moved_host')}: {redact(text)!r} begins with no host", _HINT)
        if not address.is_web:
            raise source.error(
                f"{source.name('moved_host')}: behind {written.strip()} stands no address of an index", _HINT
            )
        name, port = host
        found[f"{name}:{port}" if port else name] = address
    return found
