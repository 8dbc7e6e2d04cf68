"""A project page as it was at an instant, and whose instant that is.

Pure: a page and a date give a page. The rule is applied to each file and not to each release: a wheel that was
uploaded later is not there, though its release is older.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName

from cachi2ish.advice import Hint
from cachi2ish.core.choose.reasons import Reason
from cachi2ish.core.cutoff import Cutoff, rfc3339
from cachi2ish.core.digests import Digest, InvalidDigestError
from cachi2ish.core.modes import Missing
from cachi2ish.core.pages import QUARANTINED, Excluded, IndexFile, Page
from cachi2ish.core.urls import bare
from cachi2ish.errors import AfterIndexDateError, Origin

#: What to do about a text that is no digest of a day.
HOW_TO_WRITE_DIGEST = "write it as cachi2ish mirror freeze prints it: sha256: and 64 hexadecimal digits"


class MissingPolicy(Struct, frozen=True):
    """What becomes of files without upload time, for all indexes or for some.

    by_index: pairs of an index's address, as `cachi2ish.core.urls.bare` makes it, and what holds there.
    """

    everywhere: Missing = Missing.REFUSE
    by_index: tuple[tuple[str, Missing], ...] = ()

    def of(self, index: str) -> Missing:
        """Return what holds for the index at ``index``."""
        return dict(self.by_index).get(bare(index), self.everywhere)


class DayDigests(Struct, frozen=True):
    """Digests of frozen days, which prove the pages of mirrors: of all indexes, or of some.

    everywhere: 64 hexadecimal digits, "" for none. by_index: pairs of an index's address, as
    `cachi2ish.core.urls.bare` makes it, and the digest of its day.
    """

    everywhere: str = ""
    by_index: tuple[tuple[str, str], ...] = ()

    def of(self, index: str) -> str:
        """Return the digest for the index at ``index``, "" where nothing is to be proved of it."""
        return dict(self.by_index).get(bare(index), self.everywhere)

    def __bool__(self) -> bool:
        return bool(self.everywhere or self.by_index)

    @property
    def recorded(self) -> tuple[str, ...]:
        """What the outputs say of them: ``sha256:…``, and after a space the index where it is for one alone."""
        everywhere = (f"sha256:{self.everywhere}",) if self.everywhere else ()
        return (*everywhere, *(f"sha256:{digest} {index}" for index, digest in self.by_index))


def parse_day_digest(text: str) -> str:
    """Return the digits of ``sha256:…``, as ``mirror freeze`` prints it. Raises `InvalidDigestError`."""
    digest = Digest.parse(text.strip())
    if digest.algorithm != "sha256":
        raise InvalidDigestError(f"{digest.algorithm} is not the algorithm of frozen days, which is sha256")
    return digest.value


class Dating(Struct, frozen=True):
    """The date of one requirement. cutoff: None for none. digests: what the pages of indexes are proved by."""

    cutoff: Cutoff | None = None
    missing: MissingPolicy = MissingPolicy()
    digests: DayDigests = DayDigests()


class PackageDates(Struct, frozen=True):
    """The dates of one package of the input.

    cutoff: None for none. overrides: what holds for single projects instead (None: no date), sorted.
    digests: what the pages of indexes are proved by, whatever the date.
    """

    cutoff: Cutoff | None = None
    missing: MissingPolicy = MissingPolicy()
    overrides: tuple[tuple[NormalizedName, Cutoff | None], ...] = ()
    digests: DayDigests = DayDigests()

    @property
    def declared(self) -> bool:
        """Whether there is a date for any project."""
        return self.cutoff is not None or any(cutoff for _, cutoff in self.overrides)

    def recorded(self, path: str) -> RecordedDates:
        """Return what the outputs say of it for the package at ``path``."""
        return RecordedDates(path, _text(self.cutoff), tuple((name, _text(one)) for name, one in self.overrides))

    def of(self, project: NormalizedName) -> Dating:
        """Return what holds for ``project``; equal for all projects that have no date."""
        cutoff = dict(self.overrides).get(project, self.cutoff)
        return Dating(cutoff, MissingPolicy() if cutoff is None else self.missing, self.digests)


class RecordedDates(Struct, frozen=True, order=True):
    """The resolved dates of one package, as RFC 3339 text in UTC; None for no date.

    path: of the package, relative to the source. uploaded_before: the instant.
    overrides: by normalised project, sorted.
    """

    path: str
    uploaded_before: str | None
    overrides: tuple[tuple[str, str | None], ...] = ()


def _text(cutoff: Cutoff | None) -> str | None:
    return None if cutoff is None else str(cutoff)


def as_of(page: Page, cutoff: Cutoff, missing: Missing) -> Page:
    """Return ``page`` with what was there before ``cutoff``; the rest is in ``excluded``, with reasons.

    A file whose upload time is not known is excluded, unless ``missing`` allows it.
    """
    kept: list[IndexFile] = []
    excluded: list[Excluded] = []
    for file in page.files:
        reason = _reason(file, cutoff, missing)
        if reason is None:
            kept.append(file)
        else:
            excluded.append(Excluded(file, reason))
    return replace(
        page,
        files=tuple(kept),
        excluded=tuple(excluded),
        cutoff=cutoff.instant,
    )


def _reason(file: IndexFile, cutoff: Cutoff, missing: Missing) -> Reason | None:
    if file.upload_time is None:
        if missing is Missing.ALLOW:
            return None
        return Reason.UNREADABLE_UPLOAD_TIME if file.unreadable_time else Reason.NO_UPLOAD_TIME
    return None if cutoff.admits(file.upload_time) else Reason.UPLOADED_LATER


def project_not_there_then(page: Page) -> AfterIndexDateError | None:
    """Return the error for a project of which nothing was there at the cutoff, if this whole page shows that.

    A quarantined project keeps its own, graver message.
    """
    if page.files or not page.excluded or page.status == QUARANTINED:
        return None
    return not_there_then(page.project, page, page.excluded)


def not_there_then(
    what: str, page: Page, excluded: Sequence[Excluded], besides: str = "", origin: Origin | None = None
) -> AfterIndexDateError:
    """Return the error for a project or version that an index has, and did not have at the page's cutoff.

    what: the project or requirement, for the message. excluded: all files of it, not empty.
    besides: a sentence fragment on what was there instead.
    """
    times = [one.file.upload_time for one in excluded if one.file.upload_time is not None]
    untimed = len(excluded) - len(times)
    unreadable = [one.file.unreadable_time for one in excluded if one.reason is Reason.UNREADABLE_UPLOAD_TIME]
    facts = []
    if times:
        facts.append(f"its first file was uploaded {rfc3339(min(times))}")
    if unreadable:
        whose = "of its files" if len(unreadable) == len(excluded) else f"of {len(unreadable)} of its files"
        facts.append(
            f"the upload time {whose} cannot be read, as it has another form than RFC 3339: {unreadable[0]!r}"
        )
    untimed -= len(unreadable)
    if untimed and not (times or unreadable):
        facts.append("none of its files has an upload time")
    elif untimed:
        facts.append(f"{untimed} of its {len(excluded)} files {'have' if untimed > 1 else 'has'} no upload time")
    before = "" if page.cutoff is None else f" before {rfc3339(page.cutoff)}"
    where = "there" if page.lock else page.place
    # Of several indexes, the first that lists one of them.
    listing = next((one for one in page.parts if not set(one.excluded).isdisjoint(excluded)), page)
    return AfterIndexDateError(
        f"{what} was not {where}{before}, the index date: {' and '.join(facts)}{besides}",
        hint=_hint(locked=bool(page.lock), untimed=bool(untimed or unreadable), dated=bool(times)),
        origin=origin,
        index=listing.index,
        lock=page.lock,
    )


def _hint(*, locked: bool, untimed: bool, dated: bool) -> Hint:
    if not untimed:
        return Hint.PIN_EARLIER
    if dated:
        return Hint.PIN_EARLIER_OR_LOCK_UPLOAD_TIMES if locked else Hint.PIN_EARLIER_OR_ALLOW_UNTIMED
    return Hint.LOCK_UPLOAD_TIMES if locked else Hint.ALLOW_UNTIMED
