"""The fields that JSON and HTML pages share: links, digests, instants. What cannot be read is None or left out."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import AnyStr
from urllib.parse import urljoin

from msgspec import Struct, ValidationError, convert
from packaging.utils import NormalizedName

from cachi2ish.core import urls
from cachi2ish.core.messages import excerpt
from cachi2ish.core.pages import Hashes, digests_of
from cachi2ish.core.structs import repr_without
from cachi2ish.core.urls import redact
from cachi2ish.errors import UnavailableError

#: How often what separates values (in HTML, what begins a tag) may stand on one page.
MOST_MARKS = 1_200_000

#: Bytes. A shorter text is not worth counting: whatever it is made of, it takes less than 500 MB.
SMALL = 8 * 1024 * 1024

#: Characters of one value or tag that are read.
LONGEST_VALUE = 100_000

#: The version of the API that is written (PEP 629, PEP 792).
API_VERSION = "1.4"

#: An address that needs no resolving and no second look. Nearly all links of a large index are of this form.
#: A port beyond 59999 is looked at again.
_ORIGIN = r"https?://[a-z0-9.-]+(?::[1-5]?[0-9]{1,4})?"
_PLAIN = re.compile(rf"{_ORIGIN}/[!-~]*")

#: A path without dot segments behind what it starts from: the directory of the page, one above, the root.
#: `urljoin` takes thirty times as long as putting the two parts together.
_SEGMENT = r"[A-Za-z0-9_%+~-][A-Za-z0-9_.%+~!-]*"
_RELATIVE = re.compile(rf"(/|(?:\.\./)*)({_SEGMENT}(?:/{_SEGMENT})*)")

#: Where an address begins: all files of a large index have one host.
_SITE = re.compile(rf"{_ORIGIN}/")

#: Printable ASCII, and what separates lines.
_LINES_OF_PRINTABLE = b"\n" + bytes(range(ord(" "), 0x7F))

#: The fragment of nearly all links.
_SHA256 = re.compile(r"sha256=[0-9a-f]{64}")

#: The length of a time in the form of PEP 700: ``2024-10-01T12:34:56.789012Z``.
_LONGEST_TIME = 27

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

#: RFC 3339, 5.6. `datetime.fromisoformat` takes much more: dates, weeks, local times.
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-9]{2})",
)


class PageSource(Struct, frozen=True):
    """Which page is being read.

    index: the address of the index, redacted. base: the URL that relative links are resolved against,
    without credentials: an index's own credentials are the HTTP client's business, and must not be
    remembered with a file's address.
    """

    project: NormalizedName
    index: str
    base: str

    __repr__ = repr_without("base")

    @classmethod
    def of(cls, project: NormalizedName, index: str, url: str) -> PageSource:
        """Return the source of the page that came from ``url``."""
        return cls(project, index, urls.split_userinfo(url)[0])


class Link(Struct, frozen=True):
    """A link, absolute and without fragment, and the fragment without its ``#``."""

    url: str
    fragment: str

    __repr__ = repr_without("url")


class Links:
    """Resolves the links of one page (RFC 3986, 5). Not for several threads."""

    def __init__(self, base: str) -> None:
        """Resolve against ``base``, an absolute URL."""
        self._base = base
        self._starts: dict[str, str | None] = {}

    def resolve(self, href: str) -> Link | None:
        """Return where ``href`` leads, or None where that is no address of a web server."""
        address, _, fragment = href.partition("#")
        url = self.resolve_address(address)
        return None if url is None else Link(url, fragment)

    def resolve_address(self, address: str) -> str | None:
        """Do the same for what stands before the fragment."""
        if _PLAIN.fullmatch(address):
            return address
        relative = _RELATIVE.fullmatch(address)
        if relative:
            start = self._start(relative[1] or "./")
            return None if start is None else start + relative[2]
        return self._join(address.strip())

    @staticmethod
    def are_plain(hrefs: Collection[str], *, controls: bool = True) -> bool:
        """Return whether `resolve` would return all of these as they are, with an empty fragment.

        controls: whether there may be control characters in them. False, too, where they are of several hosts.
        Looks at thousands in a tenth of the time of `resolve`.
        """
        text = "\n".join(hrefs)
        site = _SITE.match(text)
        gaps = len(hrefs) - 1
        return (
            site is not None
            # Each of the lines begins with the same site, and there are no others.
            and text.count(f"\n{site[0]}") == gaps
            and not (controls and text.count("\n") != gaps)
            # Printable ASCII without the space, as in `_PLAIN`; a pattern takes twice as long.
            and not any(mark in text for mark in ("#", " ", "\x7f"))
            and text.isascii()
            and not (controls and text.encode().translate(None, _LINES_OF_PRINTABLE))
        )

    def _start(self, path: str) -> str | None:
        if path not in self._starts:
            self._starts[path] = self._join(path)
        return self._starts[path]

    def _join(self, address: str) -> str | None:
        if not address:
            return None
        try:
            url = urljoin(self._base, address)
        except ValueError:
            return None
        if urls.split_web(url) is None:
            return None
        return None if _CONTROL.search(url) else url


