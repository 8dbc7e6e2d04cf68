"""What the tests of rewriting share: a file injected in one call."""

from __future__ import annotations

from cachi2ish.core.outputs import name_of_git, name_of_url
from cachi2ish.core.requirements import Git, Url
from cachi2ish.lockfiles.interface import LockText, Placed, Rewriter
from cachi2ish.lockfiles.pip.rewriting import RequirementsRewriter
from tests.lockfiles.reading import B

REWRITER: Rewriter = RequirementsRewriter()
OUTPUT = "/tmp/the%20output"


def placed(text: LockText) -> list[Placed]:
    return [
        Placed(name_of_git(direct), B) if isinstance(direct, Git) else Placed(name_of_url(direct))
        for direct in text.direct
        if isinstance(direct, Url | Git)
    ]


def inject(text: LockText, directory: str = OUTPUT) -> tuple[str, str]:
    """Return the rewritten text and its record."""
    urls = REWRITER.replacement_urls(text.text, placed(text))
    filled = [url.replace("${output_dir}", directory) for url in urls]
    return REWRITER.substitute(text.text, filled), REWRITER.record(text.text, urls)
