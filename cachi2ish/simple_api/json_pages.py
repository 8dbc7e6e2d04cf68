"""Pages in JSON, read and written: PEP 691, with what PEP 700, PEP 714, PEP 740 and PEP 792 have added.

The structs say what stands on the wire, and msgspec reads a page of ten thousand files into them in milliseconds.
One bad value must not cost the page. So a page that the structs do not fit is read once more, value by value: a
value that is not of its type becomes its default, and a file without a readable name or address is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct, ValidationError, convert
from msgspec.structs import FieldInfo, fields

from cachi2ish.core.cutoff import rfc3339
from cachi2ish.core.pages import Hashes, IndexFile, Page
from cachi2ish.errors import UnavailableError
from cachi2ish.simple_api.fields import (
    API_VERSION,
    LONGEST_VALUE,
    Links,
    PageSource,
    check_amount,
    check_api_version,
    hashes_in_fragment,
    instants,
    not_a_project_page,
    unreadable,
)

_LARGEST_INTEGER = 2**63 - 1

_Count = Annotated[int, Meta(ge=0, le=_LARGEST_INTEGER)]
_Metadata = bool | dict[str, str] | None

_SERIAL = re.compile("[0-9]{1,18}")

_Entry = TypeVar("_Entry")


class Wire(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, rename="kebab"):
    """What stands in the text, in this order. Whatever may be missing may be null too."""


class WireMeta(
    Wire,
    frozen=True,
    kw_only=True,
    rename={
        "api_version": "api-version",
        "last_serial": "_last-serial",
        "coverage": "_coverage",
        "stale": "_stale",
    },
):
    """What the page says of itself (PEP 629, PEP 691)."""

    api_version: str | int | float | None = None
    last_serial: _Count | str | None = None  # a number, which some indexes write as a text
    coverage: str | None = None
    stale: bool | None = None


class WireFile(Wire, frozen=True, kw_only=True):
    """A file."""

    filename: Annotated[str, Meta(min_length=1)]
    url: str
    hashes: dict[str, str] | None = None
    requires_python: Annotated[str, Meta(max_length=LONGEST_VALUE)] | None = None
    size: _Count | None = None
    upload_time: str | None = None
    yanked: bool | str | None = None
    core_metadata: _Metadata = None
    dist_info_metadata: _Metadata = None  # the name before PEP 714
    provenance: str | None = None


class WireStatus(Wire, frozen=True, kw_only=True):
    """The status of the project (PEP 792)."""

    status: str | None = None
    reason: str | None = None


class WireProject(Wire, Generic[_Entry], frozen=True, kw_only=True):
    """A project page."""

    meta: WireMeta | None = None
    name: Raw = Raw(b"null")  # of no interest to who asked for the page
    versions: list[str] | None = None
    files: list[_Entry]
    project_status: WireStatus | None = None


class _ListedProject(Wire, frozen=True, kw_only=True, rename={"last_serial": "_last-serial"}):
    name: str
    last_serial: int | None = None


class _ProjectList(Wire, frozen=True, kw_only=True):
    meta: WireMeta
    projects: list[_ListedProject]


_DECODER = msgspec.json.Decoder(WireProject[WireFile])
_ENCODER = msgspec.json.Encoder()
_FIELDS: Mapping[type[Wire], tuple[FieldInfo, ...]] = {
    kind: fields(kind) for kind in (WireFile, WireMeta, WireStatus)
}

_Struct = TypeVar("_Struct", bound=Wire)


def read_json(body: bytes, source: PageSource) -> Page:
    """Return what a JSON page states.

    Raises `UnavailableError` for a body that is no project page, or of an API version that is not known.
    """
    project = _decoded(body, source)
    return page_of(project, _files(project.files, Links(source.base)), source)


def page_of(project: WireProject[Any], files: Sequence[IndexFile], source: PageSource) -> Page:
    """Return the page with ``files``; raises `UnavailableError` for an API version that is not known."""
    meta = project.meta or WireMeta()
    if meta.api_version:
        check_api_version(str(meta.api_version), source.project, source.index)
    status = project.project_status or WireStatus()
    return Page(
        project=source.project,
        index=source.index,
        files=files,
        status=(status.status or "").strip().lower() or "active",
        status_reason=status.reason or "",
        versions=None if project.versions is None else tuple(project.versions),
        last_serial=_serial(meta.last_serial),
    )


def write_json(page: Page, *, coverage: str | None = None, stale: bool = False) -> bytes:
    """Return the page as JSON; addresses stand there as they are, so that those of files may be relative.

    coverage, stale: what a server says of the page itself (``_coverage``, ``_stale``; PEP 691 leaves names that
    begin so to servers).

    It is of version 1.4 of the API (PEP 792) where it has what PEP 700 demands of 1.1, versions and all sizes, and
    else of 1.0. Equal pages give equal bytes. Raises `UnicodeEncodeError` for half of a surrogate pair.
    """
    complete = page.versions is not None and all(file.size is not None for file in page.files)
    declared = page.status != "active" or page.status_reason
    return _ENCODER.encode(
        WireProject(
            meta=WireMeta(
                api_version=API_VERSION if complete else "1.0",
                last_serial=page.last_serial,
                coverage=coverage,
                stale=stale or None,
            ),
            name=Raw(_ENCODER.encode(page.project)),
            versions=None if page.versions is None else list(page.versions),
            files=[_entry(file) for file in page.files],
            project_status=WireStatus(status=page.status, reason=page.status_reason or None) if declared else None,
        )
    )


def write_json_list(projects: Mapping[str, int | None], last_serial: int | None = None) -> bytes:
    """Return the list of all projects as JSON, by name.

    projects: names, each with the number of its last change or None. last_serial: that of the whole index.
    """
    meta = WireMeta(api_version=API_VERSION, last_serial=last_serial)
    listed = [_ListedProject(name=name, last_serial=serial) for name, serial in sorted(projects.items())]
    return _ENCODER.encode(_ProjectList(meta=meta, projects=listed))


def _entry(file: IndexFile) -> WireFile:
    metadata = file.core_metadata
    return WireFile(
        filename=file.filename,
        url=file.url,
        hashes=dict(file.hashes),
        requires_python=file.requires_python,
        size=file.size,
        upload_time=None if file.upload_time is None else rfc3339(file.upload_time),
        yanked=(file.yanked_reason or True) if file.yanked else None,
        core_metadata=None if metadata is None else (dict(metadata) or True),
        provenance=file.provenance,
    )


def _serial(declared: int | str | None) -> int | None:
    if isinstance(declared, str):
        return int(declared) if _SERIAL.fullmatch(declared) else None
    return declared


def _files(entries: Collection[WireFile], links: Links) -> tuple[IndexFile, ...]:
    times = instants([entry.upload_time for entry in entries])
    if links.are_plain([entry.url for entry in entries]):
        return tuple([file_of(entry, entry.url, (), time) for entry, time in zip(entries, times, strict=True)])
    linked = ((entry, time, links.resolve(entry.url)) for entry, time in zip(entries, times, strict=True))
    return tuple(
        file_of(entry, link.url, hashes_in_fragment(link.fragment), time) for entry, time, link in linked if link
    )


def file_of(entry: WireFile, url: str, in_fragment: Hashes, time: datetime | None) -> IndexFile:
    """Return the file of an entry, whose address has been resolved and whose time has been read."""
    hashes = tuple(entry.hashes.items()) if entry.hashes else ()
    yanked = entry.yanked
    metadata = entry.dist_info_metadata if entry.core_metadata is None else entry.core_metadata
    return IndexFile(
        filename=entry.filename,
        url=url,
        hashes=hashes + in_fragment if in_fragment else hashes,
        requires_python=entry.requires_python or None,
        # PEP 691: yanked where the value is true or a text that is not empty.
        yanked=bool(yanked),
        yanked_reason=yanked if isinstance(yanked, str) else "",
        size=entry.size,
        upload_time=time,
        core_metadata=None if metadata is None else _metadata(metadata),
        provenance=entry.provenance or None,
        unreadable_time="" if time is not None or entry.upload_time is None else unreadable(entry.upload_time),
    )


def _metadata(declared: bool | Mapping[str, str]) -> Hashes | None:  # noqa: FBT001  (as it stands in the text)
    if isinstance(declared, bool):
        return () if declared else None
    return tuple(declared.items())


def _decoded(body: bytes, source: PageSource) -> WireProject[WireFile]:
    check_amount(body, b",", source.project, source.index)
    try:
        if not body.isascii():
            body.decode()  # msgspec does not look at what it passes over
        return _DECODER.decode(body)
    except ValidationError:
        pass
    except (ValueError, RecursionError):
        raise _no_json(source) from None
    return _read_leniently(body, source)


def _read_leniently(body: bytes, source: PageSource) -> WireProject[WireFile]:
    try:
        content = json.loads(body)
        if b"\\u" in body:
            json.dumps(content, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, RecursionError):
        raise _no_json(source) from None
    entries = content.get("files") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        because = 'the answer is JSON without a list of "files"'
        raise not_a_project_page(source.project, source.index, because)
    versions = content.get("versions")
    return WireProject(
        files=[file for entry in entries if (file := leniently(WireFile, entry))],
        meta=leniently(WireMeta, content.get("meta")),
        project_status=leniently(WireStatus, content.get("project-status")),
        versions=[one for one in versions if isinstance(one, str)] if isinstance(versions, list) else None,
    )


def _no_json(source: PageSource) -> UnavailableError:
    return not_a_project_page(source.project, source.index, "the answer is not valid JSON")


def leniently(kind: type[_Struct], declared: object) -> _Struct | None:
    """Return the values of ``declared`` that are of their types; None where one that must be there is not."""
    with suppress(ValidationError):
        return convert(declared, kind)
    if not isinstance(declared, dict):
        return None
    values: dict[str, Any] = {}
    for one in _FIELDS[kind]:
        try:
            values[one.name] = convert(_texts(declared[one.encode_name]), one.type)
        except (KeyError, ValidationError):
            if one.required:
                return None
    return kind(**values)


def _texts(value: object) -> object:
    """Return ``value``; of an object only the texts, since a digest that is none must not cost the others."""
    if isinstance(value, dict):
        return {name: each for name, each in value.items() if isinstance(each, str)}
    return value
