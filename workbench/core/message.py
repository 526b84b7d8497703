"""Messages: frozen dataclasses that cross threads and processes, and their JSON form.

Three kinds stand on this module. An *event* is what a job yields, a *command* is what a running
job is told, a *request* (in `job`) is what starts it. Events and commands carry a type name that
comes first in their JSON object, so that a reader can tell what a line is without parsing it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, dataclass_transform

from workbench.core.endpoint import Endpoint, parse

if TYPE_CHECKING:
    from msgspec.json import Encoder

Channel = Literal["data", "talk", "bytes"]
"""Where a line of an event goes: standard output, standard error, or output byte for byte."""

_PREFIX = b'{"type":"'


@dataclass(frozen=True, slots=True)
class Message:
    """What all messages share: a type name, unique among events and among commands."""

    type: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class Event(Message):
    """Something that happened in a job; `time` is Unix seconds."""

    channel: ClassVar[Channel] = "data"
    coalesce: ClassVar[bool] = False
    """The newest of this type replaces those before it that nobody has read yet."""

    time: float = field(default_factory=time.time, kw_only=True)

    def line(self) -> str:
        """The event as one line for people: by default its fields by name."""
        pairs = (f"{f.name}={getattr(self, f.name)}" for f in fields(self) if f.name != "time")
        return f"{self.type}: {' '.join(pairs)}"

    def size(self) -> int:
        """Roughly how many bytes of memory the event holds."""
        return 256


@dataclass(frozen=True, slots=True)
class Command(Message):
    """Something that a running job is asked to do."""


E = TypeVar("E", bound=type[Event])
C = TypeVar("C", bound=type[Command])

_events: dict[str, type[Event]] = {}
_commands: dict[str, type[Command]] = {}


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def event(name: str, *, channel: Channel = "data", coalesce: bool = False) -> Callable[[E], E]:
    """Declare an event class: make it a frozen dataclass with slots, known by its type name."""

    def declare(cls: E) -> E:
        made: E = dataclass(frozen=True, slots=True)(cls)  # type: ignore[assignment]
        made.type = name
        made.channel = channel
        made.coalesce = coalesce
        _claim(_events, name, made)
        return made

    return declare


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def command(name: str) -> Callable[[C], C]:
    """Declare a command class, as `event` does for events."""

    def declare(cls: C) -> C:
        made: C = dataclass(frozen=True, slots=True)(cls)  # type: ignore[assignment]
        made.type = name
        _claim(_commands, name, made)
        return made

    return declare


def _claim(known: dict[str, Any], name: str, cls: type[Message]) -> None:
    """Enter a class under its name; a name is taken once, but for a module that is reloaded."""
    other = known.get(name)
    if other is not None and (other.__module__, other.__qualname__) != (
        cls.__module__,
        cls.__qualname__,
    ):
        raise ValueError(f"message type {name!r} is taken by {other.__module__}.{other.__name__}")
    known[name] = cls


def event_types() -> dict[str, type[Event]]:
    """Every event class declared so far, by type name."""
    return dict(_events)


def command_types() -> dict[str, type[Command]]:
    """Every command class declared so far, by type name."""
    return dict(_commands)


# -- the JSON form ------------------------------------------------------------------------------


_field_names: dict[type[Message], tuple[str, ...]] = {}


def _names(cls: type[Message]) -> tuple[str, ...]:
    names = _field_names.get(cls)
    if names is None:
        names = _field_names[cls] = tuple(f.name for f in fields(cls))
    return names


def _to_plain(value: Any) -> Any:
    """What msgspec does not know by itself, as text."""
    if isinstance(value, Endpoint):
        return value.reveal()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _from_plain(kind: type[Any], value: Any) -> Any:
    if kind is Endpoint:
        return parse(value)
    if issubclass(kind, Path):
        return kind(value)
    raise TypeError(f"no {kind.__name__} can be made from JSON")


@cache
def _encoder() -> Encoder:
    # A run that prints lines for people needs none: loading it takes 8 ms.
    from msgspec.json import Encoder

    return Encoder(enc_hook=_to_plain)


def to_json(values: dict[str, Any]) -> bytes:
    """A dictionary as one line of JSON, without its newline; bytes become base64.

    msgspec refuses lone surrogates and integers beyond 64 bits; the standard library's encoder,
    slower, takes over for those.
    """
    try:
        return _encoder().encode(values)
    except (UnicodeEncodeError, OverflowError):
        import msgspec

        plain = msgspec.to_builtins(values, enc_hook=_to_plain, str_keys=True)
        return json.dumps(plain, separators=(",", ":")).encode("ascii")


def to_json_once(values: dict[str, Any]) -> bytes:
    """The same for a single one, which is not worth loading msgspec for."""
    try:
        text = json.dumps(
            values, default=_to_plain, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        return text.encode()
    except (TypeError, ValueError):
        return to_json(values)


def from_json(line: bytes | str) -> Any:
    """The value that a line of JSON holds.

    Raises:
        ValueError: the line is not JSON.
    """
    import msgspec

    try:
        try:
            return msgspec.json.decode(line)
        except msgspec.DecodeError:
            return json.loads(line)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def encode(message: Event | Command) -> bytes:
    """A message as one line of JSON, its type first."""
    values: dict[str, Any] = {"type": message.type}
    if isinstance(message, Event):
        values["time"] = message.time
    for name in _names(type(message)):
        values[name] = getattr(message, name)
    return to_json(values)


def build(cls: type[Any], values: dict[str, Any]) -> Any:
    """An instance of a message or request class from its JSON object.

    Raises:
        ValueError: a value does not fit its field; the message says which.
    """
    import msgspec

    try:
        return msgspec.convert(values, cls, dec_hook=_from_plain)
    except msgspec.ValidationError as problem:
        raise ValueError(f"{cls.__name__}: {problem}") from None


def type_of(line: bytes) -> str:
    """The type name at the head of an encoded message, read without parsing the rest."""
    if not line.startswith(_PREFIX):
        return ""
    end = line.find(b'"', len(_PREFIX))
    return line[len(_PREFIX) : end].decode("ascii", "replace") if end > 0 else ""


def decode_event(line: bytes | str) -> Event:
    """The event that a line of JSON holds.

    Raises:
        ValueError: not JSON, of no known type, or a field does not fit.
    """
    return _decode(_events, line)  # type: ignore[no-any-return]


def decode_command(line: bytes | str) -> Command:
    """The command that a line of JSON holds.

    Raises:
        ValueError: not JSON, of no known type, or a field does not fit.
    """
    return _decode(_commands, line)  # type: ignore[no-any-return]


def _decode(known: dict[str, Any], line: bytes | str) -> Any:
    values = from_json(line)
    if not isinstance(values, dict):
        raise ValueError("a message is a JSON object")
    cls = known.get(str(values.pop("type", "")))
    if cls is None:
        raise ValueError("a message of unknown type")
    return build(cls, values)
