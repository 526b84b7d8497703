"""What is told of an exception, however hostile its values are."""

from __future__ import annotations

import sys
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.message import decode_event, encode
from workbench.http.gateway.crash import FRAMES, LOCALS, MASK, VALUE, Crash, crash, shown
from workbench.http.gateway.page import page


def caught(code: str) -> Crash:
    try:
        exec(compile(code, "<given>", "exec"), {})
    except BaseException as problem:
        return crash("GET /", problem)
    raise AssertionError("it raises nothing")


def test_frames_values_and_causes() -> None:
    told = caught(
        "def inner(a):\n  b = a + 1\n  try:\n    {}['x']\n"
        "  except KeyError as e:\n    raise ValueError('two\\nlines') from e\n"
        "def outer():\n  inner(1)\nouter()\n"
    )
    assert (told.kind, told.title) == ("ValueError", "ValueError: two")
    assert [frame.function for frame in told.frames][-2:] == ["outer", "inner"]
    assert {one.name: one.value for one in told.frames[-1].values}["b"] == "2"
    assert told.cause == ("KeyError: 'x'",)
    assert "because of KeyError" in told.line()
    assert decode_event(encode(told)) == told


@pytest.mark.parametrize(
    "code",
    [
        "class E(Exception):\n  def __str__(self): raise RuntimeError\nraise E",
        "def f():\n  class A:\n    def __repr__(self): return 5\n  a = A()\n  1/0\nf()",
        "def f():\n  class A:\n    def __repr__(self): raise KeyError\n  a = [A()]\n  1/0\nf()",
        "def f():\n  a = []\n  a.append(a)\n  1/0\nf()",
        "def f():\n  a = '\\ud800'\n  raise ValueError(a)\nf()",
        "def f(n):\n  f(n + 1)\nf(0)",
        "def f():\n  a = 'x' * 10**7\n  b = list(range(10**6))\n  raise ValueError(a)\nf()",
        "compile('a b', '\\x1b[31m', 'exec')",
        "import sys\nsys.exit(3)",
        "raise KeyboardInterrupt",
        "def f():\n  " + "; ".join(f"v{n} = {n}" for n in range(200)) + "\n  1/0\nf()",
    ],
)
def test_nothing_hostile_breaks_it_and_all_is_bounded(code: str) -> None:
    told = caught(code)
    assert len(told.frames) <= FRAMES
    for frame in told.frames:
        assert len(frame.values) <= LOCALS
        assert all(len(one.value) <= VALUE for one in frame.values)
    assert len(encode(told)) < 1 << 20
    assert "\x1b" not in page(told).decode()
    assert told.line()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("password", "hunter2"),
        ("db_passwd", "hunter2"),
        ("SECRET_KEY", "hunter2"),
        ("token", b"hunter2"),
        ("settings", {"api_key": "hunter2", "other": [{"password": "hunter2"}]}),
        ("environ", {"HTTP_COOKIE": "hunter2", "HTTP_AUTHORIZATION": "Basic hunter2"}),
        ("text", "User(name='x', password='hunter2')"),
        ("url", "token=hunter2&x=y"),
    ],
)
def test_secrets_are_masked(name: str, value: object) -> None:
    assert "hunter2" not in shown(name, value)
    assert MASK in shown(name, value)


class Text(HTMLParser):
    """Collects the tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)


@given(st.text())
def test_no_message_becomes_markup(text: str) -> None:
    try:
        value = text
        raise ValueError(text, value)
    except ValueError:
        problem = sys.exc_info()[1]
        assert problem is not None
        told = crash(text, problem)
    reader = Text()
    reader.feed(page(told).decode())
    assert reader.tags <= {
        *("html", "meta", "title", "style", "h1", "h2", "p", "code", "pre", "details", "summary"),
        *("span", "table", "tr", "td"),
    }
    decode_event(encode(told))
