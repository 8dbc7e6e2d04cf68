"""The page of limits has the numbers that the code has, and no others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cachi2ish.files import foreign, user_files
from cachi2ish.git import command, objects, repositories, submodules
from cachi2ish.http import bodies, session
from cachi2ish.lockfiles.pip import assembling, whole_grammar
from cachi2ish.projects import project_folder, setup_cfg
from cachi2ish.sandbox import hook_runner
from cachi2ish.sandbox.interface import Limits as HookLimits
from cachi2ish.sdists import metadata
from cachi2ish.sdists.forward import Limits
from cachi2ish.services import merge_sboms
from cachi2ish.settings import network_flags
from cachi2ish.simple_api import fields
from tests.cli import test_bombs

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "limits.md").read_text(encoding="utf-8")

ARCHIVE = Limits()
HOOK = HookLimits()
MIB = 1 << 20

#: How the row begins, and its number.
LIMITS: list[tuple[str, float]] = [
    ("bytes of a page", bodies.LARGEST_BODY),
    ("parts that a compressed answer", bodies._MOST_MEMBERS),
    ("values or tags on a page of more than 8 MiB", fields.MOST_MARKS),
    ("characters of a value of JSON", fields.LONGEST_VALUE),
    ("redirects", session._MOST_REDIRECTS),
    ("members", ARCHIVE.members),
    ("MiB, unpacked", ARCHIVE.total / MIB),
    ("MiB of a PKG-INFO", ARCHIVE.metadata / MIB),
    ("links, and places of metadata", ARCHIVE.links),
    ("MiB of one extended header", ARCHIVE.header / MIB),
    ("keys that extended headers", ARCHIVE.keys),
    ("MiB of memory that a decompressor", ARCHIVE.decoder / MIB),
    ("seconds of processor time for one archive", ARCHIVE.seconds),
    ("MiB of a file that is unpacked", ARCHIVE.file / MIB),
    ("folders above such a file", ARCHIVE.depth),
    ("MiB of all such files", ARCHIVE.unpacked / MIB),
    ("dependencies with extras", metadata._MOST_DEPENDENCIES),
    ("files and folders of a commit", objects.MOST_ENTRIES),
    ("bytes of what a link leads to", objects.LONGEST_TARGET),
    ("bytes that one command of git", command.OUTPUT_LIMIT),
    ("seconds for which git may be silent", repositories.STALL_SECONDS),
    ("submodules of a commit", submodules.MOST_SUBMODULES),
    ("MB of memory that a process of git", command.MEMORY / 1_000_000),
    ("MiB of an input, a lock", foreign.LARGEST_TEXT / MIB),
    ("MiB of a project file", project_folder.SIZE_LIMIT / MIB),
    ("parts of a key in a file of TOML", foreign.MOST_PARTS),
    ("lines of one project", assembling._MOST_LINES),
    ("brackets in a line", whole_grammar._MOST_BRACKETS),
    ("characters of a value of `setup.cfg`", setup_cfg._LONGEST_VALUE),
    ("bytes of a bill", merge_sboms.LARGEST),
    ("seconds that a result waits", user_files._TRIES * user_files._PAUSE),
    ("seconds of a hook", HOOK.seconds),
    ("MiB of memory of a hook", HOOK.memory / MIB),
    ("processes of a hook", HOOK.processes),
    ("MiB of the file system of a hook", HOOK.space / MIB),
    ("requirements in the answer of a hook", hook_runner._MOST),
    ("characters of a requirement in the answer", hook_runner._LONGEST),
    ("requests at once", network_flags.MOST_CONCURRENT),
]
ROWS = dict(re.findall(r"^\| (.+?) \| ([0-9,]+) \|$", PAGE, re.MULTILINE))


@pytest.mark.parametrize(("what", "most"), LIMITS)
def test_a_limit_is_in_the_reference_with_its_number(what: str, most: float) -> None:
    assert [number for row, number in ROWS.items() if row.startswith(what)] == [f"{most:,.0f}"]


def test_the_reference_names_no_other_limits() -> None:
    assert len(ROWS) == len(LIMITS)
    assert fields.SMALL == 8 * MIB


def test_what_one_item_may_take_is_what_the_bombs_are_held_to() -> None:
    bound = f"{test_bombs.MEMORY // 1_000_000} MB of memory or\n{test_bombs.SECONDS} seconds of processor time"
    assert bound in PAGE
