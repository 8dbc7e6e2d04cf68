"""TOML of strangers is read as the standard library reads it, but for keys that nobody writes."""

from __future__ import annotations

import tomllib

import pytest

from cachi2ish.files.foreign import MOST_PARTS, read_toml
from cachi2ish.lockfiles.toml_strings import strings_in


@pytest.mark.parametrize(
    "text",
    [
        "a." * 500_000 + "b = 1",
        "[" + "a." * 500_000 + "b]",
        "[[" + '"a" . ' * 100_000 + "b]]",
        "x = {" + "a\t.\t" * 100_000 + "b = 1}",
        '"\\"".' * 100_000 + "b = 1",
        "'\"'." * 100_000 + "b = 1",
    ],
    ids=["key", "table", "quoted", "inline", "escaped quotes", "quotes in quotes"],
)
def test_a_key_of_very_many_parts_is_refused_unread(text: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError, match="more than 100 parts"):
        read_toml(text)


@pytest.mark.parametrize(
    "text",
    [
        "a." * (MOST_PARTS - 1) + "b = 1",
        'a = "' + "x." * 500 + '"',
        "a = '" + "x." * 500 + "'",
        'a = """\nContents ' + "." * 300 + ' 7\nFirst. Second, third.\n"""',
        'a = ["' + "1.2.3" * 100 + '", 3.5]\n# ' + "...",
    ],
    ids=["deep", "text", "literal", "prose", "list"],
)
def test_all_else_is_read_as_the_standard_library_reads_it(text: str) -> None:
    assert read_toml(text) == tomllib.loads(text)


@pytest.mark.parametrize("text", [" " * 500_000, '"' * 500_001, "\\" * 500_000, "'\"" * 250_000])
def test_text_that_is_no_toml_is_refused_at_once(text: str) -> None:
    try:
        document = read_toml(text)
    except tomllib.TOMLDecodeError:
        return
    assert document == {}


@pytest.mark.parametrize(
    "text",
    ['x = "' + '\\"a ' * 50_000, 'x = """' + '\n\\"""a' * 30_000, "x = '''" + "a'\n" * 50_000],
    ids=["line", "lines", "literal"],
)
def test_a_text_without_an_end_takes_no_longer_than_it_is_long(text: str) -> None:
    """Not the square of that: minutes for these."""
    with pytest.raises(tomllib.TOMLDecodeError):
        read_toml(text)
    assert list(strings_in(text)) == []
