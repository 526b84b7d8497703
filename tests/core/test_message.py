"""Messages: every event and command goes through JSON and comes back, and lies about nothing."""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core import strategies
from workbench import catalogue
from workbench.core.endpoint import parse
from workbench.core.events import Cancel, Done, Failed, Note
from workbench.core.message import (
    Event,
    Message,
    build,
    command_types,
    decode_command,
    decode_event,
    encode,
    event,
    event_types,
    from_json,
    to_json,
    type_of,
)
from workbench.sockets.session import Received, Send, SendFile

catalogue.load_all()  # its modules declare what they yield

EVENTS = sorted(event_types().items())
COMMANDS = sorted(command_types().items())
MESSAGES = EVENTS + COMMANDS


def ids(pairs: list[tuple[str, Any]]) -> list[str]:
    return [name for name, _ in pairs]


# -- all of them --------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "cls"), EVENTS, ids=ids(EVENTS))
@given(data=st.data())
def test_every_event_comes_back_from_json(name: str, cls: type[Event], data: st.DataObject) -> None:
    made = data.draw(strategies.instances(cls))
    line = encode(made)
    assert decode_event(line) == made
    assert decode_event(line.decode("utf-8")) == made
    assert b"\n" not in line
    assert type_of(line) == name == made.type


@pytest.mark.parametrize(("name", "cls"), COMMANDS, ids=ids(COMMANDS))
@given(data=st.data())
def test_every_command_comes_back_from_json(name: str, cls: type[Any], data: st.DataObject) -> None:
    made = data.draw(strategies.instances(cls))
    line = encode(made)
    assert decode_command(line) == made
    assert b"\n" not in line
    assert type_of(line) == name == made.type


@pytest.mark.parametrize(("name", "cls"), EVENTS, ids=ids(EVENTS))
@given(data=st.data())
def test_a_script_can_read_every_event(name: str, cls: type[Event], data: st.DataObject) -> None:
    """With nothing but a JSON parser: type and time, bytes as base64."""
    made = data.draw(strategies.instances(cls))
    plain = json.loads(encode(made))
    assert next(iter(plain)) == "type"
    assert plain["type"] == name
    assert plain["time"] == made.time
    for one in dataclasses.fields(made):
        value = getattr(made, one.name)
        if isinstance(value, bytes):
            assert base64.b64decode(plain[one.name], validate=True) == value


@pytest.mark.parametrize(("name", "cls"), EVENTS, ids=ids(EVENTS))
@given(data=st.data())
def test_every_event_has_a_line_and_a_size(
    name: str, cls: type[Event], data: st.DataObject
) -> None:
    made = data.draw(strategies.instances(cls))
    assert isinstance(made.line(), str)
    held = sum(
        len(value)
        for one in dataclasses.fields(made)
        if isinstance(value := getattr(made, one.name), bytes)
    )
    assert made.size() > held


@pytest.mark.parametrize(("name", "cls"), MESSAGES, ids=ids(MESSAGES))
def test_every_message_is_a_frozen_dataclass(name: str, cls: type[Message]) -> None:
    assert dataclasses.is_dataclass(cls)
    assert cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert cls.__doc__
    assert "__slots__" in vars(cls), "a million of them must not take a dictionary each"
    for one in dataclasses.fields(cls):
        made = object.__new__(cls)
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(made, one.name, None)


# -- the JSON form ------------------------------------------------------------------------------


def test_an_event_as_one_line() -> None:
    line = b'{"type":"received","time":1.5,"data":"AP8=","peer":0,"answers":-1,"after":0.0}'
    assert encode(Received(b"\x00\xff", time=1.5)) == line
    assert encode(Cancel()) == b'{"type":"cancel"}'


def test_a_time_is_when_it_was_made() -> None:
    first, second = Note("a"), Note("b")
    assert 0 < first.time <= second.time


@pytest.mark.parametrize("value", ["\ud800", 2**64, -(2**63) - 1, 10**400, {"a": ["\udc80"]}])
def test_what_the_fast_encoder_refuses(value: Any) -> None:
    assert from_json(to_json({"value": value, "data": b"\xff"})) == {"value": value, "data": "/w=="}


def test_paths_and_endpoints() -> None:
    sent = SendFile(Path("/tmp/\udcff.bin"))
    assert decode_command(encode(sent)) == sent
    made = json.loads(to_json({"end": parse("ftp://me:p%40ss@host/a")}))
    assert parse(made["end"]).password == "p@ss", "a child process is told the whole endpoint"


def test_what_has_no_json_form() -> None:
    with pytest.raises(TypeError, match="object"):
        to_json({"value": object()})


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"", "line 1"),
        (b"\xff", "utf-8"),
        (b"[]", "JSON object"),
        (b'"note"', "JSON object"),
        (b"{}", "unknown type"),
        (b'{"type":"nonsense"}', "unknown type"),
        (b'{"type":["note"]}', "unknown type"),
        (b'{"type":"note"}', "Note: .*text"),
        (b'{"type":"note","text":1}', "Note: .*str.*text"),
        (b'{"type":"received","data":"*"}', "Received: .*data"),
        (b'{"type":"progress","done":"much"}', "Progress: .*done"),
        (b'{"type":"send","data":""}', "unknown type"),  # a command is no event
        (b"[" * 100_000, "nested"),
        (b'{"a":' * 100_000, "nested"),
    ],
)
def test_what_is_no_event(line: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        decode_event(line)


@given(st.binary())
def test_bytes_from_anywhere_are_an_event_or_a_value_error(line: bytes) -> None:
    for decode in (decode_event, decode_command):
        try:
            decode(line)
        except ValueError:
            pass
    type_of(line)


def test_an_unknown_field_is_passed_over() -> None:
    """A newer child may say more than this reader knows."""
    assert decode_command(b'{"type":"send","data":"YQ==","more":1}') == Send(b"a")


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (b'{"type":"note","text":""}', "note"),
        (b'{"type":"note', ""),
        (b'{"type": "note"}', ""),
        (b'{"text":"","type":"note"}', ""),
        (b"", ""),
        (b'{"type":"\xff"}', "\ufffd"),
    ],
)
def test_the_type_is_read_from_the_head_of_a_line(line: bytes, name: str) -> None:
    assert type_of(line) == name


def test_build_names_the_class_and_the_field() -> None:
    with pytest.raises(ValueError, match=r"Done: .*took"):
        build(Done, {"took": []})


# -- declaring ----------------------------------------------------------------------------------


def test_a_type_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match=r"'note' is taken by workbench.core.events.Note"):

        @event("note")
        class Other(Event):
            """Another of that name."""

    assert event_types()["note"] is Note


def test_a_module_may_be_loaded_again() -> None:
    def load() -> type[Event]:
        @event("loaded-again")
        class LoadedAgain(Event):
            """Of a module that is loaded twice."""

        return LoadedAgain

    load()
    again = load()
    assert event_types()["loaded-again"] is again


def test_failed_knows_a_cancel() -> None:
    assert Failed("x", "cancelled", "cancelled").cancelled
    assert not Failed("x", "refused", "ECONNREFUSED").cancelled
