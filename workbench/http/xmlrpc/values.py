"""Values of XML-RPC from what somebody types, by the types of a signature, and as text."""

from __future__ import annotations

import base64
import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

from workbench.core.units import amount

FILE_MOST = 64 << 20
_INTEGERS = ("int", "i4", "i8")
_TRUE = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
TYPES = (*_INTEGERS, "boolean", "string", "double", "dateTime.iso8601", "base64", "struct", "array",
         "nil")  # fmt: skip


class ValueTypeError(ValueError):
    """What was typed is no value of that type; says why."""


def typed(text: str, kind: str = "") -> Any:
    """The value that a word stands for.

    Args:
        kind: its type by the method's signature; "" where none is known. TYPE:TEXT says it in the
            word itself. base64:@FILE and string:@FILE read a file.

    Raises:
        ValueTypeError: it is none of that type.
        OSError: its file cannot be read.
    """
    head, colon, rest = text.partition(":")
    if colon and head in TYPES:
        kind, text = head, rest
    try:
        return _as(kind, text) if kind in TYPES else _guessed(text)
    except ValueError as problem:
        if isinstance(problem, ValueTypeError):
            raise
        raise ValueTypeError(f"{text!r} is no {kind}: {problem}") from None


def _as(kind: str, text: str) -> Any:
    if kind in _INTEGERS:
        return int(text.replace("_", ""))
    match kind:
        case "boolean":
            if text.lower() not in _TRUE:
                raise ValueTypeError(f"{text!r} is no boolean: write true or false")
            return _TRUE[text.lower()]
        case "double":
            return float(text)
        case "dateTime.iso8601":
            return datetime.fromisoformat(text).replace(tzinfo=None)
        case "base64":
            return _file(text) if text.startswith("@") else text.encode()
        case "struct" | "array":
            wanted = dict if kind == "struct" else list
            found = json.loads(text)
            if not isinstance(found, wanted):
                raise ValueTypeError(f"{text!r} is no {kind}: write it as JSON")
            return found
        case "nil":
            return None
        case _:
            return _file(text).decode("utf-8") if text.startswith("@") else text


def _file(text: str) -> bytes:
    with Path(text[1:]).open("rb") as file:
        data = file.read(FILE_MOST + 1)
    if len(data) > FILE_MOST:
        raise ValueTypeError(f"{text[1:]} is larger than {amount(FILE_MOST)}")
    return data


def _guessed(text: str) -> Any:
    """A number, a list, a struct, true, false or null as JSON has them; else the text itself."""
    if text[:1] in "-0123456789[{" or text in ("true", "false", "null"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text


def type_of(value: Any) -> str:
    """The name of a value's type."""
    match value:
        case bool():
            return "boolean"
        case int():
            return "int"
        case float():
            return "double"
        case str():
            return "string"
        case bytes():
            return "base64"
        case datetime() | date():
            return "dateTime.iso8601"
        case dict():
            return "struct"
        case None:
            return "nil"
        case _:
            return "array"


def as_json(value: Any, indent: int | None = None) -> str:
    """A value as JSON: dates as text of ISO 8601, bytes as base64."""

    def plain(one: Any) -> str:
        if isinstance(one, bytes):
            return base64.b64encode(one).decode()
        return one.isoformat() if isinstance(one, datetime) else str(one)

    return json.dumps(value, default=plain, indent=indent, ensure_ascii=False)


def as_word(value: Any) -> str:
    """A value as a word that `typed` reads back."""
    kind = type_of(value)
    if kind == "string":
        looks = _guessed(value) != value or value.partition(":")[0] in TYPES
        return f"string:{value}" if looks else value
    if kind in ("dateTime.iso8601", "base64"):
        text = value.decode("utf-8", "replace") if kind == "base64" else value.isoformat()
        return f"{kind}:{text}"
    return "nil:" if value is None else as_json(value)
