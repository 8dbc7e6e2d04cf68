from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachi2ish.simple_api.negotiation import ACCEPT, HTML, JSON, TEXT_HTML, choose_form, media_type

OFFERED = (TEXT_HTML, HTML, JSON)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, TEXT_HTML),
        ("", TEXT_HTML),
        ("*/*", TEXT_HTML),
        ("text/*", TEXT_HTML),
        ("application/*", HTML),
        ("application/*;q=0.5, text/html;q=0.4", HTML),
        (JSON, JSON),
        (JSON.upper(), JSON),
        (f"{JSON}, text/html", TEXT_HTML),
        (f"{JSON}, text/html;q=0.9", JSON),
        (f"{JSON};q=0.1, {HTML}", HTML),
        (f"{JSON};q=0.1, {HTML};q=0.100", HTML),
        (f"{JSON} ; Q=0.2 , {HTML} ; q = 0.1", JSON),
        ("application/vnd.pypi.simple.latest+json", JSON),
        ("application/vnd.pypi.simple.latest+html;q=0.5, */*;q=0.1", HTML),
        (f"*/*, {TEXT_HTML};q=0, {HTML};q=0", JSON),
        (f"application/*;q=0.9, {JSON};q=0.1, text/html;q=0.2", HTML),
        (f"text/html;level=1;q=0.3, {JSON};q=0.2", TEXT_HTML),
        (f'text/html;note="a, b; q=0";q=0.3, {JSON};q=0.2', TEXT_HTML),
        (f"{JSON};q=high, {HTML};q=0.9", JSON),
        (f",, ,{JSON},,", JSON),
        (ACCEPT, JSON),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", TEXT_HTML),
        ("image/png", None),
        ("application/json", None),
        ("*/*;q=0", None),
        (f"{TEXT_HTML};q=0, {HTML};q=0.000, {JSON};q=0.0", None),
        ("application/vnd.pypi.simple.v2+json", None),
        ("nonsense", None),
        (";q=1", None),
    ],
)
def test_the_client_chooses_and_of_equals_the_server(accept: str | None, expected: str | None) -> None:
    assert choose_form(accept, OFFERED) == expected


def test_only_what_is_offered_is_chosen() -> None:
    assert choose_form(ACCEPT, (TEXT_HTML,)) == TEXT_HTML
    assert choose_form(JSON, (TEXT_HTML, HTML)) is None
    assert choose_form("*/*", ()) is None


@given(
    st.lists(
        st.sampled_from([JSON, HTML, "*/*", "text/*", ",", ";", "q", "=", "0", ".", "1", '"', "\\", " "])
        | st.text(max_size=3),
        max_size=20,
    ).map("".join)
)
def test_any_header_is_answered(accept: str) -> None:
    assert choose_form(accept, OFFERED) in {*OFFERED, None}


@pytest.mark.parametrize("accept", ['"' * 100_000, '"\\' * 50_000, "a;" * 50_000, "q=" * 50_000, ",;" * 50_000])
def test_a_long_header_takes_no_more_than_its_length(accept: str) -> None:
    assert choose_form(accept, OFFERED) is None


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (JSON, (JSON, None)),
        ("Text/HTML; Charset=Latin-1", (TEXT_HTML, "Latin-1")),
        ('text/html;charset="utf-8"', (TEXT_HTML, "utf-8")),
        ("text/html\r\n; charset=x", (TEXT_HTML, "x")),
        ("", ("", None)),
        ('text/html; a="; charset=y"; charset = "z" ; charset=w', (TEXT_HTML, "z")),
        ("text/html; a*0=x; a*=y; charset=z", (TEXT_HTML, "z")),
        (f"text/html; a*{'9' * 5000}=x; charset*={'1' * 5000}", (TEXT_HTML, None)),
        ('text/html; a="' + ";" * 1_000_000, (TEXT_HTML, None)),
    ],
)
def test_a_content_type_has_a_media_type_and_perhaps_a_charset(
    header: str, expected: tuple[str, str | None]
) -> None:
    assert media_type(header) == expected
