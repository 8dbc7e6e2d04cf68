"""Sends very many changed locks through their reader: ``python -m tests.fuzz.many_locks uv.lock 100000``.

As the targets of ``make fuzz``, but a hundred times as many, since nothing is drawn by hypothesis and nothing that
fails is made smaller: the number of the input that failed is printed, and ``FIRST`` begins there.
"""

from __future__ import annotations

import importlib
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from cachi2ish.core.requirements import Purpose
from cachi2ish.errors import Cachi2ishError, leaves
from cachi2ish.lockfiles.interface import Selection
from cachi2ish.lockfiles.readers import READERS
from tests.fuzz.guards import guarded
from tests.fuzz.mutating import changed, write
from tests.fuzz.test_lock_files import FORMATS, comes_back


def run(name: str, inputs: int, first: int = 0) -> tuple[int, int]:
    """Read ``inputs`` changed locks; return how many were refused, and the bytes that the process has grown by.

    Raises whatever is no error of ours, `AssertionError` for an error without a place or a hint.
    """
    reader = next(one for one in READERS if name in one.names)
    files, words = FORMATS[name]
    importlib.import_module("pypi_simple")  # imported late; it looks at the machine's network
    room = Path(tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    refused, before = 0, _peak()
    everything = Selection(**{key: (":all:",) for key in ("groups", "extras") if key in reader.keys})
    selections = (Selection(), everything)
    try:
        for number in range(first, first + inputs):
            random = Random(f"{name} {number}")
            write(room, {file: _content(random, seeds, words) for file, seeds in files.items()})
            try:
                with guarded(room):
                    try:
                        comes_back(reader.read(room, name, Purpose.RUNTIME, {}, random.choice(selections)))
                    except Cachi2ishError as error:
                        refused += 1
                        wrong = [repr(one) for one in leaves(error) if not (one.origin and one.hint)]
                        assert not wrong, wrong
            except BaseException as error:
                error.add_note(f"to see it again: python -m tests.fuzz.many_locks {name} 1 {number}")
                raise
    finally:
        shutil.rmtree(room)
    return refused, _peak() - before


def _content(random: Random, seeds: Sequence[str], words: Sequence[str]) -> bytes:
    content = random.choice(seeds).encode()
    rolls = [random.randbytes(4) for _ in range(random.choice((0, 1, 1, 2, 3, 5, 8)))]
    return changed(content, rolls, [seed.encode() for seed in seeds], words)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    asked, count, *begin = sys.argv[1:]
    started, clock = time.process_time(), time.monotonic()
    errors, grown = run(asked, int(count), *map(int, begin))
    sys.stdout.write(
        f"{asked}: {count} inputs, {errors} refused, each with a place and a hint; {grown / 1e6:.0f} MB more"
        f" memory, {time.process_time() - started:.0f} s of processor time in {time.monotonic() - clock:.0f} s\n"
    )
