"""The board of `http clients`: three clients side by side, or one below the other where narrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.widgets import Static

from workbench.core.events import Done, Failed
from workbench.core.feed import Batch
from workbench.core.text import hexdump, safe
from workbench.http.clients.job import CLIENTS, HttpClientTold, HttpDifference
from workbench.ui.panes.boards import RunBoard
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.views import Views

BESIDE = 100
"""Columns of a screen that has room for three side by side."""

WHAT = 20


class ClientsBoard(RunBoard):
    """What the three do; what differs is marked. Other views have the bytes of each."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "view", "view", id="clients.view"),
        Binding("h", "hex", "hex", show=False, id="clients.hex"),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.told: dict[str, HttpClientTold] = {}
        self.compared: list[HttpDifference] = []
        self.last = ""
        self._view = "compared"
        self._hex = False
        self._changed = True

    def compose_body(self) -> ComposeResult:
        """The comparison, or the bytes of one client."""
        yield Views("compared", *CLIENTS)
        yield Ring(empty="The three take turns.")

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.told, self.compared, self.last = {}, [], ""
        self._changed = True

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in [*batch.events, *([batch.ended] if batch.ended is not None else [])]:
            match event:
                case HttpClientTold():
                    self.told[event.client] = event
                case HttpDifference():
                    self.compared.append(event)
                case Done() | Failed():
                    self.last = event.line()
        self._changed = True

    def on_resize(self, event: Resize) -> None:
        """There may be room for three columns now, or no more."""
        self._changed = True

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        if not self._changed or self.run is None:
            return
        self._changed = False
        text = f"{self.run.request.tried()}   {self.last or 'asking'}"
        self.query_one(".head", Static).update(safe(text, limit=400))
        self.query_one(Views).show(self._view, "h hex" if self._view != "compared" else "v bytes")
        ring = self.query_one(Ring)
        ring.clear()
        ring.append(list(self._lines()))
        ring.action_jump(0)

    def _lines(self) -> Iterator[Line]:
        if self._view != "compared":
            one = self.told.get(self._view)
            yield from _bytes(one, as_hex=self._hex) if one else ()
        elif self.size.width >= BESIDE:
            yield from _beside(self.compared, self.size.width)
        else:
            yield from _below(self.compared)

    def on_views_chosen(self, event: Views.Chosen) -> None:
        """A view was clicked."""
        event.stop()
        self._open(event.view)

    def action_view(self) -> None:
        """The next view."""
        self._open(self.query_one(Views).next())

    def action_hex(self) -> None:
        """The bytes as hex, or as text."""
        self._hex = not self._hex
        self._open(self._view)

    def _open(self, view: str) -> None:
        self._view = view
        self._changed = True
        self.pulse()


def _beside(compared: list[HttpDifference], width: int) -> Iterator[Line]:
    each = (width - WHAT - 4) // 3 - 1
    yield Line(f"  {'':<{WHAT}}" + "".join(f" {_cut(one, each):<{each}}" for one in CLIENTS), "dim")
    for one in compared:
        mark = "!" if one.differs else "="
        cells = "".join(f" {_cut(value, each):<{each}}" for value in one.values)
        text = f"{mark} {_cut(one.what, WHAT):<{WHAT}}{cells}".rstrip()
        yield Line(text, "warn" if one.differs else "dim")


def _below(compared: list[HttpDifference]) -> Iterator[Line]:
    for one in compared:
        if not one.differs:
            yield Line(f"= {one.what}: {one.values[0]}", "dim")
            continue
        yield Line(f"! {one.what}", "warn")
        for client, value in zip(CLIENTS, one.values, strict=True):
            yield Line(f"    {client:<15} {value}")


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _bytes(one: HttpClientTold, *, as_hex: bool) -> Iterator[Line]:
    """What went over each of its connections."""
    for number, sent in enumerate(one.sent):
        answered = one.received[number] if number < len(one.received) else b""
        for arrow, data in ((">", sent), ("<", answered)):
            if as_hex:
                texts = list(hexdump(data))
            else:
                texts = safe(data, keep_newlines=True, limit=None).split("\n")
            for text in texts:
                yield Line(f"{arrow} {text}", "out" if arrow == ">" else "in")
    yield Line(f"raises {one.raised or 'nothing'}", "bad" if one.raised else "good")
