"""The events of a request with its body kept, not told whole: a screen takes no more at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from workbench.core.events import Note, Progress
from workbench.core.message import Event
from workbench.core.units import amount
from workbench.http.client.events import HttpBody, HttpEnd, HttpHead
from workbench.http.client.meter import Meter
from workbench.http.viewing.kept import KeptBody

TOLD = 2 << 20
"""Bytes of a body that are told all the same."""


def keeping(events: Iterable[Event], body: KeptBody) -> Iterator[Event]:
    """The events, with the body's bytes beyond `TOLD` kept alone and progress in their place."""
    meter = Meter(None)
    try:
        for event in events:
            match event:
                case HttpHead(status=status) if status >= 200:
                    body.begin()
                    meter = Meter(_length(event))
                case HttpEnd():
                    body.finish()
                case HttpBody(data, offset):
                    whole = not body.cut
                    body.write(data)
                    if whole and body.cut:
                        rest = f"{amount(body.size)} of the body are kept, and the rest is not"
                        yield Note(f"{rest}: {body.cut}; download takes it to a file")
                    progress = meter.tick(body.size)
                    if progress is not None:
                        yield Progress(*progress, unit="B")
                    if offset >= TOLD:
                        continue
            yield event
    finally:
        body.finish()


def _length(head: HttpHead) -> int | None:
    """How much is to come, where the head says so and nothing is to be decoded."""
    fields = {name.lower(): value for name, value in head.fields}
    value = fields.get("content-length", "")
    known = value.isascii() and value.isdigit() and len(value) < 19
    return int(value) if known and not head.decoding else None
