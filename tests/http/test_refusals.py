from __future__ import annotations

import json

import pytest

from cachi2ish.http.refusals import refusal_of, said

PROBLEM = {"content-type": "application/problem+json; charset=utf-8"}


def problem(detail: object) -> bytes:
    return json.dumps({"type": "about:blank", "detail": detail}).encode()


@pytest.mark.parametrize(
    ("status", "phrase", "headers", "body", "words"),
    [
        (200, "OK", PROBLEM, problem("it is well"), ""),
        (404, "Not Found", {}, b"", ""),
        (404, "NOT FOUND", {}, problem("it was deleted"), ""),
        (404, "", {}, b"", ""),
        (404, "it was deleted", {}, b"", "it was deleted"),
        (404, "it was", PROBLEM, problem("it was deleted."), "it was deleted"),
        (404, "Not Found", PROBLEM, problem(7), ""),
        (404, "Not Found", PROBLEM, b"{", ""),
        (404, "Not Found", PROBLEM, b"[" * 100_000, ""),
        (799, "Strange", {}, b"", "Strange"),
        (403, "Forbidden", PROBLEM, problem("a\x1b[31m\nb"), "a?[31m b"),
        (403, "Forbidden", PROBLEM, problem("see http://ann:secret@host/x"), "see http://host/x"),
        (403, "Forbidden", PROBLEM, problem("x" * 999), "x" * 297 + "..."),
    ],
)
def test_what_a_server_says_is_shown_and_nothing_that_it_hides(
    status: int, phrase: str, headers: dict[str, str], body: bytes, words: str
) -> None:
    assert refusal_of(status, phrase, headers, body) == words


@pytest.mark.parametrize(
    ("status", "phrase", "text"),
    [
        (404, "Not Found", "HTTP 404 (Not Found)"),
        (404, "", "HTTP 404 (Not Found)"),
        (502, "the upstream is down", "HTTP 502 (the upstream is down)"),
        (799, "", "HTTP 799"),
    ],
)
def test_a_status_is_said_with_the_words_of_the_server(status: int, phrase: str, text: str) -> None:
    assert said(status, phrase) == text
