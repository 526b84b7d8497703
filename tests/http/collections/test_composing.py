"""A request taken apart for an editor, and put together again."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.core.arguments import parse_line
from workbench.core.failure import JobError
from workbench.http.client.job import Http, http
from workbench.http.collections.composing import (
    Composed,
    from_http,
    from_wanted,
    headers_for,
    http_words,
    to_wanted,
)
from workbench.http.collections.document import Wanted, parse

FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
JSON = (("Content-Type", "application/json"),)


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted("GET", "http://h/?a=b&c=%20d&e"),
        Wanted("GET", "{{host}}/a?x={{$randomInt 1 9}}&y={{%b}}", "1.1", (("A", "b"), ("C", ""))),
        Wanted("POST", "http://h/", "", JSON, '{"a": 1}'),
        Wanted("POST", "http://h/", "", FORM, "a=1+2\n&b={{token}}\n&c=%C3%A9"),
        Wanted("POST", "http://h/", "", FORM, "a=1%202"),  # a form that is written otherwise
        Wanted("PUT", "http://h/", "", (("A", "b"),), "< ./file.bin"),
        Wanted("PUT", "http://h/", "", (("Content-Type", "text/plain"),), "a\n\nb"),
    ],
)
def test_what_nobody_changed_comes_back(wanted: Wanted) -> None:
    assert to_wanted(from_wanted(wanted)) == wanted


def test_the_media_type_goes_with_its_kind() -> None:
    lines = "A: b\nContent-Type: application/json"
    assert headers_for(lines, "json") == lines
    assert headers_for(lines, "form") == "A: b"
    assert headers_for("Content-Type: text/xml", "form") == "Content-Type: text/xml"


def test_what_is_typed_in_an_editor() -> None:
    made = Composed("POST", "http://h/x", "a=b c\nd={{e f}}#", "A: b\n\nC:", "form", "x=1 2\ny=&")
    wanted = to_wanted(made)
    assert wanted.url == "http://h/x?a=b%20c&d={{e f}}%23"
    assert wanted.headers == (("A", "b"), ("C", ""), *FORM)
    assert wanted.body == "x=1+2\n&y=%26"
    form = to_wanted(Composed("POST", "http://h/", "", "", "multipart", "a=b\nf=@dir/x.txt"))
    assert 'name="f"; filename="x.txt"\n\n< dir/x.txt\n--workbench-' in form.body
    assert parse("").with_new(form).entries[0].wanted == form
    for bad in (Composed(url=""), Composed(url="http://h/", headers="what"),
                Composed("POST", "http://h/", "", "", "multipart", "what")):  # fmt: skip
        with pytest.raises(JobError):
            to_wanted(bad)


@pytest.mark.parametrize(
    "line",
    [
        "GET http://h/?a=b A:b c==d",
        "POST http://h/ --data-json {} --header=X:y",
        "POST http://h/ --form a=b --form c=d",
        "POST http://h/ --urlencoded a=b",
        "POST http://h/ --data text --header=Content-Type:text/plain",
        "PUT http://h/ --data @file Accept:",
        "POST http://h/ a=b c:=1",
    ],
)
def test_a_request_of_the_job_comes_back(line: str) -> None:
    request = parse_line(http, line.split())
    values: dict[str, Any] = http_words(from_http(request))
    again = Http(**values)
    assert from_http(again) == from_http(request)


def test_what_the_job_cannot_say() -> None:
    for made in (Composed(url="{{host}}/"), Composed("POST", "http://h/", kind="text", body="@a"),
                 Composed(url="http://[/")):  # fmt: skip
        with pytest.raises(JobError):
            http_words(made)
