"""What to do about an error, in the words of this front end: the rooms below name none of its options."""

from __future__ import annotations

import pytest

from cachi2ish.advice import Hint, Place
from cachi2ish.cli.display.hints import WORDS, hint_of
from cachi2ish.errors import AfterIndexDateError, Cachi2ishError, NetworkError, StorageError

#: Options of pip and of those that write its files: they are for every front end the same.
PIPS = ("--generate-hashes", "--only-binary")


@pytest.mark.parametrize("hint", Hint)
def test_a_hint_below_names_neither_an_option_nor_a_key_of_the_input(hint: Hint) -> None:
    text = hint.value
    for option in PIPS:
        text = text.replace(option, "")
    assert "--" not in text
    assert '"' not in text


@pytest.mark.parametrize("hint", Hint)
def test_each_hint_is_a_sentence(hint: Hint) -> None:
    error = AfterIndexDateError("late", hint=hint, origin=None, index="https://a.example/", lock="pylock.toml")
    text = hint_of(error)
    assert text
    assert "{" not in text


def test_words_are_there_for_hints_only() -> None:
    assert set(WORDS) <= set(Hint)


def test_a_hint_names_the_index_or_the_lock_that_it_is_about() -> None:
    def told(hint: Hint) -> str | None:
        return hint_of(
            AfterIndexDateError("late", hint=hint, origin=None, index="https://a.example/", lock="lock")
        )

    assert "--index-date-missing=https://a.example/=allow" in (told(Hint.ALLOW_UNTIMED) or "")
    assert "writes upload times into lock" in (told(Hint.LOCK_UPLOAD_TIMES) or "")


@pytest.mark.parametrize(("place", "option"), [(Place.CACHE, "--cache-dir"), (Place.OUTPUT, "--output")])
def test_another_place_is_named_with_the_option_for_it(place: Place, option: str) -> None:
    error = StorageError("full", hint="choose another place", place=place)
    assert hint_of(error) == f"choose another place with {option}"


@pytest.mark.parametrize(
    "error", [NetworkError("slow", hint="wait {a}"), StorageError("gone", hint="wait {a}"), Cachi2ishError("x")]
)
def test_other_hints_are_told_as_they_are(error: Cachi2ishError) -> None:
    assert hint_of(error) == error.hint
