"""`.http` files: what stands in them, and that nothing is lost that nobody changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.failure import JobError
from workbench.http.collections.document import Wanted, parse
from workbench.http.collections.sending import ready
from workbench.http.collections.variables import Variables

FILE = """\
# All of the shop.
@host = http://127.0.0.1:8000
@token=abc

### log in
# @name login
// a note for people
# @assert status == 200
# @capture token = json $.token
POST {{host}}/login HTTP/1.1
Content-Type: application/json
# who asks
# @timeout 5
Accept: */*

{
  "name": "me"
}

> {%
  client.test("x", function() {});
%}
<> 2020-01-01.json

###

{{host}}/items
  ?page=1
  &size=2

### a file
PUT {{host}}/file
Content-Type: text/plain

< ./a.txt
"""


def test_what_stands_in_a_file() -> None:
    made = parse(FILE)
    login, items, upload = made.entries
    assert login.wanted == Wanted(
        "POST", "{{host}}/login", "1.1",
        (("Content-Type", "application/json"), ("Accept", "*/*")), '{\n  "name": "me"\n}',
    )  # fmt: skip
    assert (login.name, login.title, login.line, login.scripts) == ("login", "log in", 10, 1)
    assert [one.name for one in login.directives] == ["name", "assert", "capture", "timeout"]
    assert login.all("assert")[0].value == "status == 200"
    assert login.all("assert")[0].line == 8
    assert items.wanted == Wanted("", "{{host}}/items?page=1&size=2")
    assert items.name == "GET {{host}}/items?page=1&size=2"
    assert upload.wanted is not None
    assert upload.wanted.body == "< ./a.txt"
    assert made.variables == {"host": "http://127.0.0.1:8000", "token": "abc"}


@pytest.mark.parametrize("text", [FILE, FILE.replace("\n", "\r\n"), "\ufeff" + FILE, "", "###\n"])
def test_nothing_is_lost(text: str) -> None:
    assert parse(text).text == text


def test_a_value_that_goes_on_over_lines() -> None:
    text = "GET http://h/\nA: b,\n  c\nD: e\n"
    made = parse(text)
    assert made.entries[0].wanted == Wanted("GET", "http://h/", "", (("A", "b, c"), ("D", "e")))
    assert made.text == text


def test_a_change_touches_what_was_changed_alone() -> None:
    made = parse(FILE)
    login = made.entries[0].wanted
    assert login is not None
    changed = made.with_entry(
        0, Wanted("PUT", login.url, login.version, (("Accept", "text/plain"),), "a\nb")
    )
    assert changed.text == FILE.replace("POST {{host}}/login", "PUT {{host}}/login").replace(
        "Content-Type: application/json\n# who asks\n# @timeout 5\nAccept: */*",
        "# who asks\n# @timeout 5\nAccept: text/plain",
    ).replace('{\n  "name": "me"\n}', "a\nb")
    assert made.with_entry(0, login).text == FILE
    none = made.with_entry(0, Wanted("GET", "/x")).entries
    assert none[0].wanted == Wanted("GET", "/x")
    assert [one.text for one in none[1:]] == [one.text for one in made.entries[1:]]
    assert len(made.without(1).entries) == 2


def test_a_request_is_added() -> None:
    wanted = Wanted("POST", "http://h/", "", (("A", "b"),), "x")
    assert parse("").with_new(wanted).text == "POST http://h/\nA: b\n\nx\n"
    more = parse("GET http://h/\r\n").with_new(wanted, "second")
    assert more.text == "GET http://h/\r\n\r\n### second\r\nPOST http://h/\r\nA: b\r\n\r\nx\r\n"
    assert [one.name for one in more.entries] == ["GET http://h/", "second"]


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted("POST", "http://h/", "", (), "a\n###\nb"),
        Wanted("POST", "http://h/", "", (("A", "b\nC: d"),)),
        Wanted("POST", "http://h/", "", (), "\n\nx"),
    ],
)
def test_what_a_file_cannot_hold_is_refused(wanted: Wanted) -> None:
    with pytest.raises(JobError, match=r"cannot stand in a \.http file"):
        parse(FILE).with_entry(0, wanted)
    with pytest.raises(JobError, match=r"cannot stand in a \.http file"):
        parse(FILE).with_new(wanted)


LINES = st.sampled_from(
    ["###", "### t", "# c", "# @name x", "@a = b", "GET http://h/", "http://h", "  ?a=b", "A: b",
     "", " ", "< f", "> {%", "%}", "body", "\x0b", "HTTP/1.1", "GET", "//",
     "< {% x %}", "@", "\u2028"]
)  # fmt: skip


@given(st.lists(LINES, max_size=12), st.sampled_from(["\n", "\r\n", "\r"]))
def test_any_text_is_taken_and_kept(lines: list[str], newline: str) -> None:
    text = newline.join(lines)
    made = parse(text)
    assert made.text == text
    for at, entry in enumerate(made.entries):
        assert entry.wanted is not None
        assert made.with_entry(at, entry.wanted).text == text


@given(st.text(max_size=200))
def test_any_characters_are_taken(text: str) -> None:
    assert parse(text).text == text


@pytest.mark.parametrize(
    "text",
    ["GET " + " " * 300_000 + "x HTTP/1.1 y", "{{" * 100_000, "{{" + " " * 300_000,
     "POST h\n\n<" + " " * 300_000 + "a" + " " * 300_000 + "b", "# @" + "a " * 100_000,
     "###\n" * 9_000, "GET h\n" + "a:b\n" * 50_000],
    ids=["line", "braces", "spaces", "file", "directive", "sections", "fields"],
)  # fmt: skip
def test_long_lines_take_no_longer_for_each_character(text: str) -> None:
    """What backtracks over them would not end within the test's time."""
    made = parse(text)
    assert made.text == text
    for entry in made.entries[:1]:
        assert entry.wanted is not None
        try:
            ready(entry, Variables(), Path())
        except (JobError, OSError):
            pass
