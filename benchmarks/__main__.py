"""The command line: ``python -m benchmarks``, which ``make bench`` runs."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from benchmarks.comparison import Options, compare
from benchmarks.failures import BenchmarkError
from benchmarks.rows import ROWS, Row
from benchmarks.servers import Choice


def main(arguments: Sequence[str] | None = None) -> int:
    # Whoever ends the benchmark ends the server and the running tool with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    given = _parser().parse_args(arguments)
    try:
        compare(Options(**vars(given)), os.environ.get("PIP_INDEX_URL"))
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Fetch the same real files with cachi2ish, pip, uv and curl, from a mirror on loopback and "
        "over a line, in several shuffled rounds, and print the table of targets, and ratios.",
        epilog="The first run brings the mirrors from PyPI (some 450 MB), or from the index in PIP_INDEX_URL. "
        "Rows: " + ", ".join(row.name for row in ROWS) + ".",
    )
    parser.add_argument("--rounds", type=_positive, default=5, metavar="N", help="rounds that count (default: 5)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the order within rounds (default: 1)")
    parser.add_argument(
        "--rows",
        type=_rows,
        default=ROWS,
        metavar="NAMES",
        help="run what these rows of the table need, with commas between them (default: all)",
    )
    parser.add_argument(
        "--cases", type=_pattern, default=re.compile(""), metavar="REGEX", help="run only cases named so"
    )
    parser.add_argument("--list", action="store_true", help="print the names of rows and cases, and run none")
    parser.add_argument(
        "--server", choices=get_args(Choice), default="auto", help="auto: nginx where there is one"
    )
    parser.add_argument("--tool", metavar="PATH", help="the cachi2ish to measure (default: this environment's)")
    parser.add_argument(
        "--requirements",
        type=Path,
        metavar="FILE",
        help="what is fetched in the place of both lists, on loopback only: pins with sha256 digests, as "
        "uv pip compile writes them",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("build/bench"),
        help="for the mirror and all output (default: build/bench)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single run there")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _rows(text: str) -> tuple[Row, ...]:
    known = {row.name: row for row in ROWS}
    unknown = [name for name in text.split(",") if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no row {unknown[0]!r}, but {', '.join(known)}")
    return tuple(known[name] for name in text.split(","))


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no regular expression: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
