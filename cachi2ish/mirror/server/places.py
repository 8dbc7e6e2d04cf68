"""Which registry and which date an address of the mirror means."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from urllib.parse import unquote

from packaging.utils import NormalizedName
from starlette.requests import Request

from cachi2ish.core.cutoff import InvalidDateError
from cachi2ish.errors import InputError
from cachi2ish.mirror.path_dates import LIVE, PathDate, parse_path_date
from cachi2ish.mirror.records import Registry

#: The registry without a name in its addresses.
MAIN = "pypi"

#: What a project may be called (core metadata specifications, "Name").
_NAME = re.compile("[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_LONGEST_NAME = 200


def is_name(text: str) -> bool:
    """Return whether a project may be called so."""
    return len(text) <= _LONGEST_NAME and _NAME.fullmatch(text) is not None


def no_such_registry(name: str, known: Collection[str], hint: str | None = None) -> InputError:
    """Return the error for a registry that is not among those that are known."""
    names = ", ".join(sorted(known)) or "none"
    return InputError(f"no registry is called {name!r} here; there are: {names}", hint=hint)


class Places:
    """Reads the beginnings of paths. exempt: projects to which no cool-down applies. now: the time, aware."""

    def __init__(
        self,
        registries: Mapping[str, Registry],
        exempt: Collection[NormalizedName],
        now: Callable[[], datetime],
    ) -> None:
        self._registries = registries
        self._exempt = frozenset(exempt)
        self._now = now

    def of(self, request: Request) -> tuple[Registry, PathDate]:
        """Return the registry and the date that a path names; a path without a date is live.

        Raises `InputError` where there is no such registry or date.
        """
        return self.named(
            request.path_params.get("registry", MAIN), unquote(request.path_params.get("date", LIVE))
        )

    def registry(self, name: str) -> Registry:
        """Return a registry by its name. Raises `InputError` where there is none such."""
        registry = self._registries.get(name)
        if registry is None:
            raise no_such_registry(name, self._registries)
        return registry

    def named(self, name: str, text: str) -> tuple[Registry, PathDate]:
        """Return a registry by its name, and what a date means. Raises `InputError` where there is none such."""
        registry = self.registry(name)
        try:
            return registry, parse_path_date(text, self._now(), self._exempt)
        except InvalidDateError as error:
            raise InputError(f"{error}; {error.hint}") from None
