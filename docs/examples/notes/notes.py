"""Small notes with due dates, kept in a TOML file: an application with a few real dependencies."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import attrs
import cattrs
import click
import humanize
import tabulate
import tomlkit
from dateutil import parser
from markdown_it import MarkdownIt
from rich.console import Console
from rich.markdown import Markdown
from slugify import slugify


@attrs.frozen
class Note:
    """A note. text: Markdown; due: any date that dateutil understands."""

    title: str
    text: str
    due: str

    @property
    def name(self) -> str:
        """What the note is called on the command line: its title, fit for a file name."""
        return slugify(self.title)

    def left(self, today: datetime) -> str:
        """How long it is until the note is due, in words."""
        return humanize.naturaldelta(parser.parse(self.due) - today)


def read(path: Path) -> list[Note]:
    """Read the notes of a TOML file."""
    document = tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()
    return cattrs.structure(document["notes"], list[Note])


@click.group()
@click.option("--file", type=click.Path(path_type=Path), default=Path(__file__).with_name("notes.toml"))
@click.pass_context
def main(context: click.Context, file: Path) -> None:
    """Read your notes."""
    context.obj = read(file)


@main.command(name="list")
@click.option("--today", default=None, help="The day to count from; left out: now.")
@click.pass_obj
def list_(notes: list[Note], today: str | None) -> None:
    """Print a table of all notes."""
    now = parser.parse(today) if today else datetime.now()  # noqa: DTZ005  (a due date is the reader's own)
    rows = [(note.name, note.due, note.left(now)) for note in notes]
    click.echo(tabulate.tabulate(rows, headers=("note", "due", "left")))


@main.command()
@click.argument("name")
@click.option("--html", is_flag=True, help="Print HTML instead of styled text.")
@click.pass_obj
def show(notes: list[Note], name: str, *, html: bool) -> None:
    """Print one note."""
    note = next((note for note in notes if note.name == name), None)
    if note is None:
        raise click.ClickException(f"there is no note called {name!r}")
    if html:
        click.echo(MarkdownIt().render(note.text), nl=False)
    else:
        Console(width=72).print(Markdown(note.text))


if __name__ == "__main__":
    main()
