"""The client of XML-RPC: against our server, the standard library's, and hostile ones."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
import xmlrpc.client
import xmlrpc.server
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.program import events, run
from workbench.core.endpoint import parse
from workbench.core.events import Done, Failed
from workbench.core.runner import start
from workbench.http.xmlrpc.client import FaultGiven, MethodTold, ValueGiven, Xml, XmlRpc, xml_rpc
from workbench.http.xmlrpc.values import ValueTypeError, as_word, type_of, typed

PATIENCE = 60.0


class Methods:
    """What the standard library's server is asked."""

    def add(self, a: int, b: int) -> int:
        """The sum of two."""
        return a + b

    def echo(self, *values: Any) -> list[Any]:
        return list(values)

    def kinds(self, *values: Any) -> list[str]:
        return [type(one).__name__ for one in values]

    def fails(self) -> None:
        raise ValueError("no, never")


def signature(name: Any) -> list[Any] | str:
    """Of the one method that has one."""
    return [["int", "int", "int"]] if name == "add" else "signatures not supported"


class Quiet(xmlrpc.server.SimpleXMLRPCRequestHandler):
    """Says nothing."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def theirs() -> Iterator[str]:
    """The standard library's server."""
    with xmlrpc.server.SimpleXMLRPCServer(
        ("127.0.0.1", 0), Quiet, allow_none=True, use_builtin_types=True
    ) as server:
        server.register_introspection_functions()
        server.register_multicall_functions()
        server.register_instance(Methods())
        server.register_function(signature, "system.methodSignature")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def told(url: str, *words: str, **more: Any) -> list[Any]:
    """All that a run told, its end last."""
    one = start(xml_rpc, XmlRpc(url=parse(url), words=words, **more), process=False)
    one.wait(PATIENCE)
    batch = one.feed.drain()
    return [*batch.events, batch.ended]


def value(found: list[Any]) -> Any:
    """What the call gave."""
    (one,) = (one for one in found if isinstance(one, ValueGiven))
    return json.loads(one.value)


def test_what_a_server_can_do(theirs: str) -> None:
    found = [one for one in told(theirs) if isinstance(one, MethodTold)]
    assert [one.name for one in found][:2] == ["add", "echo"]
    assert found[0].signatures == (("int", "int", "int"),)
    assert found[0].help == "The sum of two."
    assert "system.multicall" in [one.name for one in found]


def test_arguments_are_of_the_types_of_the_signature(theirs: str, tmp_path: Path) -> None:
    assert value(told(theirs, "add", "1", "2")) == 3
    (tmp_path / "a").write_bytes(b"\x00\xff")
    words = ("5", "-2.5", "true", "five", "[1]", '{"a": 1}', "nil:", "string:5",
             "dateTime.iso8601:2026-11-23T10:00:00", f"base64:@{tmp_path / 'a'}")  # fmt: skip
    assert value(told(theirs, "kinds", *words)) == [
        "int", "float", "bool", "str", "list", "dict", "NoneType", "str", "datetime", "bytes",
    ]  # fmt: skip
    assert value(told(theirs, "echo", *words))[-2:] == ["2026-11-23T10:00:00", "AP8="]


def test_a_word_that_does_not_fit_the_signature_is_not_sent(theirs: str) -> None:
    *_, end = told(theirs, "add", "one", "2")
    assert isinstance(end, Failed)
    assert "'one' is no int" in end.line()


def test_a_fault_is_told_in_words(theirs: str) -> None:
    fault, end = told(theirs, "fails")
    assert isinstance(fault, FaultGiven)
    assert "no, never" in fault.text
    assert isinstance(end, Failed)
    assert end.code == "fault"


def test_several_calls_are_one(theirs: str) -> None:
    found = told(theirs, call=("add 1 2", "echo a 'b c'", "fails"), raw=True)
    values = [json.loads(one.value) for one in found if isinstance(one, ValueGiven)]
    assert values == [3, ["a", "b c"]]
    assert [one.method for one in found if isinstance(one, FaultGiven)] == ["fails"]
    sent = [one.text for one in found if isinstance(one, Xml) and one.side == "client"]
    assert "system.multicall" in sent[-1]
    assert isinstance(found[-1], Failed)


