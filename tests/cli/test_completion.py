"""A shell completes commands and options after the line that the reference shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.options_page import PAGE
from tests.support.command_line import clean_environment

#: Completes $WORDS, which ends in the word that is being typed, as readline would; prints one answer a line.
_READLINE = """
COMP_WORDS=($WORDS); [ "${WORDS% }" = "$WORDS" ] || COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
function=$(complete -p cachi2ish | sed 's/.* -F \\([^ ]*\\) .*/\\1/')
"$function" cachi2ish
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    program = tmp_path / "cachi2ish"
    program.write_text(f"#!{sys.executable}\nfrom cachi2ish.cli.entry import main\n\nmain()\n")
    program.chmod(0o755)
    root = str(Path(__file__).parents[2])
    return clean_environment(tmp_path, PATH=f"{tmp_path}:{os.environ['PATH']}", PYTHONPATH=root)


def line_for(shell: str) -> str:
    [found] = re.findall(rf"^\$ (.*source_{shell} .*?)\s+#", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return str(found)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("cachi2ish f", ["fetch-deps"]),
        ("cachi2ish cache ", ["path", "info", "verify", "prune"]),
        ("cachi2ish fetch-deps --index-d", ["--index-date", "--index-date-missing", "--index-digest"]),
        ("cachi2ish --mode strict cache verify --rep", ["--repair"]),
        ("cachi2ish --source . fetch-deps --off", ["--offline"]),
        ("cachi2ish serve out --con", ["--constraint"]),
    ],
)
def test_bash_completes_commands_and_options(environ: dict[str, str], words: str, expected: list[str]) -> None:
    script = f"{line_for('bash')}\n{_READLINE}"
    done = subprocess.run(
        ["bash", "-c", script], env={**environ, "WORDS": words}, capture_output=True, text=True, check=True
    )
    assert (done.stdout.split(), done.stderr) == (expected, "")


@pytest.mark.parametrize(("shell", "registers"), [("zsh", "compdef"), ("fish", "complete --command cachi2ish")])
def test_the_scripts_of_other_shells_are_printed(environ: dict[str, str], shell: str, registers: str) -> None:
    assert f"_CACHI2ISH_COMPLETE=source_{shell} cachi2ish" in line_for(shell)
    done = subprocess.run(
        ["cachi2ish"],
        env={**environ, "_CACHI2ISH_COMPLETE": f"source_{shell}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert registers in done.stdout
    assert f"_CACHI2ISH_COMPLETE=complete_{shell}" in done.stdout
