"""What sdists and wheels say of builds is read from whatever bytes, and rules answer whatever was read."""

from __future__ import annotations

import msgspec
from packaging.version import Version

from cachi2ish.build.declared import facts_of, has_hook_of, requires_dist, requires_of_setup, states_itself
from cachi2ish.build.interface import Machine, SdistFacts
from cachi2ish.build.rules.question import Question
from cachi2ish.build.rules.registry import answer
from cachi2ish.core.pages import IndexFile
from cachi2ish.http.interface import Response
from cachi2ish.index.wheel_metadata import WheelMetadata
from tests.core.machines import LINUX
from tests.fuzz.campaign import fuzzed
from tests.fuzz.mutating import bytes_like
from tests.support.distributions import core_metadata, make_wheel

PYPROJECTS = [
    (
        '[project]\nname = "x"\ndynamic = ["version"]\ndependencies = ["a>=1"]\n[build-system]\n'
        'requires = ["b", 1]\n'
        f'build-backend = "{backend}"\nbackend-path = ["."]\n{more}'
    ).encode()
    for backend, more in (
        ("hatchling.build", '[tool.hatch.build.hooks.vcs]\ndependencies = ["x"]\nenable-by-default = false\n'),
        (
            "scikit_build_core.build",
            '[tool.scikit-build]\ncmake.version = ">=3"\nmetadata.version.provider = "x"\n',
        ),
        ("maturin", '[tool.maturin]\nbindings = "cffi"\n'),
        ("pdm.backend", "[tool.pdm.build]\nrun-setuptools = true\n"),
    )
]
SCRIPTS = [
    b"r = ['a'] if 'x' in sys.argv else []\nr.append('b>=1')\nsetup(setup_requires=r + ['c'], **dict(a=1))\n",
    b"args = {'setup_requires': ['d', x()]}\nargs['setup_requires'] = ('e',)\n",
    b"from setuptools.build_meta import *\n__version__: str = '1'\ndef get_requires_for_build_wheel(): pass\n",
]
METADATA = [
    core_metadata("x", "1.0").replace("2.1", "2.4").encode()
    + b"Dynamic: Requires-Dist\nRequires-Dist: a[b]; c > '1'\n"
]
WRITTEN = [b'six\n\n[:python_version < "3"]\nfutures\n\n[docs]\nsphinx\n']


@fuzzed(
    pyproject=bytes_like(PYPROJECTS),
    script=bytes_like(SCRIPTS),
    config=bytes_like([b"[options]\nsetup_requires =\n    a\n    b>=1\n[metadata]\nname = x\n"]),
    metadata=bytes_like(METADATA),
)
def test_facts_and_rules(pyproject: bytes, script: bytes, config: bytes, metadata: bytes) -> None:
    files = {"pyproject.toml": pyproject, "setup.py": script, "setup.cfg": config, "PKG-INFO": metadata}
    facts = facts_of(files)
    kept = msgspec.json.decode(msgspec.json.encode(facts), type=SdistFacts)
    assert answer(Question(kept, Machine(LINUX), {"setuptools": Version("62")})) is not None


@fuzzed(source=bytes_like(SCRIPTS), written=bytes_like(WRITTEN), metadata=bytes_like(METADATA))
def test_what_is_looked_at_further_down(source: bytes, written: bytes, metadata: bytes) -> None:
    has_hook_of(source)
    states_itself(source, summary=True, version=True)
    requires_of_setup(written)
    requires_dist(metadata)


class _Server:
    """Serves one file, in ranges."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def get(self, url: str, *, headers: object = None) -> Response:
        assert isinstance(headers, dict)
        start, _, end = headers["Range"].removeprefix("bytes=").partition("-")
        size = len(self._content)
        first = int(start) if start else max(0, size - int(end))
        part = self._content[first : int(end) + 1 if start and end else None]
        ranges = {"content-range": f"bytes {first}-{first + len(part) - 1}/{size}"}
        return Response(status=206, url=url, headers=ranges, body=part)


@fuzzed(content=bytes_like([make_wheel("demo", "1.0", requires=("a",)).content]))
def test_ranges_of_a_wheel(content: bytes) -> None:
    file = IndexFile(filename="demo-1.0-py3-none-any.whl", url="https://x.test/demo.whl")
    found = WheelMetadata(lambda: _Server(content)).of_wheel(file)
    assert found is None or isinstance(found, bytes)