def test_our_own_server_over_a_unix_socket(tmp_path: Path) -> None:
    from tests.cli.program import server

    with server("xmlrpc", f"unix:{tmp_path / 's'}") as place:
        assert value(told(place, "add", "20", "22")) == 42
        names = [one.name for one in told(place) if isinstance(one, MethodTold)]
        assert "system.multicall" in names


@pytest.mark.peer("curl")
def test_the_code_makes_the_same_call(theirs: str) -> None:
    for words in (("add", "1", "2"), ("echo", "ü", '{"a": [1]}'), ()):
        request = XmlRpc(url=parse(theirs), words=words)
        ours = told(theirs, *words)
        done = subprocess.run(
            [sys.executable, "-c", request.as_python()], capture_output=True, text=True, check=True
        )
        made = subprocess.run(["bash", "-c", request.as_shell()], capture_output=True, check=True)
        answer: Any = xmlrpc.client.loads(made.stdout, use_builtin_types=True)[0][0]
        if words:
            assert done.stdout.strip() == str(value(ours))
            assert answer == value(ours)
        else:
            assert [one.name for one in ours if isinstance(one, MethodTold)] == answer
            assert all(f"{name} " in done.stdout for name in answer)


# -- what is no answer -------------------------------------------------------------------------

BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    "<methodResponse><params><param><value>&b;</value></param></params></methodResponse>"
)
HEAD, TAIL = "<methodResponse><params>", "</params></methodResponse>"
ONE = "<param><value>a</value></param>"
ANSWERS = {
    "bomb": (200, BOMB, "document type"),
    "html": (200, "<html><p>hello</html>", "no XML"),
    "empty": (200, "", "no XML"),
    "call": (200, "<methodCall><methodName>a</methodName></methodCall>", "a call, not an answer"),
    "two": (200, f"{HEAD}{ONE}{ONE}{TAIL}", "2 values"),
    "deep": (200, f"{HEAD}<param>{'<value><array><data>' * 200}", "levels"),
    "int": (200, f"{HEAD}<param><value><int>x</int></value></param>{TAIL}", "cannot be read"),
    "gone": (404, "nothing", "status 404"),
}  # fmt: skip


@pytest.fixture(scope="module")
def hostile() -> Iterator[str]:
    """A server that answers what its path names."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, text, _ = ANSWERS[self.path.strip("/")]
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("name", list(ANSWERS))
def test_what_is_no_answer_is_named(hostile: str, name: str) -> None:
    *_, end = told(f"{hostile}/{name}", "method")
    assert isinstance(end, Failed)
    assert ANSWERS[name][2] in end.line()
    *_, end = told(f"{hostile}/{name}")
    assert isinstance(end, Failed)


# -- words -------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.one_of(st.integers(), st.booleans(), st.text(), st.none(), st.floats(allow_nan=False)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(VALUES)
def test_a_value_as_a_word_comes_back(given_value: Any) -> None:
    if isinstance(given_value, str) and "\0" in given_value:
        return
    assert typed(as_word(given_value)) == given_value or given_value != given_value


@given(st.text(max_size=40), st.sampled_from(["", "int", "double", "boolean", "struct", "array",
                                              "dateTime.iso8601", "base64", "string"]))  # fmt: skip
def test_any_word_is_a_value_or_refused(text: str, kind: str) -> None:
    if "@" in text:
        return
    try:
        assert type_of(typed(text, kind))
    except ValueTypeError as problem:
        assert str(problem)  # noqa: PT017 - either is right


def test_a_date_and_bytes_as_words() -> None:
    when = datetime(2026, 11, 23, 10)
    assert typed(as_word(when)) == when
    assert typed(as_word(b"abc")) == b"abc"


def test_the_command_line(theirs: str) -> None:
    done = run("xmlrpc", theirs, "add", "1", "2", "--json")
    first, last = events(done.stdout)
    assert (first["type"], first["kind"], first["value"]) == ("xmlrpc-value", "int", "3")
    assert last["type"] == "done"
    assert run("xmlrpc", theirs, "fails").returncode == 1
    assert isinstance(told(theirs, "add", "1", "2")[-1], Done)
