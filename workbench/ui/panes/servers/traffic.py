"""The transcript of one connection of a server, as text or hex."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from workbench.core.text import hexdump, safe
from workbench.core.units import amount
from workbench.servers.events import Traffic
from workbench.sockets.transcript import PIECE_LINES, text_lines
from workbench.ui.panes.servers.board import Server
from workbench.ui.widgets.ring import Line, Ring

EMPTY = """\
Whose transcript? Press enter or t on one of the connections, or on a line of the log.

< is what its peer sends, > what the server answers; h shows it in hex."""
NOTHING = "Nothing has moved on this connection yet, or nothing of it is kept."


class TrafficView(Vertical):
    """Follows the connection that its server follows."""

    DEFAULT_CSS = """
    TrafficView { height: 1fr; }
    TrafficView Ring { height: 1fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("h", "hex", "hex", id="servers.hex"),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._shown: tuple[int, int] = (0, 0)
        self._total = 0
        self.hex = False

    def compose(self) -> ComposeResult:
        """The lines."""
        yield Ring(empty=EMPTY)

    @property
    def ring(self) -> Ring:
        """The lines."""
        return self.query_one(Ring)

    def show(self, server: Server) -> None:
        """Draw what has come since the last frame."""
        shown = (server.key, server.followed)
        kept = server.traffic
        if shown != self._shown or kept.total < self._total:
            self._shown, self._total = shown, 0
            self.ring.clear()
            self.ring.explain(NOTHING if server.followed else EMPTY)
        fresh = min(kept.total - self._total, len(kept.events))
        if fresh:
            events = list(kept.events)[-fresh:]
            self._total = kept.total
            lines = [
                line
                for event in events
                if isinstance(event, Traffic)
                for line in lines_of(event, as_hex=self.hex)
            ]
            self.ring.append(lines)

    def action_hex(self) -> None:
        """Text or hex."""
        self.hex = not self.hex
        self._total = 0
        self.ring.clear()


def lines_of(event: Traffic, *, as_hex: bool) -> Iterator[Line]:
    """A piece of traffic as lines."""
    at = time.strftime("%H:%M:%S", time.localtime(event.at)) + f".{event.at % 1 * 1000:03.0f}"
    mark = "<" if event.direction == "in" else ">"
    if event.left_out:
        yield Line(f"{at} - {amount(event.left_out)} {event.direction} are not kept", "dim", event)
    if event.note:
        yield Line(f"{at} {mark} ({safe(event.note)})", "dim", event)
    lines = hexdump(event.data) if as_hex else text_lines(event.data)
    for text in islice(lines, PIECE_LINES) if event.data else ():
        yield Line(f"{at} {mark} {text}", event.direction, event)
    if event.data and next(lines, None) is not None:
        yield Line(f"{at} - the rest of these {amount(len(event.data))} is not drawn", "dim", event)
