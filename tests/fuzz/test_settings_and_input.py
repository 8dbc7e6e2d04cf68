"""What users write: the input, configuration files of three programs, and netrc."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from cachi2ish.core.urls import Address
from cachi2ish.http.access.auth import Credentials
from cachi2ish.services.fetch.input.input_argument import read_input
from cachi2ish.services.fetch.input.package_input import policy_of, policy_warnings
from cachi2ish.settings.flags import Flags
from cachi2ish.settings.settings import load_settings
from tests.fuzz.campaign import fuzzed
from tests.fuzz.guards import each_error
from tests.fuzz.mutating import bytes_like, files_like, json_like, write

NOW = datetime(2026, 1, 1, tzinfo=UTC)

INPUTS: tuple[Any, ...] = (
    {
        "packages": [
            {
                "type": "pip",
                "path": "sub",
                "requirements_files": ["requirements.txt"],
                "requirements_build_files": [],
                "build_tools": ["ninja"],
                "binary": {
                    "packages": ":all:",
                    "os": "linux",
                    "arch": "x86_64,aarch64",
                    "py_version": 312,
                    "py_impl": "cp",
                },
                "allow_binary": "true",
                "index_date": "2024-10-01",
                "index_date_missing": "refuse",
                "index_date_overrides": {"numpy": "7 days", "internal-lib": False},
            },
            {"type": "gomod"},
        ],
        "flags": ["gomod-vendor"],
    },
    {
        "type": "pip",
        "lockfile": "pylock.toml",
        "wheels": "all-compatible",
        "targets": [
            {"python": "3.12", "platform": "manylinux_2_28_x86_64", "implementation": "cp"},
            {"python": "3.9.2", "platform": "win_amd64"},
        ],
    },
    [{"type": "pip"}],
    "pip",
)


@fuzzed(
    content=json_like(INPUTS) | bytes_like(["pip", "[]", '{"type": "pip"}', "requirements.txt", "@x"]),
    as_file=st.booleans(),
)
def test_input(content: bytes, as_file: bool, room: Path) -> None:
    argument = content.decode("utf-8", "surrogateescape")
    if as_file:
        (room / "input.json").write_bytes(content)
        argument = "input.json"
    request = read_input(argument)
    for number, package in enumerate(request.packages):
        policy_of(package)
        list(policy_warnings(package, f"packages[{number}]", ()))


PIP = (
    (
        "[global]\nindex-url = https://me:pw@index.example/simple/\nextra_index_url =\n"
        "    https://a.example/\n    file:///b\ntimeout = 7\nretries: 3\nproxy = http://p:1\n"
        "[download]\ntrusted-host = a.example b.example:8443\nuploaded-prior-to = P7D\n"
    ),
    (
        "[install]\nx=%(y)s\n;c\n#d\n k\n[global]\ncert = \nclient-cert = /x.pem\n"
        "timeout = 1e400\nno-binary = :all:\n"
    ),
)
OWN = (
    (
        'index-url = "https://index.example/simple/"\nextra-index-url = ["https://a.example/"]\n'
        'concurrency = 5\noffline = true\ncache-dir = "cache"\nindex-date = "7 days"\n'
        'sbom-output-type = "spdx"\nmode = "permissive"\nno-cache = false\n'
    ),
    'index-date = 2024-10-01\nindex-date-missing = "allow"\n[x]\ny = 1\n',
)
HERMETO = (
    (
        "mode: permissive\npip:\n  proxy_url: https://h.example/simple\n  proxy_login: me\n"
        "  proxy_password: pw\nhttp:\n  connect_timeout: 10\n  read_timeout: 1.5\n"
        "  max_retries: 5\nruntime:\n  concurrency_limit: 8\n  subprocess_timeout: 60\n"
    ),
    (
        "requests_timeout: 300\nconcurrency_limit: &a 5\ngomod:\n  proxy_url: x\n"
        "http: {<<: *a, read_timeout: !!python/name:os.system }\n"
    ),
)
NETRC = (
    "machine index.example login me password s3cret\ndefault login anonymous password x\nmacdef init\ncd /\n\n",
    'machine a.example\n\tlogin "m e"\n\taccount x # why\n\tpassword p\\"w\n# c\nmachine b\n',
)
WORDS = (
    "[global]\n",
    "\n ",
    " = ",
    "%(",
    "machine ",
    "login ",
    "password ",
    "default ",
    "macdef ",
    "&a ",
    "*a",
    "<<: ",
    "!!",
    "- ",
    "? ",
    "|\n",
)
FILES = {
    ".config/pip/pip.conf": PIP,
    "config.toml": OWN,
    "hermeto.yaml": HERMETO,
    ".netrc": NETRC,
}
VARIABLES = st.dictionaries(
    st.sampled_from(
        [
            *(
                "PIP_INDEX_URL",
                "PIP_EXTRA_INDEX_URL",
                "PIP_TIMEOUT",
                "PIP_RETRIES",
                "PIP_PROXY",
                "PIP_TRUSTED_HOST",
            ),
            *(
                "HERMETO_MODE",
                "HERMETO_HTTP",
                "HERMETO_HTTP__READ_TIMEOUT",
                "HERMETO_PIP__PROXY_URL",
                "SOURCE_DATE_EPOCH",
                "HERMETO_",
            ),
        ]
    ),
    bytes_like(["https://me:pw@h.example/simple/", "30", "permissive", '{"read_timeout": 3}', "inf"]).map(
        lambda value: os.fsdecode(value.replace(b"\0", b""))
    ),
    max_size=3,
)
# pip's files of the system, which belong to the machine and not to the example.
SYSTEM = ("/etc/xdg/pip/pip.conf", "/etc/pip.conf")


@fuzzed(files=files_like(FILES, WORDS), environ=VARIABLES, hermeto=st.booleans(), guard={"readable": SYSTEM})
def test_configuration_files(files: dict[str, bytes], environ: dict[str, str], hermeto: bool, room: Path) -> None:
    write(room, files)
    flags = Flags(config_file=room / ("hermeto.yaml" if hermeto else "config.toml"), drop_in=hermeto)
    with each_error(lambda one: "s3cret" not in f"{one} {one.hint}"):
        settings = load_settings(flags, {"XDG_CONFIG_DIRS": str(room), **environ}, room, NOW)
    assert settings.concurrency > 0
    assert settings.http.retries >= 0
    Credentials(settings.http.credentials, settings.http.netrc)


ADDRESSES = st.sampled_from(
    [
        "https://index.example/simple/",
        "http://me@a.example/",
        "https://b:8443/x",
        "http://localhost/",
        "https://[::1]/",
    ]
)


@fuzzed(content=bytes_like(NETRC, WORDS), addresses=st.lists(ADDRESSES, max_size=3), other=ADDRESSES)
def test_netrc(content: bytes, addresses: list[str], other: str, room: Path) -> None:
    (room / ".netrc").write_bytes(content)
    with each_error(lambda one: "s3cret" not in f"{one} {one.hint}"):
        credentials = Credentials(map(Address, addresses), str(room / ".netrc"))
    found = credentials.find(Address(other))
    if found is not None:
        assert found.authorization.startswith("Basic ")
        assert found.authorization.isascii()
