"""The machine, in the words that a reader of the results needs."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path


def describe_machine() -> str:
    """Processor, memory, system and Python, on one line."""
    words = [_processor(), f"{os.cpu_count()} processors", *_memory(), platform.platform(terse=True)]
    return ", ".join([*words, f"Python {platform.python_version()}"])


def load() -> str:
    """How busy the machine is: processes that want to run, averaged over the last minute."""
    return f"{os.getloadavg()[0]:.1f}"


def _processor() -> str:
    try:
        known = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        known = None
    return known[1] if known else platform.processor() or platform.machine()


def _memory() -> list[str]:
    try:
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return []
    return [f"{size / 2**30:.0f} GiB"]
