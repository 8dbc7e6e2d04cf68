"""Finds what 47 pins with numpy, pandas, cryptography and lxml are built with, with an empty cache and a full one.

    python -m benchmarks.build_requirements [--rounds 5]      (make bench-builds)

It asks the real index, or that of PIP_INDEX_URL. ``build_pins.txt`` are the requirements of ``requirements.in``
with numpy, pandas and lxml, as uv resolves them for Python 3.12 as of the date below.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

PINS = Path(__file__).with_name("build_pins.txt")
DATE, TARGET = "2026-10-01", "python=3.12,platform=manylinux_2_28_x86_64"

#: Seconds that are to be reached.
COLD, WARM = 20, 2

#: The environment of whoever has configured nothing but the index and its certificates.
KEPT = ("HOME", "PATH", "PIP_INDEX_URL", "PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "TMPDIR")


class Run(NamedTuple):
    """seconds: by the clock. processor: seconds of it. effort: requests and bytes, as the command says it."""

    seconds: float
    processor: float
    effort: str
    lock: str


def lock(folder: Path) -> Run:
    """Run the command on the pins in a folder, whose cache it uses."""
    command = [Path(sys.executable).with_name("cachi2ish"), "lock-build-deps", "--source", folder]
    command += ["--cache-dir", folder / "cache", "--target", TARGET, "--index-date", DATE, "pip"]
    environ = {name: os.environ[name] for name in KEPT if name in os.environ}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        list(map(str, command)),
        env={**environ, "PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=True,
    )
    after, seconds = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - began
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    effort = next(line for line in done.stderr.splitlines() if " request" in line)
    return Run(seconds, processor, effort.rpartition(",")[0], done.stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="runs with a full cache (default: 5)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        shutil.copy(PINS, folder / "requirements.txt")
        cold = lock(folder)
        warm = [lock(folder) for _ in range(arguments.rounds)]
    seconds = statistics.median(run.seconds for run in warm)
    processor = statistics.median(run.processor for run in warm)
    print(f"cold: {cold.seconds:.1f} s (target {COLD}), {cold.processor:.1f} s of a processor, {cold.effort}")
    print(f"warm: {seconds:.1f} s (target {WARM}), {processor:.1f} s of a processor, {warm[0].effort}")
    print(f"the same bytes each time: {'yes' if len({cold.lock, *(run.lock for run in warm)}) == 1 else 'NO'}")
    return int(cold.seconds > COLD or seconds > WARM)


if __name__ == "__main__":
    sys.exit(main())
