"""The digest of a project page: what it states, whoever serves it and wherever its files lie.

It is the sha256 of the page in JSON (`write_json`) in which each file has its name in the place of its address,
and without the number of the last change. A client makes it of the page that it has read, a mirror of what it
knows.
"""

from __future__ import annotations

from hashlib import sha256

from msgspec.structs import replace

from cachi2ish.core.pages import Page
from cachi2ish.simple_api.json_pages import write_json


def page_digest(page: Page) -> str:
    """Return the digest as 64 hexadecimal digits."""
    files = tuple([file if file.url == file.filename else replace(file, url=file.filename) for file in page.files])
    return sha256(write_json(replace(page, files=files, last_serial=None))).hexdigest()
