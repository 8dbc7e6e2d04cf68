"""What cachi2ish says of a package beyond what the formats have words for: the same in every format.

The names follow the taxonomy of properties: the tool, the ecosystem, the kind of thing, the fact.
"""

from __future__ import annotations

from dataclasses import dataclass

from cachi2ish.core.cutoff import rfc3339
from cachi2ish.core.inventory import Dependency, Inventory

#: Who put the package on the bill; on every one of them.
FOUND_BY = "cachi2ish:found_by"
#: "true" where a wheel of it was fetched.
BINARY = "cachi2ish:pip:package:binary"
#: "true" where it is needed for building only.
BUILD_DEPENDENCY = "cachi2ish:pip:package:build-dependency"
#: An environment marker (PEP 508) under which it is asked for; once for each.
MARKER = "cachi2ish:pip:package:marker"
#: The name of a file that no strong digest vouched for; once for each.
UNVERIFIED = "cachi2ish:pip:package:unverified"
#: A requirements file that states no digest for it; once for each.
MISSING_HASH = "cachi2ish:missing_hash:in_file"

#: A file's name, a space, and when it was uploaded (RFC 3339, UTC); for each file of which an index says it.
UPLOAD_TIME = "cachi2ish:pip:package:upload_time"
#: Of the bill as a whole: files count that were uploaded before this instant; once for each that is used.
INDEX_DATE = "cachi2ish:pip:index_date"
#: Of the bill as a whole: a project, a space, and the instant for it alone, or "none"; once for each.
INDEX_DATE_OVERRIDE = "cachi2ish:pip:index_date_override"

TOOL = "cachi2ish"


@dataclass(frozen=True, slots=True, order=True)
class Property:
    """A name and a value. A name may occur several times."""

    name: str
    value: str


def of_bill(inventory: Inventory) -> tuple[Property, ...]:
    """Return the properties of a bill as a whole, sorted."""
    found = set()
    for dates in inventory.index_dates:
        if dates.uploaded_before is not None:
            found.add(Property(INDEX_DATE, dates.uploaded_before))
        found |= {
            Property(INDEX_DATE_OVERRIDE, f"{name} {instant or 'none'}") for name, instant in dates.overrides
        }
    return tuple(sorted(found))


def of_main_package() -> tuple[Property, ...]:
    """Return the properties of a package of the user's own."""
    return (Property(FOUND_BY, TOOL),)


def of_dependency(dependency: Dependency) -> tuple[Property, ...]:
    """Return the properties of a dependency, sorted."""
    found = {Property(FOUND_BY, TOOL)}
    if any(file.wheel for file in dependency.files):
        found.add(Property(BINARY, "true"))
    if dependency.build:
        found.add(Property(BUILD_DEPENDENCY, "true"))
    found |= {Property(MARKER, marker) for marker in dependency.markers}
    found |= {Property(UNVERIFIED, file.filename) for file in dependency.files if not file.verified}
    found |= {
        Property(UPLOAD_TIME, f"{file.filename} {rfc3339(file.upload_time)}")
        for file in dependency.files
        if file.upload_time is not None
    }
    found |= {Property(MISSING_HASH, file) for file in dependency.missing_hash_in}
    return tuple(sorted(found))
