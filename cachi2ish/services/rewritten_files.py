"""What ``inject-files`` has to know of the files in which it replaces addresses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from msgspec.structs import replace

from cachi2ish.core.outputs import ProjectFile, name_of_git, name_of_url, text_digest
from cachi2ish.core.pages import IndexFile
from cachi2ish.core.requirements import Git, Url
from cachi2ish.lockfiles.interface import LockText, Placed, RewriterOf
from cachi2ish.services.exporting import Export
from cachi2ish.services.fetch.identifying import Fetched
from cachi2ish.services.fetch.reading import Reading


def project_files(
    source: Path, reading: Reading, fetched: tuple[Fetched, ...], rewriter_of: RewriterOf
) -> Iterator[ProjectFile]:
    """Yield the files of the source in which addresses of what was fetched are to be replaced."""
    texts: dict[str, LockText] = {}
    for package in reading.packages:
        for lock in package.locks:
            for text in lock.texts:
                texts[text.file] = _joined(texts.get(text.file, text), text)
    for file, text in sorted(texts.items()):
        rewriter = rewriter_of(PurePosixPath(file).name)
        urls = rewriter.replacement_urls(text.text, _placed(text, fetched))
        if any(urls) or not text.only_fetched:
            yield ProjectFile(
                path=file,
                abspath=str(source / file),
                template=rewriter.redacted(rewriter.substitute(text.text, urls)),
                urls=urls,
                sha256=text_digest(text.text),
            )


def exported_files(
    source: Path, exported: Export | None, fetched: tuple[Fetched, ...], rewriter_of: RewriterOf
) -> Iterator[ProjectFile]:
    """Yield the requirements file that a lock was exported to, where it has addresses."""
    if exported is not None and exported.text.direct:
        text, rewriter = exported.text.text, rewriter_of(exported.text.file)
        urls = rewriter.replacement_urls(text, _placed(exported.text, fetched))
        yield exported.recorded(source, rewriter.redacted(rewriter.substitute(text, urls)), urls)


def _joined(one: LockText, other: LockText) -> LockText:
    """Return the text of a file of which several packages of the input want different parts."""
    return replace(other, direct=tuple(b or a for a, b in zip(one.direct, other.direct, strict=True)))


def _name(one: Fetched) -> str:
    return name_of_git(one.requirement) if isinstance(one.requirement, Git) else one.filename


def _placed(text: LockText, fetched: Iterable[Fetched]) -> tuple[Placed | None, ...]:
    # By file name: what is fetched may carry the extras or the marker of another line than the address does.
    there = {_name(one): one for one in fetched}
    found: list[Placed | None] = []
    for direct in text.direct:
        match direct:
            case Git():
                name = name_of_git(direct)
                archive = there.get(name)  # none where its marker holds nowhere
                found.append(Placed(name, archive.blob.sha256 if archive else None))
            case Url():
                found.append(Placed(name_of_url(direct)))
            case IndexFile():
                file = there.get(direct.filename)
                known = frozenset((*file.digests, file.blob.digest)) if file else frozenset()
                proved = not direct.digests or not known.isdisjoint(direct.digests)
                found.append(Placed(direct.filename) if proved else None)
            case None:
                found.append(None)
    if not text.only_fetched:
        return tuple(found)
    return tuple(one if one is not None and one.filename in there else None for one in found)
