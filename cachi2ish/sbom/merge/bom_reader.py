"""Reads a bill of materials of either format, whoever has written it, and refuses names that stand in it twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import TypeVar

from pydantic import ValidationError

from cachi2ish.errors import InputError, Origin
from cachi2ish.sbom.cyclonedx import cyclonedx_model
from cachi2ish.sbom.cyclonedx.cyclonedx_model import Bom
from cachi2ish.sbom.document import JsonObject, values_of
from cachi2ish.sbom.interface import SbomFile
from cachi2ish.sbom.spdx import spdx_model
from cachi2ish.sbom.spdx.spdx_model import Document
from cachi2ish.sbom.wire import as_json

#: Where SPDX has identifiers beside those of packages, and in which field.
_IDENTIFYING = {
    "files": "SPDXID",
    "snippets": "SPDXID",
    "hasExtractedLicensingInfos": "licenseId",
    "externalDocumentRefs": "externalDocumentId",
}

#: So many are named; a file that is wrong throughout would fill the screen.
_MOST_NAMED = 5

_LONGEST = 100


def check(bill: Bom | Document, origin: Origin) -> None:
    """Raise `InputError`, which names them, where ``bill`` gives one reference or identifier to two things."""
    what, names = ("bom-ref", _references(bill)) if isinstance(bill, Bom) else ("identifier", _identifiers(bill))
    repeated = sorted(name for name, number in Counter(names).items() if number > 1)
    if not repeated:
        return
    named = ", ".join(repr(name[:_LONGEST]) for name in repeated[:_MOST_NAMED])
    if len(repeated) == 1:
        problem = f"the {what} {named} is given more than once"
    else:
        more = f" and {len(repeated) - _MOST_NAMED} more" if len(repeated) > _MOST_NAMED else ""
        problem = f"each of these {what}s is given more than once: {named}{more}"
    raise InputError(
        problem,
        hint=f"{what}s are unique within a file: have the program that wrote it write it again",
        origin=origin,
    )


def _references(bom: Bom) -> Iterator[str]:
    return values_of(as_json(bom), "bom-ref")


def _identifiers(document: Document) -> Iterator[str]:
    yield document.spdx_id
    for package in document.packages:
        yield package.spdx_id
    for field, identifying in _IDENTIFYING.items():
        things = document.further.get(field)
        for thing in things if isinstance(things, list) else ():
            name = thing.get(identifying) if isinstance(thing, dict) else None
            if isinstance(name, str):
                yield name


_Document = TypeVar("_Document", Bom, Document)

_HINT = "give files in CycloneDX or SPDX, as JSON"


def read(file: SbomFile) -> Bom | Document:
    """Return what ``file`` holds, each name in it given once; raises `InputError` with the file as origin."""
    bill = _bill(file)
    check(bill, Origin(file.name))
    return bill


def _bill(file: SbomFile) -> Bom | Document:
    origin = Origin(file.name)
    try:
        content = json.loads(file.content, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise InputError(
            f"this is not JSON: {error.msg}", hint=_HINT, origin=Origin(file.name, error.lineno)
        ) from None
    except UnicodeDecodeError:
        raise InputError("this is not text", hint=_HINT, origin=origin) from None
    except (RecursionError, ValueError):
        raise _unreadable(origin) from None
    if not isinstance(content, dict):
        raise InputError("this is not a bill of materials", hint=_HINT, origin=origin)
    if content.get("bomFormat") == "CycloneDX":
        return _read(Bom, content, "specVersion", cyclonedx_model.READABLE_VERSIONS, origin)
    if "spdxVersion" in content:
        return _read(Document, content, "spdxVersion", spdx_model.READABLE_VERSIONS, origin)
    if "@context" in content and "spdx.org" in str(content["@context"]):
        raise InputError("this is SPDX 3, which cannot be merged", hint="give SPDX 2.3", origin=origin)
    raise InputError(
        "this is not a bill of materials: it has neither bomFormat nor spdxVersion", hint=_HINT, origin=origin
    )


def _read(
    part: type[_Document], content: JsonObject, field: str, versions: tuple[str, ...], origin: Origin
) -> _Document:
    version = content.get(field)
    if version not in versions:
        raise InputError(
            f"{field} is {version!r}, which cannot be merged",
            hint=f"what can be read: {', '.join(versions)}",
            origin=origin,
        )
    try:
        return part.model_validate(content)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
        place = ".".join(str(step) for step in problems[0]["loc"])
        raise InputError(
            f"this does not follow its own format: {place}: {problems[0]['msg'].lower()}{more}",
            hint="have the program that wrote it write it again",
            origin=origin,
        ) from None
    except RecursionError:
        raise _unreadable(origin) from None


def _no_constant(name: str) -> float:
    raise ValueError(name)  # NaN and the infinities, which Python's reader would take


def _unreadable(origin: Origin) -> InputError:
    return InputError(
        "this cannot be read: it is nested too deeply, or has a number that JSON has not",
        hint=_HINT,
        origin=origin,
    )
