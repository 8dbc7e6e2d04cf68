from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.cases import curl_list, environment
from benchmarks.checking import holds_files, holds_installed
from benchmarks.workload import Held, ListedFile
from tests.support.distributions import make_wheel


def test_curl_is_given_each_address_and_its_place() -> None:
    digest = "ab" + "cd" + "e" * 60
    file = ListedFile(filename="pear-1.0.tar.gz", url="https://files.example/elsewhere", sha256=digest)
    lines = curl_list([Held("pear", "sdist", file)], "https://127.0.0.1:9/").splitlines()
    assert lines == [
        f'url = "https://127.0.0.1:9/packages/ab/cd/{"e" * 60}/pear-1.0.tar.gz"',
        'output = "output/pear-1.0.tar.gz"',
    ]


def test_a_tool_sees_nothing_of_the_callers_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        "PIP_EXTRA_INDEX_URL",
        "UV_CACHE_DIR",
        "CACHI2ISH_CACHE_DIR",
        "XDG_CACHE_HOME",
        "NETRC",
        "HTTPS_PROXY",
    ):
        monkeypatch.setenv(name, "of the caller")
    seen = environment(tmp_path / "home", tmp_path / "authority.pem")
    assert "of the caller" not in seen.values()
    assert seen["HOME"] == seen["TMPDIR"] == str(tmp_path / "home")
    assert seen["PIP_CERT"] == seen["SSL_CERT_FILE"] == str(tmp_path / "authority.pem")


def test_a_missing_and_a_changed_file_are_told(tmp_path: Path) -> None:
    wheels = [make_wheel(name, "1.0") for name in ("apple", "pear", "plum")]
    check = holds_files({wheel.filename: wheel.sha256 for wheel in wheels})
    deps = tmp_path / "deps" / "pip"
    deps.mkdir(parents=True)
    for wheel in wheels:
        wheel.write(deps)
    assert check(tmp_path) == []
    (deps / wheels[0].filename).unlink()
    (deps / wheels[1].filename).write_bytes(b"something else")
    assert check(tmp_path) == [wheels[0].filename, wheels[1].filename]


def test_a_wheel_that_is_not_wholly_installed_is_told(tmp_path: Path) -> None:
    wheel = make_wheel("pear", "1.0").write(tmp_path)
    target = tmp_path / "target"
    info = target / "pear-1.0.dist-info"
    info.mkdir(parents=True)
    check = holds_installed([wheel])
    assert len(check(target)) == 3  # the module, METADATA and WHEEL; an installer writes a RECORD of its own
    (target / "pear.py").write_text("changed\n")
    assert f"pear.py of {wheel.name}" in check(target)
