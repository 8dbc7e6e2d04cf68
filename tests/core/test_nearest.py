"""What somebody probably meant."""

from __future__ import annotations

import pytest

from cachi2ish.core.messages import did_you_mean

WORDS = ("strict", "permissive", "dockerfile", "index-date")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("stric", "strict"),
        ("STRICT", "strict"),
        ("permisive", "permissive"),
        ("docker", "dockerfile"),
        ("i", "index-date"),
    ],
)
def test_the_word_that_is_most_like_it_or_that_it_begins(word: str, meant: str) -> None:
    assert did_you_mean(word, WORDS, "else") == f"did you mean {meant!r}?"


@pytest.mark.parametrize("word", ["", "xyz"])
def test_what_is_like_none_gets_the_other_hint(word: str) -> None:
    assert did_you_mean(word, WORDS) == ""
    assert did_you_mean(word, WORDS, "leave it out") == "leave it out"


def test_several_may_be_named_and_each_gets_what_stood_before() -> None:
    assert (
        did_you_mean("aple", ["apple", "ample", "pear"], most=2, begin="a_")
        == "did you mean 'a_apple' or 'a_ample'?"
    )
