"""Values that somebody else wrote: pydantic says what is wrong with them, and what fits is read without it."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct, field

from cachi2ish.files.explained import read_or_explain
from cachi2ish.files.foreign import OWN_WORDS, After, Before, UnfitValueError, WrongShapeError, read


def _name(value: object) -> object:
    if value == "nobody":
        raise UnfitValueError(f"{value!r} is no name", "name somebody")
    return value.strip() if isinstance(value, str) else value


def _not_null(value: object) -> object:
    if value is None:
        raise ValueError("null")
    return value


class Inner(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, Before(_name)]
    kind: Literal["cp", "pp"] = "cp"

    def __post_init__(self) -> None:
        if self.name == self.kind:
            raise UnfitValueError("name and kind are the same", "")


class Outer(Struct, frozen=True, kw_only=True):
    text: Annotated[str | None, Before(_not_null)] = None
    count: Annotated[int, Meta(ge=1, lt=100)] | None = None
    inner: Inner | None = None
    members: tuple[Inner, ...] = ()
    by_key: dict[str, Annotated[str | bool, After(_name)]] = {}
    kebab: list[str] = field(default_factory=list, name="ke-bab")
    flag: bool = False


def problems(value: object, *, strict: bool = True) -> list[tuple[tuple[Any, ...], str, str]]:
    with pytest.raises(WrongShapeError) as caught:
        read(value, Outer, strict=strict)
    return [(one["loc"], one["type"], one["msg"]) for one in caught.value.problems]


WRONG: list[tuple[object, list[tuple[tuple[Any, ...], str]]]] = [
    ([], [((), "model_type")]),
    ({"text": None}, [(("text",), "value_error")]),
    ({"count": True}, [(("count",), "int_type")]),
    ({"count": 100}, [(("count",), "less_than")]),
    ({"inner": {"name": "nobody"}}, [(("inner", "name"), OWN_WORDS)]),
    ({"inner": {"name": "cp"}}, [(("inner",), OWN_WORDS)]),
    ({"inner": {"name": "a", "odd": 1}}, [(("inner", "odd"), "extra_forbidden")]),
    ({"members": [{"name": "a"}, {}, 3]}, [(("members", 1, "name"), "missing"), (("members", 2), "model_type")]),
    ({"by_key": {"k": "nobody"}}, [(("by_key", "k"), OWN_WORDS)]),
    ({"ke-bab": [1], "flag": 2}, [(("ke-bab", 0), "string_type"), (("flag",), "bool_type")]),
]


@pytest.mark.parametrize(("value", "expected"), WRONG, ids=[str(value) for value, _ in WRONG])
def test_all_that_is_wrong_is_found_with_its_place(
    value: object, expected: list[tuple[tuple[Any, ...], str]]
) -> None:
    assert [(place, kind) for place, kind, _ in problems(value)] == expected


def test_a_rule_has_its_own_words_and_its_hint() -> None:
    with pytest.raises(WrongShapeError) as caught:
        read({"inner": {"name": "nobody"}}, Outer)
    [problem] = caught.value.problems
    assert (problem["msg"], problem["ctx"]["hint"]) == ("'nobody' is no name", "name somebody")


def test_what_a_rule_changes_is_read_as_it_was_meant() -> None:
    assert read({"inner": {"name": " a "}}, Outer) == Outer(inner=Inner(name="a"))


def test_a_number_as_text_is_converted_unless_the_shape_is_strict() -> None:
    assert read({"count": "7"}, Outer) == Outer(count=7)
    assert problems({"count": "7"}) == [(("count",), "int_type", "Input should be a valid integer")]


def test_what_is_left_out_is_no_matter_of_rules_and_unknown_keys_may_be_left_aside() -> None:
    assert read({"odd": 1}, Outer, strict=True) == Outer()


_TEXTS = st.sampled_from(["a", " a", "cp", "nobody", "", "\udcff", "7", "true"])
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 101) | st.floats(0, 5) | _TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "kind", "k"]), inner),
    max_leaves=5,
)


@given(
    value=st.dictionaries(
        st.sampled_from(["text", "count", "inner", "members", "by_key", "ke-bab", "kebab", "flag"]), _VALUES
    ),
    strict=st.booleans(),
)
def test_both_readers_say_the_same(value: dict[str, Any], *, strict: bool) -> None:
    found: list[object] = []
    for reader in (read, read_or_explain):
        try:
            found.append(reader(value, Outer, strict=strict))
        except WrongShapeError as error:
            found.append([(one["loc"], one["msg"]) for one in error.problems])
    assert found[0] == found[1]


_WITHOUT_PYDANTIC = """
import sys
from cachi2ish.services.fetch.input.package_input import validated

target = {"python": "3.12", "platform": "manylinux_2_28_x86_64"}
validated({"type": "pip", "targets": [target], "index_date_overrides": {"numpy": False}}, "the input")
assert "pydantic" not in sys.modules
"""


def test_what_fits_is_read_without_pydantic() -> None:
    subprocess.run([sys.executable, "-c", _WITHOUT_PYDANTIC], check=True)
