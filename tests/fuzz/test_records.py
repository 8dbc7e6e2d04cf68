"""What this program has written and reads again, which somebody may have changed; and bills to merge."""

from __future__ import annotations

import json
import shlex
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from hypothesis import strategies as st

from cachi2ish.core.as_of import RecordedDates
from cachi2ish.core.modes import EnvFormat, SbomKind
from cachi2ish.core.outputs import PIP_ENVIRONMENT, BuildConfig, ProjectFile, text_digest
from cachi2ish.errors import Cachi2ishError, InputError
from cachi2ish.files.user_files import DiskFiles
from cachi2ish.lockfiles.pip.rewriting import RequirementsRewriter
from cachi2ish.output.build_config import BUILD_CONFIG, read_build_config
from cachi2ish.sbom.cyclonedx.cyclonedx_bom import CycloneDxWriter
from cachi2ish.sbom.interface import SbomFile
from cachi2ish.sbom.merge.merger import Merger
from cachi2ish.sbom.spdx.spdx_writer import SpdxWriter
from cachi2ish.services.generate_env import generate_env
from cachi2ish.services.inject_files import inject_files, revert_files
from tests.fuzz.campaign import fuzzed
from tests.fuzz.mutating import bytes_like, json_like, write
from tests.output.conftest import config_text
from tests.sbom import foreign_documents, inventories

TEXT = "demo @ https://me:pw@files.test/demo-1.0.zip\nother @ git+https://g.test/r@" + "1" * 40 + "#egg=other\n"
INJECTED = (
    "demo @ file:///out/deps/pip/demo-1.0.zip\nother @ file:///out/deps/pip/other.tar.gz#egg=other&sha256="
    + "a" * 64
    + "\n"
)
URLS = (
    "file://${output_dir}/deps/pip/demo-1.0.zip",
    "file://${output_dir}/deps/pip/other.tar.gz#egg=other&sha256=" + "a" * 64,
)
CONFIG = json.loads(
    config_text(
        BuildConfig(
            tool_version="1.2.3",
            environment_variables=PIP_ENVIRONMENT,
            project_files=(
                ProjectFile(
                    path="app/requirements.txt",
                    abspath="SOURCE/app/requirements.txt",
                    template=TEXT,
                    urls=URLS,
                    sha256=text_digest(TEXT),
                ),
                ProjectFile(path="", abspath="SOURCE/foreign.txt", template="x @ file://${output_dir}/x\n"),
            ),
            index_dates=(
                RecordedDates(".", "2024-10-02T00:00:00Z", (("a", None), ("b", "2024-06-02T00:00:00Z"))),
            ),
        )
    )
)
#: Where a changed record may want to write, or read: beside the source, and above it.
PLACES = (
    "../../outside.txt",
    "..",
    "/etc/passwd",
    "link.txt",
    "app/../../outside.txt",
    "SOURCE/../outside.txt",
    "app/link.txt",
)
REACHING = [
    {**CONFIG, "project_files": [{**CONFIG["project_files"][number], key: place}]}
    for number in (0, 1)
    for key in ("path", "abspath")
    for place in PLACES
]
RECORD = {
    "version": 1,
    "replaced": [
        {"placed": "demo-1.0.zip", "original": "https://me:pw@files.test/demo-1.0.zip"},
        {
            "placed": "other.tar.gz#egg=other&sha256=" + "a" * 64,
            "original": "git+https://g.test/r@" + "1" * 40 + "#egg=other",
        },
    ],
}


@fuzzed(
    config=json_like([CONFIG, CONFIG, *REACHING]),
    text=bytes_like([TEXT, INJECTED]),
    record=st.none() | json_like([RECORD]),
    named=st.booleans(),
    env_format=st.sampled_from(EnvFormat),
)
def test_build_config(
    config: bytes, text: bytes, record: bytes | None, named: bool, env_format: EnvFormat, room: Path
) -> None:
    source = room / "source"
    write(source, {"app/requirements.txt": text, "foreign.txt": b"x\n"})
    if record is not None:
        write(source, {"app/.requirements.txt.cachi2ish.json": record})
    (room / "outside.txt").write_text("precious")
    for folder in (source, source / "app"):
        (folder / "link.txt").symlink_to(room / "outside.txt")
    write(room / "out", {BUILD_CONFIG: config.replace(b"SOURCE", bytes(source))})
    found = read_build_config(room / "out")
    script = generate_env(found, PurePosixPath("/o u't"), env_format)
    if env_format is EnvFormat.ENV:
        assert shlex.split(script).count("export") >= len(found.environment_variables)
    where = source if named else None
    with suppress(Cachi2ishError):
        inject_files(found, where, PurePosixPath("/out"), lambda _: RequirementsRewriter(), DiskFiles())
    with suppress(Cachi2ishError):
        revert_files(found, where, lambda _: RequirementsRewriter(), DiskFiles())
    if named:
        assert (room / "outside.txt").read_text() == "precious"


@fuzzed(text=bytes_like([TEXT, INJECTED]), record=json_like([RECORD]) | bytes_like([json.dumps(RECORD)]))
def test_injection_record(text: bytes, record: bytes) -> None:
    rewriter = RequirementsRewriter()
    decoded = rewriter.decode(text, "requirements.txt")
    restored = rewriter.restore(decoded.text, record.decode("utf-8", "surrogateescape"))
    try:
        again, kept = rewriter.substitute(restored, URLS), rewriter.record(restored, URLS)
    except InputError:
        return  # another number of addresses
    assert rewriter.restore(again, kept) == restored


BILLS: list[Any] = [
    json.loads("".join(CycloneDxWriter("cachi2ish").pieces(inventories.EVERYTHING))),
    json.loads("".join(SpdxWriter("cachi2ish").pieces(inventories.EVERYTHING))),
    foreign_documents.HERMETO_CYCLONEDX,
    foreign_documents.HERMETO_SPDX,
    foreign_documents.SCANNED_CYCLONEDX,
    foreign_documents.SCANNED_SPDX,
]


@fuzzed(
    first=json_like(BILLS),
    second=json_like(BILLS),
    kind=st.sampled_from(SbomKind),
    name=st.none() | st.text(max_size=5),
)
def test_bills(first: bytes, second: bytes, kind: SbomKind, name: str | None) -> None:
    merger = Merger("1")
    merged = merger.merge([SbomFile("first.json", first), SbomFile("second.json", second)], kind, name)
    again = [SbomFile("again.json", merged.text.encode()), SbomFile("first.json", first)]
    try:
        merger.merge(again, kind, name)
    except Cachi2ishError as error:
        raise AssertionError(f"what was written is refused: {error}") from error
