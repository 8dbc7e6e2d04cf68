"""Platforms and versions as other programs write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachi2ish.core.targets.machine import Target, read_machine, read_python
from cachi2ish.core.targets.spellings import meant_platforms
from cachi2ish.errors import InputError
from cachi2ish.services.fetch.input.target_input import TargetInput


@pytest.mark.parametrize(
    ("docker", "tag"),
    [
        ("linux/amd64", "manylinux_2_28_x86_64"),
        ("linux/amd64/v3", "manylinux_2_28_x86_64"),
        ("linux/arm64", "manylinux_2_28_aarch64"),
        ("linux/arm64/v8", "manylinux_2_28_aarch64"),
        ("linux/arm/v7", "manylinux_2_28_armv7l"),
        ("linux/386", "manylinux_2_28_i686"),
        ("linux/ppc64le", "manylinux_2_28_ppc64le"),
        ("linux/s390x", "manylinux_2_28_s390x"),
        ("windows/amd64", "win_amd64"),
    ],
)
def test_a_platform_of_docker_is_the_machine_with_glibc(docker: str, tag: str) -> None:
    assert Target.parse("3.12", docker) == Target.parse("3.12", tag)
    assert TargetInput(python="3.12", platform=docker).target() == Target.parse("3.12", tag)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("x86_64", "manylinux_2_28_x86_64"),
        ("amd64", "manylinux_2_28_x86_64"),
        ("arm64", "manylinux_2_28_aarch64"),
        ("manylinux_2_28_arm64", "manylinux_2_28_aarch64"),
        ("manylinux2014_amd64", "manylinux2014_x86_64"),
        ("musllinux_1_1_arm64", "musllinux_1_1_aarch64"),
        ("linux_amd64", "manylinux_2_28_x86_64"),
        ("linux/riscv64", "manylinux_2_28_riscv64"),
        ("linux/arm64/v9", "manylinux_2_28_aarch64"),
        ("win_x86_64", "win_amd64"),
        ("win64", "win_amd64"),
        ("darwin/arm64", "macosx_14_0_arm64"),
        ("macosx_13_0_aarch64", "macosx_13_0_arm64"),
        ("aarch64-apple-darwin", "macosx_14_0_arm64"),
        ("x86_64-unknown-linux-musl", "musllinux_1_2_x86_64"),
        ("debian12", "manylinux_2_36_x86_64"),
        ("debian:12 arm64", "manylinux_2_36_aarch64"),
        ("ubuntu-22.04", "manylinux_2_35_x86_64"),
        ("ubi9", "manylinux_2_34_x86_64"),
        ("alpine3.20", "musllinux_1_2_x86_64"),
    ],
)
def test_the_tag_that_was_meant_is_named(text: str, meant: str) -> None:
    with pytest.raises(InputError) as caught:
        read_machine(text)
    assert caught.value.hint == f"did you mean {meant!r}?"
    assert read_machine(meant).tag == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("cp311", 'did you mean "3.11"?'),
        ("3.13t", 'did you mean "3.13", with "abi": "cp313t" for the free-threaded build?'),
        ("cp314t", 'did you mean "3.14", with "abi": "cp314t" for the free-threaded build?'),
        ("pp310", 'did you mean "3.10", with "implementation": "pp"?'),
        ("python3.12", 'did you mean "3.12"?'),
        (">=3.11", 'did you mean "3.11"?'),
        ("3.12-slim", 'did you mean "3.12"?'),
        ("3.12.x", 'did you mean "3.12"?'),
        ("312", 'did you mean "3.12"?'),
        ("3", 'give one such as "3.12" or "3.12.4"'),
        ("2.7", 'give one such as "3.12" or "3.12.4"'),
    ],
)
def test_the_version_that_was_meant_is_named(text: str, meant: str) -> None:
    with pytest.raises(InputError) as caught:
        read_python(text)
    assert caught.value.hint == meant


@given(st.text(alphabet="manyuxlibc_0123456789x86armwdt/.- ", max_size=40))
def test_what_is_proposed_is_never_refused(text: str) -> None:
    try:
        read_machine(text)
    except InputError as error:
        for tag in meant_platforms(text):
            if error.hint == f"did you mean {tag!r}?":
                read_machine(tag)
