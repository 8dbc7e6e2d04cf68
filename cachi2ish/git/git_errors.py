"""What git says when it fails, as errors that tell a person what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from cachi2ish.errors import GitError, Origin
from cachi2ish.git.command import (
    MEMORY,
    CommandError,
    MissingGitError,
    OutputLimitError,
    OverdueError,
    StalledError,
)
from cachi2ish.git.remotes import Remote, secrets

_REFUSED = "refused access"

#: What git and servers say (with LC_ALL=C), what it means, and what to do; the first that is found decides.
_EXPLANATIONS = (
    (
        re.compile(r"(?i)out of memory|cannot allocate memory|unable to create thread"),
        f"takes more than {MEMORY // 1_000_000} MB of memory",
        "a repository like this may be made to do harm; look at it before you use it",
    ),
    (
        re.compile(r"(?i)transport '[^']*' not allowed"),
        "would be read by a transport that is not allowed here",
        "use an address that begins with https:// or ssh://",
    ),
    (
        re.compile(
            r"(?i)authentication failed|could not read (username|password)|terminal prompts disabled"
            r"|permission denied|returned error: 40[137]|host key verification|access denied|not authori[sz]ed",
        ),
        _REFUSED,
        "give git credentials (a credential helper, netrc, or an ssh agent); it is never asked for them",
    ),
    (
        re.compile(
            r"(?i)repository .*not found|does not appear to be a git repository|not found: did you run"
            r"|returned error: 4(04|10)",
        ),
        "is no git repository, or not for everybody to see",
        "check the address; a private repository may need credentials",
    ),
)
_ABSENT_COMMIT = re.compile(
    r"(?i)not our ref|couldn't find remote ref|bad object|unadvertised object|not a valid obj"
)

#: The hint for what no honest repository holds.
MADE_TO_DO_HARM = "a repository like this is made to do harm; do not use it"

#: Runs of git that were ended from here, what that means, and what to do.
_ENDED = (
    (OverdueError, "took too long", "try again, or raise runtime.subprocess_timeout"),
    (StalledError, "stopped answering", "try again, or check the network"),
    (OutputLimitError, "lists more than can be read", MADE_TO_DO_HARM),
)

_USERINFO = re.compile(r"(?<=://)[^/@\s]*@")
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a failure concerns. label: the requirement, or a submodule of it, as a message names it."""

    label: str
    remote: Remote
    commit: str
    origin: Origin
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    def error(self, problem: str, hint: str | None = None) -> GitError:
        """Return an error about it that names the label and the place."""
        return GitError(f"{self.label}: {problem}", hint=hint, origin=self.origin)

    def explain(self, failure: CommandError) -> GitError:
        """Return what a user needs to know of ``failure``."""
        url = self.remote.url.redacted
        said = self.quotable(failure.said)
        if isinstance(failure, MissingGitError):
            return self.error("the git command is missing", "install git and see that it is on PATH")
        for kind, problem, hint in _ENDED:
            if isinstance(failure, kind):
                return self.error(f"{url} {problem}: {said}", hint)
        if _ABSENT_COMMIT.search(failure.said):
            return self.no_such_commit()
        for words, problem, hint in _EXPLANATIONS:
            if words.search(failure.said):
                if problem == _REFUSED and self.remote.credential is not None and self.remote.credential.password:
                    given = f"{problem} to the user name and password in its address"
                    return self.error(f"{url} {given} ({said})", "correct them there, percent-encoded")
                return self.error(f"{url} {problem} ({said})", hint)
        return self.error(f"{url} cannot be fetched ({said})", "check the address and the network")

    def no_such_commit(self) -> GitError:
        """Return the error for a repository that does not have the commit."""
        return self.error(
            f"{self.remote.url} has no commit {self.commit}",
            "check that it is the right repository, and that the commit was not lost by a force-push",
        )

    def quotable(self, said: str) -> str:
        """Return the line of git's words that matters, on one line, without credentials."""
        lines = [line.strip() for line in re.split(r"[\r\n]+", said) if line.strip()]
        telling = [line for line in lines if re.match(r"(?i)(fatal|error|remote: *error|ssh|\S+@\S+: )", line)]
        line = (telling or lines or ["git gave no reason"])[0].removeprefix("fatal: ").removeprefix("error: ")
        return redacted("".join(c if c.isprintable() else " " for c in line), self.secrets)[:_LONGEST]


def redacted(text: str, hidden: Iterable[str]) -> str:
    """Return ``text`` without any user information of a URL, and without the ``hidden`` texts."""
    for secret in sorted(hidden, key=len, reverse=True):
        text = text.replace(secret, "****")
    return _USERINFO.sub("", text)


def subject(label: str, remote: Remote, commit: str, origin: Origin, also: Iterable[Remote] = ()) -> Subject:
    """Return whom failures of ``remote`` concern; ``also``: remotes whose credentials must not show either."""
    return Subject(label, remote, commit, origin, secrets((remote, *also)))
