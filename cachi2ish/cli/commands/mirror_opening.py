"""What the commands of ``cachi2ish mirror`` that need no server share: the history that they open, and options."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cachi2ish.cli.commands.options import console_for, reads
from cachi2ish.cli.display.console import NOTHING_WRITTEN, Console, report_errors
from cachi2ish.settings.flags import Flags
from cachi2ish.settings.values import metavar, one_of

if TYPE_CHECKING:
    from cachi2ish.cli.display.reporting import ConsoleReporter
    from cachi2ish.mirror.history.interface import History


class HistoryFormat(StrEnum):
    """How what is known is written."""

    TEXT = "text"
    JSON = "json"


Format = Annotated[
    HistoryFormat,
    typer.Option(
        "--format",
        "-f",
        parser=reads(one_of(HistoryFormat)),
        metavar=metavar(HistoryFormat),
        help="json is for programs.",
    ),
]
Index = Annotated[
    str, typer.Option(metavar="NAME", help="The registry, by the name that serve gives it: pypi, or one of yours.")
]


@contextmanager
def reported(console: Console, otherwise: str = NOTHING_WRITTEN) -> Iterator[None]:
    """Report errors as `report_errors` does; what a mirror keeps its files in is a cache, in its directory."""
    from cachi2ish.advice import Place
    from cachi2ish.errors import Cachi2ishError, StorageError, leaves, raise_all

    with report_errors(console, otherwise=otherwise):
        try:
            yield
        except Cachi2ishError as error:
            raise_all(
                one.instead_of(Place.MIRROR) if isinstance(one, StorageError) and one.place is Place.CACHE else one
                for one in leaves(error)
            )


@contextmanager
def opened(
    flags: Flags, *, make: bool = False, read_only: bool = False, otherwise: str = ""
) -> Iterator[tuple[History, ConsoleReporter]]:
    """Yield the history of the mirror, and what reports to the user; errors are told and end the program.

    otherwise: what is true after several errors; "" for nothing.
    """
    console: Console = console_for(flags)
    with reported(console, otherwise):
        from cachi2ish.cli.display.reporting import ConsoleReporter

        with installed():
            from cachi2ish.cli.wiring_history import mirror_history
        with mirror_history(flags, make=make, read_only=read_only) as history:
            yield history, ConsoleReporter(console)


@contextmanager
def installed() -> Iterator[None]:
    """Say what is missing where the block loads what the mirror needs."""
    from cachi2ish.errors import InputError

    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(
            f"the mirror needs {error.name}, which is not installed",
            hint="install cachi2ish[mirror], or from a clone: make install WITH=mirror",
        ) from None
