"""Calls of XML-RPC as bytes, honest and hostile."""

from __future__ import annotations

import xmlrpc.client
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.http.xmlrpc.wire import DEPTH, CallError, answer, fault, read_call

VALUES: list[Any] = [
    (1, -(2**31), 2**31 - 1, True, 1.5, "é", "", b"\x00\xff", None),
    (datetime(2026, 11, 23, 4, 5, 6), [1, [2]], {"a": {"b": []}}),
    (),
]


@pytest.mark.parametrize("values", VALUES)
def test_a_call_is_read_as_it_was_meant(values: tuple[Any, ...]) -> None:
    data = xmlrpc.client.dumps(values, "some.method", allow_none=True).encode()
    assert read_call(data) == ("some.method", values)
    got, _ = xmlrpc.client.loads(answer(list(values)), use_builtin_types=True)
    assert got == (list(values),)


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]><methodCall><methodName>&j;</methodName></methodCall>"
)
OUTSIDE = (
    '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    "<methodCall><methodName>&a;</methodName></methodCall>"
)
CALL = (
    "<methodCall><methodName>echo</methodName>"
    "<params><param><value>{}</value></param></params></methodCall>"
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "document type"),
        (OUTSIDE, "document type"),
        (CALL.format("<array><data><value>" * DEPTH), "levels"),
        (CALL.format("<int>x</int>"), "cannot be read"),
        (CALL.format("<int>" + "9" * 10_000 + "</int>"), "cannot be read"),
        (CALL.format("<dateTime.iso8601>yesterday</dateTime.iso8601>"), "cannot be read"),
        ("", "no XML"),
        ("<methodCall>", "no XML"),
        ("<methodCall></methodCall>", "names no method|cannot be read"),
        ("<a/>", "names no method|cannot be read"),
        (fault(1, "x").decode(), "an answer, not a call"),
    ],
)
def test_what_is_no_call(text: str, words: str) -> None:
    with pytest.raises(CallError, match=words):
        read_call(text.encode())


@pytest.mark.parametrize("value", ["\x00", "\ud800", 2**31, object(), {1: 2}])
def test_what_cannot_be_carried(value: Any) -> None:
    with pytest.raises((TypeError, OverflowError, ValueError)):
        answer(value)


def test_what_holds_itself_cannot_be_carried() -> None:
    around: list[Any] = []
    around.append(around)
    with pytest.raises((TypeError, ValueError)):
        answer(around)


TAGS = [
    *("methodCall", "methodName", "params", "param", "value", "int", "string", "array", "data"),
    *(
        "struct",
        "member",
        "name",
        "base64",
        "dateTime.iso8601",
        "boolean",
        "double",
        "nil",
        "fault",
    ),
]


@given(
    st.binary()
    | st.lists(
        st.sampled_from(TAGS).flatmap(lambda tag: st.sampled_from([f"<{tag}>", f"</{tag}>", "1"]))
    ).map(lambda parts: "".join(parts).encode())
    | st.recursive(
        st.text(alphabet="01a"),
        lambda inner: st.tuples(st.sampled_from(TAGS), st.lists(inner, max_size=4)).map(
            lambda one: f"<{one[0]}>{''.join(one[1])}</{one[0]}>"
        ),
    ).map(lambda text: f"<methodCall>{text}</methodCall>".encode())
)
def test_nothing_else_comes_of_hostile_bytes(data: bytes) -> None:
    try:
        name, values = read_call(data)
    except CallError:
        return
    assert name
    assert isinstance(values, tuple)
