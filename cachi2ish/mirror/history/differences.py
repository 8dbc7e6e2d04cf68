"""How two pages of a project differ, by file name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cachi2ish.core.pages import IndexFile
from cachi2ish.mirror.records import DatedPage, FileChange, Refusal

#: What is compared of a file that is on both, and what it is called.
_FIELDS: dict[str, Callable[[IndexFile], str]] = {
    "digest": lambda file: ", ".join(sorted(f"{name}:{value}" for name, value in file.hashes)),
    "yanked": lambda file: (file.yanked_reason or "yes") if file.yanked else "no",
    "requires-python": lambda file: file.requires_python or "any",
    "upload-time": lambda file: str(file.upload_time or "none"),
}


def differences(before: DatedPage | Refusal, after: DatedPage | Refusal) -> tuple[FileChange, ...]:
    """Return the changes of a project as a whole first, and then those of its files, by name."""
    return (*_of_project(before, after), *_of_files(_files(before), _files(after)))


def _of_project(before: DatedPage | Refusal, after: DatedPage | Refusal) -> Iterator[FileChange]:
    then, now = _status(before), _status(after)
    if then != now:
        yield FileChange(filename="", change="status", before=then, after=now)


def _status(answer: DatedPage | Refusal) -> str:
    return answer.reason.value if isinstance(answer, Refusal) else answer.page.status


def _files(answer: DatedPage | Refusal) -> dict[str, IndexFile]:
    return {} if isinstance(answer, Refusal) else {file.filename: file for file in answer.page.files}


def _of_files(before: dict[str, IndexFile], after: dict[str, IndexFile]) -> Iterator[FileChange]:
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield FileChange(filename=name, change="added")
        elif name not in after:
            yield FileChange(filename=name, change="removed")
        else:
            for change, value_of in _FIELDS.items():
                then, now = value_of(before[name]), value_of(after[name])
                if then != now:
                    yield FileChange(filename=name, change=change, before=then, after=now)
