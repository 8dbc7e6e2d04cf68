"""Decompress each file whose path is read, to its end; what is not gzip is passed over.

A program of its own, with as few imports as can be: see ``benchmarks.least``.
"""

from __future__ import annotations

import sys
from typing import IO

from isal.igzip_lib import DECOMP_GZIP, IgzipDecompressor, IsalError

_PORTION, _PIECE = 64 * 1024, 256 * 1024


def look(path: str) -> int:
    """Return how many bytes there are, as far as they can be decompressed."""
    size, inflater = 0, IgzipDecompressor(DECOMP_GZIP)
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123  (pathlib takes as long to load as all else)
        while not inflater.eof:
            data = file.read(_PORTION) if inflater.needs_input else b""
            if inflater.needs_input and not data:
                break
            try:
                size += len(inflater.decompress(data, _PIECE))
            except IsalError:  # type: ignore[misc]  # its stubs say that it is no exception
                break
    return size


def main(paths: IO[str]) -> None:
    for line in paths:
        look(line.rstrip("\n"))


if __name__ == "__main__":
    main(sys.stdin)