def hashes_in_fragment(fragment: str) -> Hashes:
    """Return those parts of a URL's fragment that state a digest (PEP 503: ``sha256=…``), in their order."""
    if _SHA256.fullmatch(fragment):
        return (("sha256", fragment[7:]),)
    parts = (part.partition("=")[::2] for part in fragment.split("&")) if fragment else ()
    return tuple(part for part in parts if digests_of([part]))


def instant(text: str | None) -> datetime | None:
    """Return an RFC 3339 date-time as an aware datetime in UTC, or None for any other text.

    A time without offset is no instant, so it is None. Digits beyond microseconds are cut off.
    """
    if text is None:
        return None
    if _is_usual_time(text):
        with suppress(ValidationError):
            return convert(text, datetime)
    if not _RFC3339.fullmatch(text := text.strip()):
        return None
    try:
        read = datetime.fromisoformat(text.upper())
        return read if read.tzinfo is UTC else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def instants(texts: Sequence[str | None]) -> Sequence[datetime | None]:
    """Return what `instant` returns for each text; quick for the texts of a whole page."""
    if all(text is None or _is_usual_time(text) for text in texts):
        with suppress(ValidationError):
            return convert(texts, list[datetime | None])
    return [instant(text) for text in texts]


def _is_usual_time(text: str) -> bool:
    # PEP 700: UTC, and at most six digits of a second, beyond which msgspec rounds.
    return text[-1:] == "Z" and len(text) <= _LONGEST_TIME


def unreadable(text: str | None) -> str:
    """Return a text that stands in the place of an upload time and is none, fit to be shown; empty for no text."""
    return excerpt((text or "").strip()).encode("ascii", "backslashreplace").decode()


def not_a_project_page(project: str, index: str, because: str) -> UnavailableError:
    """Return the error for an answer that has another form than the Simple repository API knows.

    because: a sentence fragment, what the answer is instead. index: is redacted here once more.
    """
    shown = redact(index)
    return UnavailableError(
        f"{shown} has no readable page for {project}: {because}",
        hint=f"check that {shown} is the root of a Simple index; its address usually ends in /simple/",
    )


def lists_too_much(text: AnyStr, mark: AnyStr) -> bool:
    """Return whether ``mark`` stands in a text too often: in small pieces it takes many times its memory.

    The largest pages of PyPI have a fifth of what is allowed.
    """
    return len(text) > SMALL and text.count(mark) > MOST_MARKS


def check_amount(text: AnyStr, mark: AnyStr, project: str, index: str) -> None:
    """Refuse a text that `lists_too_much`; raises `UnavailableError`."""
    if lists_too_much(text, mark):
        raise not_a_project_page(project, index, "the answer lists more than any project has")


def check_api_version(declared: str, project: str, index: str) -> None:
    """Refuse a major version of the repository API that is not known here (PEP 629).

    A version that is no number is taken for 1.0, as if the page had stated none.
    Raises `UnavailableError`.
    """
    major = declared.strip().partition(".")[0]
    # Compared as text: a number of any length is an answer that must not end in a traceback.
    if major.isascii() and major.isdigit() and major.lstrip("0") not in {"", "1"}:
        raise UnavailableError(
            f"{redact(index)} serves {project} by version {declared.strip()[:20]} of the Simple repository API;"
            " only version 1 is known",
            hint="look for a newer cachi2ish, or use an index that serves version 1",
        )
