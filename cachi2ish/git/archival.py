"""``.git_archival.txt``: the version for a build that has no git command.

setuptools-scm (and what builds on it: hatch-vcs, …) reads this file where git or ``.git`` is missing. A hosting
site's archive has it with its placeholders filled in (gitattributes(5), ``export-subst``); a checkout has the
placeholders. Here it is filled in, and where the project has none it is added.

No other ``export-subst`` file is touched: versioneer takes filled-in keywords before it asks git, and they know
only exact tags, so that filling them in would change versions. Nor is a PKG-INFO made up: pbr prefers it
to git, and what a project's own scheme would write into it cannot be known without running the project.
"""

from __future__ import annotations

import re

from cachi2ish.git.clone import Clone

NAME = b".git_archival.txt"

_PLACEHOLDER = b"$Format:"
_DESCRIBE = re.compile(rb"%\(describe(?::(?P<options>[^)$\n]*))?\)")
_MATCH = re.compile(r"(match|exclude)=([^,]+)")

#: How much of the commit's name setuptools-scm puts into a version (since its version 9; before, git decided).
_DIGITS = 9

#: What setuptools-scm itself asks for.
_DEFAULT_MATCH = ("--match=*[0-9]*",)


def filled_in(clone: Clone, template: bytes | None, date: str) -> bytes | None:
    """Return the file, or None where the project's own has no placeholders and is to stay.

    template: the project's own file, None where it has none. date: the commit's.
    """
    if template is not None and _PLACEHOLDER not in template:
        return None
    commit = clone.subject.commit
    lines = [f"node: {commit}", f"node-date: {date}"]
    name = _describe(clone, _patterns(template))
    if name is not None:
        lines.append(f"describe-name: {name}")
    here = (f"--points-at={commit}", "--sort=refname", "--format=%(refname:strip=2)", "refs/tags")
    refs = clone.git("for-each-ref", *here).decode("utf-8", "replace").split()
    if refs:
        lines.append("ref-names: " + ", ".join(f"tag: {ref}" for ref in refs))
    return "".join(f"{line}\n" for line in lines).encode()


def _patterns(template: bytes | None) -> tuple[str, ...]:
    declared = _DESCRIBE.search(template or b"")
    if declared is None:
        return _DEFAULT_MATCH
    options = (declared["options"] or b"").decode("utf-8", "replace")
    return tuple(f"--{option}={pattern}" for option, pattern in _MATCH.findall(options))


def _describe(clone: Clone, patterns: tuple[str, ...]) -> str | None:
    # The whole name is asked for and shortened here: git would shorten it by what this clone happens to hold.
    commit = clone.subject.commit
    said = clone.attempt("describe", "--tags", "--long", "--abbrev=40", *patterns, commit)
    if said is None:
        return None
    tag, distance, _ = said.rsplit("-", 2)
    return tag if distance == "0" else f"{tag}-{distance}-g{commit[:_DIGITS]}"
