"""Export of an exchange: its body, all that was told, HAR; its request as a file or as code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.core.message import Event, encode
from workbench.http.client.events import HttpBody, HttpEnd
from workbench.http.client.job import Http
from workbench.http.collections.composing import from_http, to_wanted
from workbench.http.collections.document import written
from workbench.http.interchange.har import har_document, posted_by
from workbench.ui.export import Lines, ask_and_write
from workbench.ui.panes.http.exchange import Exchange

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

PIECE = 1 << 20
HAR_MOST = 16 << 20
"""Bytes of a body that HAR takes, which holds it as one text."""


def export(app: WorkbenchApp, one: Exchange) -> None:
    """Ask for a file; its ending says what is written."""
    request = one.run.request
    if not isinstance(request, Http):
        return

    formats: dict[str, Lines] = {
        ".body": lambda: _body(one),
        ".jsonl": lambda: [encode(event) for event in one.events],
        ".har": lambda: [har_document(told(one), posted_by(request))],
        ".http": lambda: [written(to_wanted(from_http(request))).rstrip("\n").encode()],
        ".py": lambda: [request.as_python().rstrip("\n").encode()],
        ".sh": lambda: [request.as_shell().encode()],
    }
    ask_and_write(app, f"answer-{one.key}.body", formats)


def told(one: Exchange) -> Iterator[Event]:
    """Its events with the body, as far as HAR takes it, before the end of the last response."""
    ends = [at for at, event in enumerate(one.events) if isinstance(event, HttpEnd)]
    at = ends[-1] if ends else len(one.events)
    yield from one.events[:at]
    body = one.kept.read(0, HAR_MOST) if one.kept is not None else bytes(one.body)
    if body:
        yield HttpBody(body, 0)
    yield from one.events[at:]


def _body(one: Exchange) -> Iterator[bytes]:
    """The body, whole where it is kept."""
    if one.kept is None:
        yield bytes(one.body)
        return
    at = 0
    while piece := one.kept.read(at, PIECE):
        yield piece
        at += len(piece)
