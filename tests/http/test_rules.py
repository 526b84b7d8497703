"""Rules of an inspector: what fits, what is answered, and what is wrong with a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.http.request_head import RequestHead, parse_head
from workbench.http.rules import Answer, RulesError, RulesFile, choose, parse


def head(method: str = "GET", target: str = "/", fields: str = "") -> RequestHead:
    found = parse_head(f"{method} {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n".encode())
    assert isinstance(found, RequestHead)
    return found


RULES = """
[[rule]]
method = ["POST", "PUT"]
path = "/api/*"
header = { X-Token = "abc*" }
body = "word"
status = 503
headers = { Retry-After = "5", Set-Cookie = ["a=1", "b=2"] }
text = "later"

[[rule]]
path = "/once"
times = 1
action = "drop"

[[rule]]
file = "answer.json"
delay = 1
drip = 2.5
"""


def test_the_first_rule_that_fits_answers() -> None:
    rules = parse(RULES, Path("/some/rules.toml"))
    token = "X-Token: abcdef\r\n"
    wanted = Answer(
        503,
        ((b"Retry-After", b"5"), (b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2")),
        text=b"later",
    )
    last = Answer(file=Path("/some/answer.json"), delay=1, drip=2.5)

    def answer(one: RequestHead, body: bytes = b"") -> Answer | None:
        rule = choose(rules, one, body)
        return rule.answer if rule is not None else None

    assert answer(head("POST", "/api/x?q", token), b"a word here") == wanted
    assert answer(head("GET", "/api/x", token), b"a word here") == last
    assert answer(head("POST", "/ap", token), b"a word here") == last
    assert answer(head("POST", "/api/x"), b"a word here") == last
    assert answer(head("POST", "/api/x", "X-Token: x\r\n"), b"a word here") == last
    assert answer(head("POST", "/api/x", token), b"nothing") == last
    assert answer(head(target="/once")) == Answer(action="drop")
    assert answer(head(target="/once")) == last
    assert choose(rules[:2], head(), b"") is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[rule]]\nstatus = ", "at line 2"),
        (
            "\n[[rule]]\nstatus = 200\n[[rule]]\n\nstatsu = 200",
            "line 6, key statsu: not known; did",
        ),
        ("[[rule]]\nstatus = 42", "line 2, key status: a status from 200 to 999"),
        ("[[rule]]\nstatus = true", "line 2, key status"),
        ("[[rule]]\nstatus = 'x'", "line 2, key status"),
        ("[[rule]]\n\nmethod = 1", "line 3, key method"),
        ("[[rule]]\npath = []", "line 2, key path"),
        ("[[rule]]\nheader = 'x'", "line 2, key header"),
        ("[[rule]]\nbody = 1", "line 2, key body"),
        ("[[rule]]\ntimes = 0", "line 2, key times"),
        ("[[rule]]\ndelay = -1", "line 2, key delay"),
        ("[[rule]]\ndrip = 'fast'", "line 2, key drip"),
        ("[[rule]]\naction = 'explode'", "line 2, key action: answer, drop or reset"),
        ("[[rule]]\nheaders = { 'a b' = 'x' }", "line 2, key headers"),
        ('[[rule]]\nheaders = { a = "x\\ny" }', "line 2, key headers"),
        ("[[rule]]\nheaders = { Content-Length = '3' }", "set by the server"),
        ("[[rule]]\n[rule.headers]\na = 1", "line 2, key headers"),
        ("[[rule]]\ntext = 'a'\nfile = 'b'", "line 3, key file: an answer has a text or a file"),
        ("status = 200", "key status: rules stand under [[rule]]"),
        ("rule = 1", "begins by [[rule]]"),
        ("[rule]\nstatus = 200", "begins by [[rule]]"),
        ("[[rule]]\n" * 1001, "more than 1000 rules"),
        ("a = " + "[" * 100_000, "rules.toml"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_key(text: str, says: str) -> None:
    with pytest.raises(RulesError) as found:
        parse(text, Path("rules.toml"))
    assert says in str(found.value)
    assert str(found.value).startswith("rules.toml")
    assert "\n" not in str(found.value)


TOML = st.lists(
    st.sampled_from(
        [
            "[[rule]]\n",
            "status",
            "path",
            " = ",
            "1",
            "'/x'",
            "[",
            "]",
            "{",
            "}",
            "\n",
            "method",
            "#",
        ]
    ),
    max_size=20,
).map("".join)


@given(TOML)
def test_any_text_is_rules_or_refused(text: str) -> None:
    try:
        rules = parse(text, Path("r"))
    except RulesError:
        return
    choose(rules, head(), b"")


def test_a_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text("[[rule]]\nstatus = 201")
    notes: list[str] = []
    file = RulesFile(path, notes.append)
    assert [rule.answer.status for rule in file.rules()] == [201]
    path.write_text("[[rule]]\nstatus = 202\n[[rule]]")
    os.utime(path, (1, 1))
    assert [rule.answer.status for rule in file.rules()] == [202, 200]
    path.write_text("[[rule]]\nstatus = 2")
    os.utime(path, (2, 2))
    assert len(file.rules()) == 2
    assert len(file.rules()) == 2
    path.unlink()
    assert len(file.rules()) == 2
    assert [note.partition(": ")[2] for note in notes[:1]] == ["2 rules from now on"]
    assert "line 2, key status" in notes[1]
    assert "no such file" in notes[2]
    assert len(notes) == 3


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path, says in ((tmp_path / "none", "no such file"), (tmp_path, "is a directory")):
        with pytest.raises(RulesError, match=says):
            RulesFile(path, print)
    (tmp_path / "latin").write_bytes(b"\xff")
    with pytest.raises(RulesError, match="not UTF-8"):
        RulesFile(tmp_path / "latin", print)
