"""The generated parts of the reference: ``options.md`` is what the command line says of itself.

``environment.md`` has a table of the variables and one of the keys of the configuration file.
``python -m tests.docs.options_page`` (``make reference``) writes them into the pages.
"""

from __future__ import annotations

import re
from pathlib import Path

from typer.testing import CliRunner

from cachi2ish.cli.main import application
from cachi2ish.settings.flags import SETTINGS, option_of
from cachi2ish.settings.values import key_of, variable_of

_REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PAGE = _REFERENCE / "options.md"
MARK = "<!-- Everything below is generated from the code: make reference -->\n"

ENVIRONMENT_PAGE = _REFERENCE / "environment.md"
_TABLE = re.compile(r"(<!-- Generated from the code: make reference -->\n\n).*?(<!-- To here. -->\n)", re.DOTALL)


#: Plain text, and as wide as a page shows without scrolling, wherever this runs.
_TERMINAL = {"COLUMNS": "100", "TERMINAL_WIDTH": "100", "TERM": "dumb", "NO_COLOR": "1"}

_CACHE = tuple(("cache", name) for name in ("path", "info", "verify", "prune"))

_OF_MIRROR = ("serve", "status", "track", "sync", "prune", "diff", "freeze", "verify", "export", "import", "copy")

_MIRROR = (("mirror",), *(("mirror", name) for name in _OF_MIRROR))

_COMMANDS = (
    (),
    ("fetch-deps",),
    ("lock-build-deps",),
    ("generate-env",),
    ("inject-files",),
    ("merge-sboms",),
    ("verify",),
    ("serve",),
    ("cache",),
    *_CACHE,
    *_MIRROR,
)


def generated() -> str:
    """Return everything that stands below the mark."""
    return "".join(_section(command) for command in _COMMANDS)


def _section(command: tuple[str, ...]) -> str:
    title = " ".join(("cachi2ish", *command))
    return f"\n## {title}\n\n```text\n{help_of(command)}\n```\n"


def help_of(command: tuple[str, ...]) -> str:
    """Return what ``--help`` prints."""
    done = CliRunner().invoke(application(), [*command, "--help"], prog_name="cachi2ish", env=_TERMINAL)
    assert done.exit_code == 0, done.output
    lines = (line.rstrip() for line in done.output.splitlines())
    return "\n".join(lines).strip()


def environment_page(text: str) -> str:
    """Return the page with the tables that the code has."""
    tables = iter((_variables(), _keys()))
    return _TABLE.sub(lambda found: f"{found[1]}{next(tables)}{found[2]}", text)


def _variables() -> str:
    rows = ["| variable | option |", "| --- | --- |"]
    for name, setting in SETTINGS.items():
        if setting.variable:
            option = f"`--{option_of(name)}`{' of `mirror`' if setting.option else ''}"
            if setting.negatable:
                option += f" (`1`, `true`) or `--no-{option_of(name)}` (`0`, `false`)"
            if setting.repeatable:
                option += "; several are separated by white space"
            rows.append(f"| `{variable_of(name)}` | {option} |")
    return "\n".join(rows) + "\n\n"


def _keys() -> str:
    rows = ["| key | value |", "| --- | --- |"]
    rows += [f"| `{key_of(name)}` | {setting.wanted} |" for name, setting in SETTINGS.items() if setting.toml]
    return "\n".join(rows) + "\n\n"


def main() -> None:
    """Write the pages."""
    environment = environment_page(ENVIRONMENT_PAGE.read_text(encoding="utf-8"))
    ENVIRONMENT_PAGE.write_text(environment, encoding="utf-8")
    above, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    PAGE.write_text(above + mark + generated(), encoding="utf-8")


if __name__ == "__main__":
    main()
