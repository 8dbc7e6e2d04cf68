"""Project pages in JSON: PEP 691, with the fields of PEP 700 (size, upload time) and PEP 792 (status).

The models say what stands on the wire. The bytes are read in pydantic's compiled part; of thousands of files
only those of the wanted versions are looked at further. Validation is lenient where one bad value must not cost
the page: such a value becomes its default, and a file without a readable name or address is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, core_schema, from_json

from cachi2ish.core.interest import Interest
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.simple_api.fields import (
    Links,
    PageSource,
    check_api_version,
    digests_in_fragment,
    digests_of,
    instant,
    not_a_project_page,
)
from cachi2ish.simple_api.narrowing import narrowed

_LARGEST_SIZE = 2**63 - 1


@dataclass(frozen=True, slots=True)
class OnError:
    """Let a value that is not of its type be the default, or (in a list) be left out."""

    does: Literal["default", "omit"] = "default"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        if self.does == "omit":
            return core_schema.with_default_schema(handler(source), on_error="omit")
        return core_schema.with_default_schema(handler(source), default=None, on_error="default")


_Text = Annotated[str | None, OnError()]


class _Wire(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=lambda name: name.replace("_", "-"),
    )


class _File(_Wire):
    filename: Annotated[str, Field(min_length=1)]
    url: str
    hashes: Annotated[dict[str, Annotated[str | None, OnError()]] | None, OnError()] = None
    requires_python: _Text = None
    yanked: Annotated[bool | str | None, OnError()] = None
    size: Annotated[Annotated[int, Field(ge=0, le=_LARGEST_SIZE, strict=True)] | None, OnError()] = None
    upload_time: _Text = None


class _Meta(_Wire):
    api_version: Annotated[str | None, Field(coerce_numbers_to_str=True), OnError()] = None


class _Status(_Wire):
    status: _Text = None
    reason: _Text = None


class _Project(_Wire):
    files: list[Any]  # each a `_File`, once it is known to be wanted
    meta: Annotated[_Meta | None, OnError()] = None
    project_status: Annotated[_Status | None, OnError()] = None


_PROJECT = TypeAdapter(_Project)
_FILE = TypeAdapter(_File)


def read_json(body: bytes, source: PageSource, interest: Interest | None = None) -> Page:
    """Return what a JSON page states, of the files that ``interest`` means (None for all).

    Raises `UnavailableError` for a body that is no project page, or of an API version that is not known.
    """
    text = body if interest is None else narrowed(body, interest)
    try:
        content = from_json(text, cache_strings="keys")  # nearly all strings but the keys are there once
    except ValueError:
        raise not_a_project_page(source.project, source.index, "the answer is not valid JSON") from None
    try:
        project = _PROJECT.validate_python(content)
    except ValidationError:
        because = 'the answer is JSON without a list of "files"'
        raise not_a_project_page(source.project, source.index, because) from None
    if project.meta and project.meta.api_version:
        check_api_version(project.meta.api_version, source.project, source.index)
    links = Links(source.base)
    status = project.project_status or _Status()
    return Page(
        project=source.project,
        index=source.index,
        files=tuple(file for entry in _wanted(project.files, interest) if (file := _file(entry, links))),
        partial=interest is not None,
        status=(status.status or "active").strip().lower(),
        status_reason=status.reason or "",
    )


def _wanted(entries: Iterable[object], interest: Interest | None) -> Iterator[_File]:
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        name = entry.get("filename")
        if interest is not None and not (isinstance(name, str) and interest.means(name)):
            continue
        with suppress(ValidationError):
            yield _FILE.validate_python(entry)


def _file(entry: _File, links: Links) -> IndexFile | None:
    link = links.resolve(entry.url)
    if link is None:
        return None
    hashes = entry.hashes or {}
    return IndexFile(
        filename=entry.filename,
        url=link.url,
        digests=digests_of((name, value) for name, value in hashes.items() if value)
        | digests_in_fragment(link.fragment),
        requires_python=entry.requires_python or None,
        # PEP 691: yanked where the value is true or a text that is not empty.
        yanked=bool(entry.yanked),
        yanked_reason=entry.yanked if isinstance(entry.yanked, str) else "",
        size=entry.size,
        upload_time=instant(entry.upload_time),
    )
