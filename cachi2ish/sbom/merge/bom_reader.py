"""Reads a bill of materials of either format, whoever has written it."""

from __future__ import annotations

import json
from typing import TypeVar

from pydantic import ValidationError

from cachi2ish.errors import InputError, Origin
from cachi2ish.sbom.cyclonedx import cyclonedx_model
from cachi2ish.sbom.cyclonedx.cyclonedx_model import Bom
from cachi2ish.sbom.interface import SbomFile
from cachi2ish.sbom.merge import uniqueness
from cachi2ish.sbom.spdx import spdx_model
from cachi2ish.sbom.spdx.spdx_model import Document
from cachi2ish.sbom.wire import JsonObject

_Document = TypeVar("_Document", Bom, Document)

_HINT = "give files in CycloneDX or SPDX, as JSON"


def read(file: SbomFile) -> Bom | Document:
    """Return what ``file`` holds, each name in it given once; raises `InputError` with the file as origin."""
    bill = _bill(file)
    uniqueness.check(bill, Origin(file.name))
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
