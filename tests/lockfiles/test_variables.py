"""Variables in a requirements file: replaced as pip does, in one pass, and named where they have no value."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pip._internal.req import req_file

from cachi2ish.lockfiles.pip.tokens import conceal, expand
from tests.lockfiles.reading import COMMIT, HASH_A, A, errors_of, read

NAMES = ["A", "B", "LONGER_1"]
PIECES = st.sampled_from(
    [*(f"${{{name}}}" for name in (*NAMES, "UNSET")), "$", "{", "}", "A", "B", "${", "x", " "]
)
TEXTS = st.lists(PIECES, max_size=8).map("".join)


class Counting(dict[str, str]):
    """An environment that knows how often it was asked."""

    asked = 0

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]  # one of its forms
        self.asked += 1
        return super().get(name, default)


@given(TEXTS, st.dictionaries(st.sampled_from(NAMES), TEXTS.filter(lambda value: len(value) < 12), max_size=3))
@example("${B} ${A} ${B}", {"A": "${B}", "B": "x"})
@example("${${A}} ${B}", {"A": "B", "B": "x"})
@example("${A}{B} ${B}", {"A": "$", "B": "x"})
@example("${A} ${A}", {"A": "x${A}"})
def test_variables_are_replaced_as_pip_replaces_them(text: str, environ: dict[str, str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name in (*NAMES, "UNSET"):
            patch.delenv(name, raising=False)
        for name, value in environ.items():
            patch.setenv(name, value)
        ((_, theirs),) = req_file.expand_env_variables(iter([(1, text)]))
    assert expand(text, environ) == theirs


@pytest.mark.parametrize("value", ["v", "${TOKEN}", "${OTHER}"])
def test_a_line_that_names_a_variable_without_end_is_read_in_one_pass(value: str) -> None:
    environ = Counting(TOKEN=value, OTHER="w")
    text = "${TOKEN}" * 200_000 + "${OTHER}"
    assert len(expand(text, environ)) >= 200_000
    assert environ.asked == 2
    conceal("message", text, environ)
    assert environ.asked == 4


def test_values_that_name_themselves_do_not_grow_without_end() -> None:
    assert len(expand("${A}" * 1000, {"A": "${A}${A}"})) < 2**27


ADDRESSED = [
    "-i https://${USER}:${TOKEN}@h.example/simple/",
    "--extra-index-url=https://me:${TOKEN}@h.example/simple/",
    f"foo @ https://${{TOKEN}}@files.example/foo.zip#sha256={A}",
    f"foo @ git+https://${{TOKEN}}@git.example/r@{COMMIT}",
]


@pytest.mark.parametrize("line", ADDRESSED)
@pytest.mark.parametrize("environ", [{"USER": "me"}, {"USER": "me", "TOKEN": ""}])
def test_a_variable_without_a_value_in_an_address_is_named(
    line: str, environ: dict[str, str], tmp_path: Path
) -> None:
    assert read(tmp_path, f"\n{line}", environ=environ).warnings == (
        "requirements.txt:2: the variable TOKEN is unset or empty, so ${TOKEN} is part of the address",
    )
    assert read(tmp_path, f"\n{line}", environ={**environ, "TOKEN": "s3cret"}).warnings == ()


def test_a_name_that_pip_does_not_replace_is_named(tmp_path: Path) -> None:
    assert read(tmp_path, "-i https://${token}@h.example/", environ={"token": "x"}).warnings == (
        "requirements.txt:1: ${token} is no variable: pip replaces names in capital letters only",
    )


@pytest.mark.parametrize(
    "text",
    [
        f"foo===7.0+${{TOKEN}}\nbar==1 {HASH_A}",
        f"foo===7.0+${{TOKEN}}\nfoo==8 {HASH_A}",
        f"foo<7.0+${{TOKEN}}\nbar==1 {HASH_A}",
        f"foo\nbar==1 {HASH_A}\n-c c.txt",
    ],
)
def test_no_error_about_several_lines_has_the_value_of_a_variable(tmp_path: Path, text: str) -> None:
    files = {"requirements.txt": text, "c.txt": "foo===7.0+${TOKEN}"}
    errors = errors_of(tmp_path, files, environ={"TOKEN": "s3cret"})
    assert "${TOKEN}" in str(errors)
    assert "s3cret" not in str([(str(error), error.hint) for error in errors])
