"""Assertions and captures: read, judged, refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.failure import JobError
from workbench.http.collections.answers import Answer
from workbench.http.collections.judging import parse_assertion, parse_capture

ANSWER = Answer(
    201, "Created", (("Content-Type", "application/json"), ("X-A", "1"), ("x-a", "2"),
     ("X-N", "10")),
    b'{"a": {"b": 1}, "list": [1, 2, 3], "text": "some words", "on": true, "none": null,'
    b' "items": [{"n": "x", "v": 1}, {"n": "y z", "v": 2}]}', 150, 0.25,
)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "status == 201", "status != 200", "status < 300", "status >= 201", "not status == 200",
        "reason == Created", "header content-type contains JSON", "header X-A == 1, 2",
        "header x-b not exists", "header content-type exists", "json $.a.b == 1",
        "json $.a == {\"b\": 1}", "json $.text == some words", 'json $.text == "some words"',
        "json $.list contains 2", "json $.list not contains 9", "json $.on == true",
        "json $.none == null", "json $.none exists", "json $.gone not exists",
        "json $.gone != 1", "count $.list[*] == 3", "count $.gone == 0",
        "json $.items[?(@.v == 2)].n == y z", "json $['items'][0]['n'] == 'x'",
        "body contains SOME", 'body matches "b":\\s+1', "time < 0.5", "time < 300ms",
        "header x-n > 9", "time >= 0.2 s", "size == 150", "json $.text matches ^some",
    ],
)  # fmt: skip
def test_what_holds(text: str) -> None:
    words = text.removeprefix("not ")
    if words != text:
        words = words.replace(" == ", " not == ")
    assert parse_assertion(words).judge(ANSWER).why == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("status == 200", "it is 201"),
        ("header x-b == 1", "there is none"),
        ("json $.gone == 1", "there is none"),
        ("json $.on == 1", "it is true"),
        ("json $.text > 3", "is no number"),
        ("json $.a[x] == 1", "is no JSONPath"),
        ("body matches [a", "unterminated"),
        ("status < many", "is no number"),
        ("body not contains some", "it is {"),
    ],
)
def test_what_does_not_hold(text: str, why: str) -> None:
    check = parse_assertion(text).judge(ANSWER)
    assert not check.holds
    assert why in check.why


def test_a_body_that_is_no_json() -> None:
    assert "no JSON" in parse_assertion("json $.a == 1").judge(Answer(200, body=b"<html>")).why


@pytest.mark.parametrize(
    "text", ["", "status", "status = 200", "status ==", "json", "weather == good",
     "json $.a exists x", "json $.a[ == 1"]
)  # fmt: skip
def test_what_is_no_assertion(text: str) -> None:
    with pytest.raises(JobError):
        parse_assertion(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a = json $.a", '{"b": 1}'), ("a = json $.text", "some words"), ("a=status", "201"),
        ("a = header x-a", "1, 2"), ("a = body matches \"b\": (\\d)", "1"),
        ("a = json $.text matches \\w+", "some"),
    ],
)  # fmt: skip
def test_captures(text: str, value: str) -> None:
    assert parse_capture(text).take(ANSWER) == value


@pytest.mark.parametrize(
    "text", ["a = header gone", "a = json $.gone", "a = body matches zzz"]
)  # fmt: skip
def test_nothing_to_capture(text: str) -> None:
    with pytest.raises(JobError, match="nothing to keep"):
        parse_capture(text).take(ANSWER)


@pytest.mark.parametrize(
    "text", ["", "a", "= status", "a b = status", "a = what", "a = body matches (", "a = body is x"]
)
def test_what_is_no_capture(text: str) -> None:
    with pytest.raises(JobError):
        parse_capture(text)


WORDS = ["status", "json", "$.a", "==", "not", "matches", "(", "'", '"', "[", "1", " ", "header"]


@given(st.lists(st.sampled_from(WORDS), max_size=8), st.binary(max_size=40))
def test_anything_may_be_typed(words: list[str], body: bytes) -> None:
    try:
        check = parse_assertion(" ".join(words)).judge(Answer(200, body=body))
    except JobError:
        return
    assert check.holds == (not check.why)
