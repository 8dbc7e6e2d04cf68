"""Lock files of other tools: whatever stands there, a lock or an error with a place."""

from __future__ import annotations

from pathlib import Path

from cachi2ish.core.requirements import Purpose
from cachi2ish.lockfiles.interface import Selection
from cachi2ish.lockfiles.uv.uv_reader import UvReader
from tests.fuzz.campaign import fuzzed
from tests.fuzz.guards import each_error
from tests.fuzz.mutating import files_like, write
from tests.lockfiles.test_uv_lock import CONFLICT, FRESH, GRAPH, TRAPS, TestFreshness

UV_LOCKS = (GRAPH, CONFLICT, TestFreshness.TEXT, *(text for text, _ in TRAPS.values()))
UV_WORDS = (
    *("[[package]]\n", "[package.metadata]\n", "{ name = ", " }", "source = ", "registry", "git = ", "?rev=", "#"),
    *(
        "marker = ",
        "extra == 'extra-3-own-cpu'",
        "python_full_version",
        " and ",
        " or ",
        "(",
        ")",
        "sha256:",
        '"""',
    ),
    *("upload-time = ", "0001-01-01T00:00:00+10:00", "conflicts = [[", "true", "-1", "9" * 30, "..", "[]", "\n["),
)
PROJECTS = (FRESH, "[tool.uv]\ndefault-groups = ['dev']\n", "[project]\ndynamic = 5\n")
SELECTION = Selection(groups=(":all:",), extras=(":all:",))


@fuzzed(files=files_like({"uv.lock": UV_LOCKS, "pyproject.toml": PROJECTS}, UV_WORDS))
def test_uv_lock(files: dict[str, bytes], room: Path) -> None:
    write(room, files)
    for selection in (Selection(), SELECTION):
        with each_error(lambda one: one.origin is not None and one.hint):
            UvReader().read(room, "uv.lock", Purpose.RUNTIME, {}, selection)
