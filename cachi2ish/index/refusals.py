"""What is said when an index answers, and the answer is no project page."""

from __future__ import annotations

from cachi2ish.core.addresses import redact
from cachi2ish.errors import UnavailableError


def not_a_project_page(project: str, index: str, because: str) -> UnavailableError:
    """Return the error for an answer that has another form than the Simple repository API knows.

    because: a sentence fragment, what the answer is instead. index: is redacted here once more.
    """
    shown = redact(index)
    return UnavailableError(
        f"{shown} has no readable page for {project}: {because}",
        hint=f"check that {shown} is the root of a Simple index; its address usually ends in /simple/",
    )


def check_api_version(stated: str, project: str, index: str) -> None:
    """Refuse a major version of the repository API that is not known here (PEP 629).

    A version that is no number is taken for 1.0, as if the page had stated none.
    Raises `UnavailableError`.
    """
    major = stated.strip().partition(".")[0]
    # Compared as text: a number of any length is an answer that must not end in a traceback.
    if major.isascii() and major.isdigit() and major.lstrip("0") not in {"", "1"}:
        raise UnavailableError(
            f"{redact(index)} serves {project} by version {stated.strip()[:20]} of the Simple repository API;"
            " only version 1 is known",
            hint="look for a newer cachi2ish, or use an index that serves version 1",
        )
