"""A wheel of an index for which nobody has a digest is opened all the same: it has to be what it is called."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person
from tests.support.distributions import Dist, make_wheel

WHEEL = make_wheel("fig", "1.0")
WHEELS = json.dumps({"type": "pip", "allow_binary": True})


def with_metadata(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(WHEEL.content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for info in old.infolist():
            new.writestr(info, text if info.filename.endswith("METADATA") else old.read(info))
    return buffer.getvalue()


NOT_THE_WHEEL = {
    "a web page": (b"<!doctype html><title>Sign in</title>", "it is a web page"),
    "nothing": (b"", "it is empty"),
    "cut short": (WHEEL.content[:-30], "cannot be read as an archive"),
    "without metadata": (make_wheel("fig", "1.0").content.replace(b"METADATA", b"METADATE"), "has no metadata"),
    "another project": (make_wheel("date", "1.0").content, "has no metadata of its own (.dist-info with METADATA"),
    "another name in it": (with_metadata("Name: fog\nVersion: 1.0\n"), "says that it is fog, not fig"),
    "another version": (with_metadata("Name: fig\nVersion: 1.1\n"), "says that it is version 1.1"),
}


@pytest.mark.parametrize("name", NOT_THE_WHEEL)
def test_what_is_not_the_wheel_is_refused_where_no_digest_tells(person: Person, name: str) -> None:
    content, problem = NOT_THE_WHEEL[name]
    person.writes("requirements.txt", "fig==1.0\n")
    person.index.add("fig", Dist(WHEEL.filename, content), digests=(), size=False)
    outcome = person.fetches(WHEELS)
    assert outcome.code == ExitCode.DISTRIBUTION, outcome.err
    assert f"error: requirements.txt:1: {WHEEL.filename} " in outcome.err
    assert problem in outcome.err
    assert not person.output.exists()


def test_the_wheel_is_taken(person: Person) -> None:
    person.writes("requirements.txt", "fig==1.0\n")
    person.index.add("fig", WHEEL, digests=(), size=False)
    assert person.fetches(WHEELS).code == 0
    assert person.deps() == [WHEEL.filename]
