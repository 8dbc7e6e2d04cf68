"""What is shown of texts that are too long to show."""

from __future__ import annotations

import pytest

from cachi2ish.core.messages import shortened


def test_the_middle_of_an_overlong_word_is_left_out() -> None:
    digits = "1" * 3000 + "2" * 3000
    assert shortened(f"apple=={digits} is not on x") == f"apple=={'1' * 53}…{'2' * 20} is not on x"


@pytest.mark.parametrize(
    "text", ["", "a b", "sha512:" + "a" * 128, "https://host.test/" + "a" * 280, "a b " * 500]
)
def test_what_has_no_such_word_stays(text: str) -> None:
    assert shortened(text) == text
