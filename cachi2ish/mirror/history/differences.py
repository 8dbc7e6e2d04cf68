"""How two pages of a project differ, by file name."""

from __future__ import annotations

from cachi2ish.core.pages import IndexFile
from cachi2ish.mirror.pasts import compare
from cachi2ish.mirror.records import DatedPage, FileChange, Refusal


def differences(before: DatedPage | Refusal, after: DatedPage | Refusal) -> tuple[FileChange, ...]:
    """Return the changes of a project as a whole first, and then those of its files, by name."""
    then, now = _status(before), _status(after)
    whole = [] if then == now else [FileChange(filename="", change="status", before=then, after=now)]
    return (*whole, *compare(_files(before), _files(after), _facts, _facts))


def _status(answer: DatedPage | Refusal) -> str:
    return answer.reason.value if isinstance(answer, Refusal) else answer.page.status


def _files(answer: DatedPage | Refusal) -> dict[str, IndexFile]:
    return {} if isinstance(answer, Refusal) else {file.filename: file for file in answer.page.files}


def _facts(file: IndexFile) -> dict[str, str]:
    return {
        "digest": ", ".join(sorted(f"{name}:{value}" for name, value in file.hashes)),
        "yanked": (file.yanked_reason or "yes") if file.yanked else "no",
        "requires-python": file.requires_python or "any",
        "upload-time": str(file.upload_time or "none"),
    }
