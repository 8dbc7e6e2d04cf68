"""Asks the installed pip which wheel it would take. Run as a script, in a process of its own.

Standard input: ``{"pins": ["name==1.0", …], "targets": {"a name": ["--platform", …], …}}``.
Standard output: ``{"a name": {"name==1.0": "file name or null"}}``.

The options are read by the parser of ``pip download``, and the finder is the one that this command makes. Each
page is fetched once for all targets, and files of versions that are not asked for are taken off it: pip would
read and judge them all, thousands of them, for each target again.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from pip._internal.cli.cmdoptions import make_target_python
from pip._internal.commands import create_command
from pip._internal.index.collector import LinkCollector
from pip._vendor.packaging.requirements import Requirement

_ANCHOR = re.compile(rb"<a\s.*?</a>", re.DOTALL | re.IGNORECASE)


def pages_kept(fetch: Callable[..., Any], versions: list[str]) -> Callable[..., Any]:
    kept: dict[str, Any] = {}
    marks = [f"-{version}{end}" for version in versions for end in ("-", ".tar.gz", ".zip")]

    def is_asked_for(text: str) -> bool:
        return any(mark in text for mark in marks)

    def shortened(page: Any) -> bytes:
        if page.content_type.startswith("application/vnd.pypi.simple.v1+json"):
            document = json.loads(page.content)
            document["files"] = [file for file in document["files"] if is_asked_for(file["filename"])]
            return json.dumps(document).encode()
        anchors = (anchor for anchor in _ANCHOR.findall(page.content) if is_asked_for(anchor.decode()))
        return b"<!DOCTYPE html><html><body>" + b"\n".join(anchors) + b"</body></html>"

    def fetch_once(self: LinkCollector, location: Any, *arguments: Any, **named: Any) -> Any:
        if location.url not in kept:
            page = fetch(self, location, *arguments, **named)
            kept[location.url] = replace(page, content=shortened(page))
        return kept[location.url]

    return fetch_once


def finder_for(options: list[str]) -> Any:
    command: Any = create_command("download")
    parsed, _ = command.parse_args(["--no-deps", "--only-binary=:all:", *options, "anything"])
    return command._build_package_finder(
        options=parsed,
        session=command._build_session(parsed),
        target_python=make_target_python(parsed),
    )


def chosen(finder: Any, pin: str) -> str | None:
    requirement = Requirement(pin)
    best = finder.find_best_candidate(requirement.name, requirement.specifier).best_candidate
    return None if best is None else str(best.link.filename)


def main() -> None:
    asked = json.load(sys.stdin)
    versions = sorted({pin.partition("==")[2] for pin in asked["pins"]})
    kept = pages_kept(LinkCollector.fetch_response, versions)
    LinkCollector.fetch_response = kept  # type: ignore[method-assign]
    finders = {name: finder_for(options) for name, options in asked["targets"].items()}
    first = next(iter(finders.values()))
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda pin: chosen(first, pin), asked["pins"]))
    answer = {name: {pin: chosen(finder, pin) for pin in asked["pins"]} for name, finder in finders.items()}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
