"""A request told back to its sender as JSON."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs

from workbench.http.exchange import Exchange

FIELDS_LIMIT = 1_000


def describe(exchange: Exchange, body: bytes, length: int) -> bytes:
    """The JSON text: what was asked, by whom, with which fields and which content.

    Args:
        body: the content, or its first bytes where it is long.
        length: bytes of the content in all.
    """
    head = exchange.head
    path, _, query = head.target.decode("latin-1").partition("?")
    values: dict[str, Any] = {
        "method": head.method,
        "target": head.target.decode("latin-1"),
        "path": path,
        "args": _form(query),
        "version": f"HTTP/1.{head.minor}",
        "headers": _headers(head.headers),
        "peer": exchange.peer,
        "length": length,
    }
    try:
        values["data"] = body.decode()
    except UnicodeDecodeError:
        values["base64"] = base64.b64encode(body).decode("ascii")
    if len(body) < length:
        values["left_out"] = length - len(body)
    elif body:
        kind = (head.get(b"content-type") or b"").partition(b";")[0].strip().lower()
        if kind == b"application/json" or kind.endswith(b"+json"):
            values["json"] = _json(body)
        elif kind == b"application/x-www-form-urlencoded":
            values["form"] = _form(body.decode("latin-1"))
    return json.dumps(values, ensure_ascii=False, indent=2).encode("utf-8", "replace") + b"\n"


def _headers(headers: tuple[tuple[bytes, bytes], ...]) -> dict[str, str | list[str]]:
    """Values by name as it came; a list where a field has come more than once."""
    found: dict[str, str | list[str]] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("utf-8", "replace")
        before = found.get(name)
        if before is None:
            found[name] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            found[name] = [before, value]
    return found


def _form(text: str) -> dict[str, str | list[str]]:
    try:
        pairs = parse_qs(text, keep_blank_values=True, max_num_fields=FIELDS_LIMIT)
    except ValueError:
        return {}
    return {name: values[0] if len(values) == 1 else values for name, values in pairs.items()}


def _json(body: bytes) -> Any:
    try:
        value = json.loads(body)
        json.dumps(value)  # what is nested deep may be read and yet not be written
        return value
    except (ValueError, RecursionError):
        return None
