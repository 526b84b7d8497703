"""The small parts of the client: waits, times, fields, what is kept, what is typed."""

from __future__ import annotations

import os
import select
import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.http.client.peers import WAIT, answering, fetch, listening
from workbench.core.endpoint import parse
from workbench.core.events import Cancel
from workbench.core.failure import JobError
from workbench.core.scope import Cancelled, Scope
from workbench.http.client import pool as pool_module
from workbench.http.client.building import Items, http_url, pins_of, with_query
from workbench.http.client.client import Client, ClientOptions
from workbench.http.client.message import (
    Fields,
    HttpRequest,
    ResponseHead,
    check_method,
    host_of,
    typed_field,
    wire_target,
)
from workbench.http.client.meter import Meter
from workbench.http.client.phases import Phases
from workbench.http.client.waiting import Waiting

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


# -- waits --------------------------------------------------------------------------------------


def test_a_wait_ends_with_what_is_ready_with_the_time_and_with_a_cancel() -> None:
    scope = Scope(WAIT)
    waiting = Waiting(scope)
    read, write = os.pipe()
    assert waiting.wait({read: select.POLLIN}, 0.0) == {}
    os.write(write, b"x")
    assert waiting.wait({read: select.POLLIN}, WAIT) == {read: select.POLLIN}
    os.read(read, 1)
    thread = threading.Timer(0.02, scope.cancel)
    thread.start()
    with pytest.raises(Cancelled):
        waiting.wait({read: select.POLLIN}, None)
    thread.join()
    scope.close()
    os.close(read)
    os.close(write)


def test_a_command_that_waits_disturbs_no_wait_and_hides_no_cancel() -> None:
    scope = Scope(WAIT)
    assert scope.tell(Cancel())
    waiting = Waiting(scope)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert waiting.wait({ours.fileno(): select.POLLIN}, 0.01) == {}
        theirs.send(b"x")
        assert waiting.wait({ours.fileno(): select.POLLIN}, WAIT)
        ours.recv(1)
        thread = threading.Timer(0.02, scope.cancel)
        thread.start()
        with pytest.raises(Cancelled):
            waiting.wait({ours.fileno(): select.POLLIN}, WAIT)
        thread.join()
    scope.close()


# -- times --------------------------------------------------------------------------------------


def test_phases_follow_one_another() -> None:
    phases = Phases()
    for name in ("dns", "connect", "send"):
        phases.begin(name)
    assert phases.running == "send"
    phases.end()
    assert list(phases.as_dict()) == ["dns", "connect", "send"]
    assert phases.took("tls") is None
    assert phases.running == ""


def test_a_meter_reports_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    meter = Meter(1000, 100)
    assert meter.tick(150) is None
    now += 1
    assert meter.tick(600) == (600.0, 1000.0, 500.0)
    assert meter.tick(700) is None
    now += 10
    assert meter.tick(600) is not None
    now += 1
    assert meter.tick(600) == (600.0, 1000.0, 0.0)


# -- values -------------------------------------------------------------------------------------


def test_fields_keep_order_and_case_and_are_found_without_it() -> None:
    fields = Fields([(b"A", b"1"), (b"b", b"2"), (b"a", b"3, X ,,y")])
    assert fields.get(b"a") == b"1"
    assert fields.all(b"A") == [b"1", b"3, X ,,y"]
    assert fields.tokens(b"a") == [b"1", b"3", b"x", b"y"]
    assert list(fields.without(b"A")) == [(b"b", b"2")]
    assert fields.default(b"B", b"x") is fields
    assert fields.plus((b"c", b"")).block() == b"A: 1\r\nb: 2\r\na: 3, X ,,y\r\nc:\r\n"
    assert len({fields, Fields(list(fields))}) == 1
    assert fields[0] == (b"A", b"1")


@given(st.text(max_size=40))
def test_any_text_is_a_field_of_one_line_or_none(text: str) -> None:
    try:
        name, value = typed_field(text)
    except JobError:
        return
    assert b"\n" not in name + value
    assert b"\r" not in name + value
    assert b":" not in name


@given(st.text(max_size=20))
def test_any_text_is_a_method_or_none(text: str) -> None:
    try:
        check_method(text)
    except JobError:
        return
    assert text.isascii()
    assert not set(text) & set(" \r\n\t\0")


def test_targets_and_hosts() -> None:
    assert wire_target(parse("http://a/é?ü=%20#x")) == b"/%C3%A9?%C3%BC=%20"
    assert host_of(parse("http://a:80/")) == b"a"
    assert host_of(parse("https://a:80/")) == b"a:80"
    assert host_of(parse("http://[fe80::1%25lo]:8080/")) == b"[fe80::1]:8080"
    assert host_of(parse("http+unix://%2Fx/")) == b"localhost"


def test_what_is_typed_becomes_a_url() -> None:
    assert str(http_url(parse("unix:/run/x"))) == "http+unix://%2Frun%2Fx/"
    assert str(http_url(parse("127.0.0.1:80"))) == "http://127.0.0.1/"
    assert str(with_query(parse("http://a/?b"), [("c d", "é&")])) == "http://a/?b&c%20d=%C3%A9%26"
    assert pins_of(["A:80:127.0.0.1", "b:443:[::1]"]) == {
        ("a", 80): "127.0.0.1", ("b", 443): "::1",
    }  # fmt: skip


def test_items_are_told_apart() -> None:
    items = Items(["A:b:c=d", "q==x=y", "n=1:2", "j:=[1]", "Empty;", "Gone:"])
    assert items.fields == [(b"A", b"b:c=d"), (b"Empty", b"")]
    assert items.query == [("q", "x=y")]
    assert items.json == {"n": "1:2", "j": [1]}
    assert items.omit == {b"gone"}


def test_a_head_as_lines() -> None:
    head = ResponseHead("1.1", 103, b"Early", Fields([(b"A", b"b")]))
    assert head.lines() == b"HTTP/1.1 103 Early\r\nA: b\r\n"
    assert head.informational
    assert not ResponseHead("1.1", 101, b"", Fields()).informational


# -- what is kept -------------------------------------------------------------------------------


def test_the_pool_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "KEPT", 2)
    scope = Scope(WAIT)
    client = Client(ClientOptions(), scope)
    with (
        listening(answering(OK)) as one,
        listening(answering(OK)) as two,
        listening(answering(OK)) as three,
    ):
        for port in (one, two, three):
            fetch(f"http://127.0.0.1:{port}/", client=client)
        assert len(client.pool) == 2
        client.close()
    assert len(client.pool) == 0
    scope.close()


def test_a_connection_is_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    scope = Scope(WAIT)
    client = Client(ClientOptions(), scope)
    with listening(answering(OK, OK)) as port:
        fetch(f"http://127.0.0.1:{port}/", client=client)
        monkeypatch.setattr(pool_module, "KEPT_FOR", -1.0)
        steps = fetch(f"http://127.0.0.1:{port}/", client=client)
        assert steps.body == b"ok"
        client.close()
    scope.close()


def test_a_request_is_a_value() -> None:
    request = HttpRequest("GET", parse("http://a/"))
    assert request.plus(method="HEAD") == HttpRequest("HEAD", parse("http://a/"))
    assert request.wire_target == b"/"
