"""What is cut out of a page before it is parsed makes no difference to what is read from it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from cachi2ish.core.interest import Interest
from cachi2ish.errors import UnavailableError
from cachi2ish.simple_api.fields import PageSource
from cachi2ish.simple_api.json_pages import read_json
from cachi2ish.simple_api.narrowing import narrowed

DEMO = canonicalize_name("demo")
SOURCE = PageSource(DEMO, "https://index.example/simple/", "https://index.example/simple/demo/")

#: A page that is short is not worth cutting.
LONG = "x" * 20_000


def entry(version: str, **more: object) -> dict[str, Any]:
    filename = f"demo-{version}.tar.gz"
    url = f"https://files.example/ab/{filename}"
    return {"filename": filename, "hashes": {"sha256": "1a" * 32}, "size": 10, "url": url, "yanked": False, **more}


def page(*entries: object, compact: bool = True, **more: object) -> bytes:
    meta = {"api-version": "1.4", "_comment": LONG}
    content = {"meta": meta, "name": "demo", "files": list(entries), **more}
    return json.dumps(content, separators=(",", ":") if compact else None).encode()


def wanting(*versions: str) -> Interest:
    return Interest(DEMO, versions)


def names(body: bytes, interest: Interest) -> list[str]:
    return [file.filename for file in read_json(body, SOURCE, interest).files]


@pytest.mark.parametrize("compact", [True, False])
def test_the_files_of_other_versions_are_cut_out(*, compact: bool) -> None:
    body = page(*(entry(f"1.{minor}") for minor in range(100)), compact=compact)
    rest = narrowed(body, wanting("1.50"))
    assert [file["filename"] for file in json.loads(rest)["files"]] == [
        "demo-1.0.tar.gz",
        "demo-1.50.tar.gz",
        "demo-1.99.tar.gz",
    ]
    assert names(body, wanting("1.50")) == ["demo-1.50.tar.gz"]


@pytest.mark.parametrize("reason", ['it is "broken"', "two\nlines", "see [the notes]"])
def test_reasons_for_yanking_are_no_hindrance(reason: str) -> None:
    body = page(*(entry(f"1.{minor}", yanked=reason if minor == 7 else False) for minor in range(100)))
    assert len(json.loads(narrowed(body, wanting("1.50", "1.5")))["files"]) < 55
    assert names(body, wanting("1.50")) == ["demo-1.50.tar.gz"]


@pytest.mark.parametrize("wanted", ["1.0", "1.1", "1.98", "1.99", "1.50.0", "7"])
def test_the_first_and_the_last_file_are_found_like_all_others(wanted: str) -> None:
    body = page(*(entry(f"1.{minor}") for minor in range(100)))
    found = [file.filename for file in read_json(body, SOURCE).files if wanting(wanted).means(file.filename)]
    assert names(body, wanting(wanted)) == found


@pytest.mark.parametrize(
    "odd",
    [
        entry("2.0", yanked="},{"),
        entry("2.0", yanked='"},{"'),
        entry("2.0", yanked="broken: }"),
        entry("2.0", yanked="[see the notes]"),
        entry("2.0", **{"requires-python": ">=3.8\\"}),
        entry("2.0", extra={"filename": "demo-1.5.tar.gz"}),
        entry("2.0", extras=[{"filename": "demo-1.5.tar.gz"}, {"a": 1}]),
        {"filename": "demo-\u0661.5.tar.gz", "url": "x"},
        {"url": "demo-2.0.tar.gz"},
        7,
        None,
        [],
    ],
)
def test_what_is_unusual_stays(odd: object) -> None:
    body = page(entry("1.0"), entry("1.1"), odd, entry("1.5"), odd, entry("1.6"), entry("1.7"))
    interest = wanting("1.5")
    whole = [file.filename for file in read_json(body, SOURCE).files if interest.means(file.filename)]
    assert names(body, interest) == whole == ["demo-1.5.tar.gz"]


def test_separators_in_texts_do_not_make_one_file_of_two() -> None:
    files = entry("1.0", yanked="a},{b"), entry("1.5"), entry("2.0"), entry("1.6", yanked="c},{d"), entry("1.7")
    interest = wanting("1.0")
    (file,) = read_json(page(*files), SOURCE, interest).files
    assert (file.filename, file.yanked_reason) == ("demo-1.0.tar.gz", "a},{b")


def test_lists_of_something_else_stay() -> None:
    others = [{"name": f"other-{number}", "note": {"filename": "demo-1.5.tar.gz"}} for number in range(5)]
    body = page(*(entry(f"1.{minor}") for minor in range(9)), others=others)
    assert json.loads(narrowed(body, wanting("1.5")))["others"] == others


def test_a_page_that_ends_too_early_is_refused() -> None:
    body = page(*(entry(f"1.{minor}") for minor in range(100)))
    with pytest.raises(UnavailableError, match="not valid JSON"):
        read_json(body[:-100], SOURCE, wanting("1.50"))


_TEXTS = st.text(st.sampled_from('},{"[]\\ 15.a\n\u00e9'), max_size=8)
_VERSIONS = st.sampled_from(["1.0", "1.5", "1.5.0", "01.05", "1.50", "0!1.5", "1.5rc1", "2.15", "15", "1"])
_ENTRIES = st.one_of(
    st.builds(entry, _VERSIONS),
    st.builds(lambda version, text: entry(version, yanked=text), _VERSIONS, _TEXTS),
    st.builds(lambda version, text: entry(version, more=[{text: 1}, {"filename": text}]), _VERSIONS, _TEXTS),
    st.builds(lambda text: {"filename": text, "url": text}, _TEXTS),
)


@given(st.lists(_ENTRIES, max_size=12), st.lists(_VERSIONS, min_size=1, max_size=2), st.booleans())
@example(
    entries=[entry("1.0"), entry("2.15", yanked="a},{b"), entry("1.5"), entry("1.0")], wanted=["1.5"], compact=True
)
def test_cutting_makes_no_difference(entries: list[object], wanted: list[str], compact: bool) -> None:
    body = page(*entries, compact=compact)
    interest = wanting(*wanted)
    whole = [file for file in read_json(body, SOURCE).files if interest.means(file.filename)]
    assert list(read_json(body, SOURCE, interest).files) == whole


@given(st.lists(st.sampled_from([b"},{", b'"', b'"filename":"demo-1.5.tar.gz"', b"{", b"}", b"[", b"]", b"1.5"])))
def test_no_text_is_too_odd(pieces: list[bytes]) -> None:
    body = LONG.encode() + b"".join(pieces)
    rest = narrowed(body, wanting("1.5"))
    assert len(rest) <= len(body)
