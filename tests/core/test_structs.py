"""Structs that are not printed, or not compared, by all of their fields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import FunctionType
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

import cachi2ish
from cachi2ish.core.artifacts import Blob
from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.outputs import ProjectFile
from cachi2ish.core.pages import IndexFile
from cachi2ish.core.structs import compared_without, repr_without
from cachi2ish.git import remotes
from cachi2ish.git.command import Access, GitCommand
from cachi2ish.git.git_errors import Subject
from cachi2ish.http.access import auth
from cachi2ish.http.bodies import Stream
from cachi2ish.http.interface import Response
from cachi2ish.lockfiles.injection import Replacement
from cachi2ish.lockfiles.interface import LockText
from cachi2ish.lockfiles.pip.closure import Closure
from cachi2ish.lockfiles.pip.lines import LogicalLine
from cachi2ish.lockfiles.pip.pip_options import Option, RequirementLine
from cachi2ish.lockfiles.pip.tokens import AddressInText
from cachi2ish.mirror.server.hot_pages import Ready
from cachi2ish.mirror.server.rendering import Rendered
from cachi2ish.mirror.upstream import Login
from cachi2ish.services.fetch.identifying import Fetched
from cachi2ish.services.fetch.ports import Run
from cachi2ish.settings.hermeto import HermetoSettings
from cachi2ish.settings.hermeto_sources import Entry
from cachi2ish.settings.mirror_settings import MirrorSettings
from cachi2ish.settings.settings import Settings
from cachi2ish.simple_api.fields import Link, PageSource

T = datetime(2024, 10, 2, tzinfo=UTC)
BLOB = Blob(sha256="0" * 64, size=1, folder=Path("/cache"), file_id=1)

#: What is not printed: logins, tokens, variables, addresses with a login, and texts of files and answers.
HIDDEN: dict[type[Any], set[str]] = {
    Access: {"config", "environ"},
    AddressInText: {"text"},
    Closure: {"environ"},
    Entry: {"value"},
    Fetched: {"url"},
    GitCommand: {"environ"},
    HermetoSettings: {"proxy_url", "proxy_login", "proxy_password"},
    Link: {"url"},
    LockText: {"text"},
    LogicalLine: {"_parts"},
    Login: {"user", "password"},
    MirrorSettings: {"registries", "tokens"},
    Option: {"value"},
    PageSource: {"base"},
    ProjectFile: {"template"},
    Ready: {"body"},
    Rendered: {"body", "packed"},
    Replacement: {"original", "before", "after"},
    RequirementLine: {"url"},
    Response: {"url", "body", "packed"},
    Run: {"environ"},
    Settings: {"environ"},
    Stream: {"headers", "response"},
    Subject: {"secrets"},
    auth.Credential: {"user", "password"},
    remotes.Credential: {"username", "password"},
}

#: Fields with these names hold a secret wherever they are.
SECRET = ("user", "username", "login", "password", "secrets", "environ")


@pytest.mark.parametrize("record", HIDDEN)
def test_what_may_hold_a_secret_is_not_printed(record: type[Any]) -> None:
    assert HIDDEN[record] <= hidden(record)


def test_no_record_prints_a_secret_that_its_field_is_named_after() -> None:
    modules = [one.name for one in walk_packages(cachi2ish.__path__, "cachi2ish.")]
    found = {
        record: secret
        for module in modules
        if not module.endswith("__main__") and ".migrations" not in module  # which run when they are imported
        for record in records_of(module)
        if (secret := {name for name in names(record) if name.endswith(SECRET)})
    }
    assert len(found) > 10
    assert [record for record, secret in found.items() if not secret <= hidden(record)] == []


def records_of(module: str) -> Iterator[type[Any]]:
    for value in vars(import_module(module)).values():
        if isinstance(value, type) and value.__module__ == module and names(value):
            yield value


def names(record: type[Any]) -> tuple[str, ...]:
    if issubclass(record, Struct):
        return record.__struct_fields__
    return tuple(one.name for one in fields(record)) if is_dataclass(record) else ()


def hidden(record: type[Any]) -> set[str]:
    """Return the fields whose values are neither in ``repr`` nor in ``str``."""
    one = record(**{name: f"<{name}>" for name in names(record)})
    return {name for name in names(record) if f"<{name}>" not in f"{one!r}{one}"}


def test_a_file_of_a_page_is_printed_without_its_address() -> None:
    assert "s3cret" not in repr(IndexFile(filename="a.zip", url="https://user:s3cret@host/a.zip"))


def test_names_that_no_field_has_are_refused() -> None:
    # Python before 3.12 wraps what is raised there.
    with pytest.raises((TypeError, RuntimeError)) as printed:

        class Printed(Struct):
            password: str

            __repr__ = repr_without("pasword")

    with pytest.raises((TypeError, RuntimeError)) as compared:

        class Compared(Struct, eq=False):
            inode: int

            __eq__, __hash__ = compared_without("inode", "size", "__eq__")

    assert str(printed.value.__cause__ or printed.value) == "Printed has no field pasword"
    assert str(compared.value.__cause__ or compared.value) == "Compared has no field size and no __eq__"


def test_fields_are_those_of_the_struct_that_it_is_based_on_too() -> None:
    class Base(Struct):
        password: str

    class Derived(Base):
        user: str = ""

        __repr__ = repr_without("password", "user")

    assert repr(Derived("s3cret")) == "Derived()"
    assert isinstance(Derived.__repr__, FunctionType)


def test_fields_that_make_no_difference_make_none() -> None:
    moved = replace(BLOB, file_id=None)
    assert moved == BLOB
    assert len({BLOB, moved}) == 1
    assert replace(BLOB, size=2) != BLOB
    assert BLOB != "blob"
    assert Cutoff(T, "2024-10-01") == Cutoff(T, "today")
