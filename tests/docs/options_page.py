"""The generated part of ``docs/reference/options.md``: what the command line says of itself.

``python -m tests.docs.options_page`` (``make reference``) writes it into the page.
"""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from cachi2ish.cli.main import app

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "options.md"
MARK = "<!-- Everything below is generated from the code: make reference -->\n"

#: Plain text, and as wide as a page shows without scrolling, wherever this runs.
_TERMINAL = {"COLUMNS": "100", "TERMINAL_WIDTH": "100", "TERM": "dumb", "NO_COLOR": "1"}

_CACHE = tuple(("cache", name) for name in ("path", "info", "verify", "prune"))

_COMMANDS = ((), ("fetch-deps",), ("generate-env",), ("inject-files",), ("merge-sboms",), ("cache",), *_CACHE)


def generated() -> str:
    """Return everything that stands below the mark."""
    return "".join(_section(command) for command in _COMMANDS)


def _section(command: tuple[str, ...]) -> str:
    title = " ".join(("cachi2ish", *command))
    return f"\n## {title}\n\n```text\n{help_of(command)}\n```\n"


def help_of(command: tuple[str, ...]) -> str:
    """Return what ``--help`` prints."""
    done = CliRunner().invoke(app, [*command, "--help"], prog_name="cachi2ish", env=_TERMINAL)
    assert done.exit_code == 0, done.output
    lines = (line.rstrip() for line in done.output.splitlines())
    return "\n".join(lines).strip()


def main() -> None:
    """Write the page."""
    above, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    PAGE.write_text(above + mark + generated(), encoding="utf-8")


if __name__ == "__main__":
    main()
