"""Builds old sdists offline with what ``lock-build-deps --as-of-upload`` finds for them.

    python integration-tests/old_sdists.py --python python3.9 [--first 5] [--newest]

Each sdist of ``data/old/requirements.txt`` is locked, fetched and built alone: its own build requirements may be
of another time than those of the next one. pip builds it without a network, with the constraints of its stage. It
takes some minutes, and prints a table (Markdown). With ``--newest`` each is built with the newest too.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from harness import BIN, ROOT, cut_off_command
from verify_truth import Interpreter, pip_folder, run

DATA = ROOT / "integration-tests" / "data" / "old" / "requirements.txt"


@dataclass(frozen=True)
class Built:
    """What became of an sdist. found: what its own time had for it. said: by pip, or by us."""

    pin: str
    found: tuple[str, ...]
    builds: bool
    said: str


def lock(folder: Path, interpreter: Interpreter, pin: str, *, apart: bool) -> Path | None:
    """Lock and fetch a pin; return the constraints of its stage."""
    project = pin.partition("==")[0]
    folder.mkdir()
    (folder / "requirements.txt").write_text(f"--no-binary {project}\n{pin}\n")
    package = json.dumps({"type": "pip", "targets": [interpreter.target]})
    options = ("--as-of-upload", ":all:") if apart else ()
    written = folder / "requirements-build.txt"
    run(BIN / "cachi2ish", "lock-build-deps", "--source", folder, "--output", written, *options, package)
    run(BIN / "cachi2ish", "fetch-deps", "--source", folder, "--output", folder / "out", package)
    return next(folder.glob("*.constraints.txt"), None)


def built(work: Path, interpreter: Interpreter, pin: str, *, apart: bool) -> Built:
    """Build a pin offline, with what its own time had for it, or with the newest."""
    folder = work / f"{re.sub(r'[^a-z0-9]', '-', pin.lower())}-{apart}"
    try:
        constraints = lock(folder, interpreter, pin, apart=apart)
    except RuntimeError as error:
        return Built(pin, (), builds=False, said=str(error))
    stage = {"PIP_BUILD_CONSTRAINT": str(constraints)} if constraints else {}
    done = run(
        *(cut_off_command() or ()), interpreter.command, interpreter.pip / "pip", "wheel", "--no-cache-dir",
        "--no-deps", "--wheel-dir", folder / "wheels", "-r", folder / "requirements.txt", check=False,
        environment={"PIP_NO_INDEX": "true", "PIP_FIND_LINKS": str(folder / "out" / "deps" / "pip"), **stage},
    )  # fmt: skip
    lines = constraints.read_text().splitlines() if constraints else []
    found = tuple(line for line in lines if not line.startswith("#"))
    return Built(pin, found, done.returncode == 0, done.stdout + done.stderr)


def main() -> int:
    """Build all, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="the interpreter that builds")
    parser.add_argument("--first", type=int, help="so many of the list")
    parser.add_argument("--newest", action="store_true", help="build each with the newest too")
    arguments = parser.parse_args()
    pins = [line for line in DATA.read_text().splitlines() if line and not line.startswith("#")]
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        interpreter = Interpreter.of(arguments.python, pip_folder(work))
        for pin in pins[: arguments.first]:
            one = built(work, interpreter, pin, apart=True)
            words = ["builds" if one.builds else "does not build"]
            if arguments.newest:
                newest = built(work, interpreter, pin, apart=False)
                words.append("builds" if newest.builds else "does not build")
                counts["newest"] += newest.builds
            counts["own"] += one.builds
            print(f"| {pin} | {', '.join(one.found) or '-'} | {' | '.join(words)} |", flush=True)
            if not one.builds:
                print(one.said[-1500:], file=sys.stderr, flush=True)
    print(f"of {len(pins[: arguments.first])}: {dict(counts)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
