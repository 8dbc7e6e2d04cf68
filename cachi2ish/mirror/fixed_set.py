"""Pages and files that do not change: an output of ``fetch-deps``, in the place of a history and upstreams."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace
from packaging.utils import NormalizedName, canonicalize_name

from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.distributions import declared_version, plain_name
from cachi2ish.core.outputs import DEPS, PAGES
from cachi2ish.core.pages import Page
from cachi2ish.errors import InputError, UnavailableError
from cachi2ish.files.foreign import read_foreign
from cachi2ish.mirror.page_desk import Answer, Made, Make
from cachi2ish.mirror.path_dates import PathDate
from cachi2ish.mirror.records import Coverage, DatedPage, Refusal, Registry
from cachi2ish.mirror.upstream import Login
from cachi2ish.simple_api.fields import PageSource
from cachi2ish.simple_api.json_pages import read_json
from cachi2ish.simple_api.refusal_reasons import RefusalReason

#: Whether a version of a project is served.
Admits = Callable[[NormalizedName, str], bool]


@dataclass(frozen=True, slots=True)
class FixedSet:
    """What is served. files: from the key in its address and its name to where each is."""

    pages: Mapping[NormalizedName, DatedPage]
    files: Mapping[tuple[str, str], Path]

    async def answer(
        self,
        registry: Registry,  # noqa: ARG002  (there is one)
        project: NormalizedName,
        date: PathDate,  # noqa: ARG002  (nor is there another date)
        login: Login | None = None,  # noqa: ARG002  (everybody may have it)
        make: Make[Made] | None = None,  # noqa: ARG002  (nothing is read, so there is no thread to make it in)
    ) -> Answer[Made]:
        """Return the page of ``project``."""
        unknown = Refusal(reason=RefusalReason.ABSENT, text=f"the output has no {project}")
        return Answer(content=self.pages.get(project, unknown))

    def projects(self, registry: str, cutoff: Cutoff | None) -> tuple[NormalizedName, ...]:  # noqa: ARG002  (as above)
        """Return those that have a page, by name."""
        return tuple(sorted(self.pages))


def read_output(directory: Path, admits: Admits = lambda _project, _version: True) -> FixedSet:
    """Return what the pages of an output list, as far as it is admitted.

    Raises `InputError` where there are no pages, or none that can be read.
    """
    try:
        names = sorted(entry.name for entry in (directory / PAGES).iterdir() if entry.is_dir())
    except OSError as error:
        raise InputError(
            f"{directory} has no pages of an index: {PAGES} cannot be read: {error.strerror}",
            hint="name an output of fetch-deps; fetch again what an earlier version, or another tool, has fetched",
        ) from None
    pages: dict[NormalizedName, DatedPage] = {}
    files: dict[tuple[str, str], Path] = {}
    for name in names:
        page = _read(directory, name)
        listed = tuple(
            file
            for file in page.files
            if admits(page.project, declared_version(file.filename, page.project) or "")
        )
        keys = tuple(_key(directory, dict(file.hashes).get("sha256"), file.filename) for file in listed)
        files.update(
            ((key, file.filename), directory / DEPS / file.filename)
            for key, file in zip(keys, listed, strict=True)
        )
        if listed or not page.files:
            pages[page.project] = _dated(replace(page, files=listed), keys)
    return FixedSet(pages, files)


def _read(directory: Path, name: str) -> Page:
    place = directory / PAGES / name / "index.json"
    try:
        # Where its files are is known; what its links are resolved against does not matter.
        return read_json(
            read_foreign(place), PageSource(canonicalize_name(name), str(directory), "http://localhost/")
        )
    except (OSError, UnavailableError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no page of an index"
        raise InputError(f"{place} cannot be read: {reason}", hint="run fetch-deps again") from None


def _key(directory: Path, sha256: str | None, filename: str) -> str:
    if sha256 is None or not plain_name(filename):
        raise InputError(
            f"{directory / PAGES} lists {filename!r} as fetch-deps does not", hint="run fetch-deps again"
        )
    return sha256


def _dated(page: Page, keys: tuple[str, ...]) -> DatedPage:
    return DatedPage(
        page=page,
        keys=keys,
        coverage=Coverage.OBSERVED,
        unseen=0,
        by_first_sight=0,
        closed=False,
        digest="",
        looked_at=0,
        quarantined=False,
    )
