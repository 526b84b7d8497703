"""The board of `capture`: packets as they pass, and the selected one taken apart."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from workbench.core.events import Done, Failed, Note
from workbench.core.feed import Batch
from workbench.core.message import Event, encode
from workbench.core.text import hexdump, safe
from workbench.core.units import amount
from workbench.sockets.capture.decode import decode
from workbench.sockets.capture.job import Captured, Capturing, clock
from workbench.ui.panes.boards import RunBoard
from workbench.ui.widgets.filterline import FilterLine
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.table import Cell, Column, Table

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

KEPT = 5_000
KEPT_BYTES = 32 << 20

COLUMNS = (
    Column("number", "#", width=5, align="right"),
    Column("stamp", "time", width=12, priority=2),
    Column("source", "source", width=15, flex=2, most=45),
    Column("target", "target", width=15, flex=2, most=45),
    Column("protocol", "what", width=6),
    Column("length", "bytes", width=7, align="right", priority=1),
    Column("words", "says", width=12, flex=3, priority=1),
)


class CaptureBoard(RunBoard):
    """The newest packets in a table; below, the fields of the selected one and where they stand."""

    DEFAULT_CSS = """
    CaptureBoard Table { height: 3fr; min-height: 4; }
    CaptureBoard Ring { height: 2fr; border-top: solid $panel; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", id="capture.filter"),
        Binding("space", "hold", "hold", id="capture.hold"),
        Binding("y", "copy", "copy", id="capture.copy"),
        Binding("e", "export", "export", id="capture.export"),
    ]

    settles = True

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.packets: deque[Captured] = deque()
        self.held: list[Captured] | None = None
        """What is shown while the table is held still; the packets go on behind it."""
        self.told: Capturing | None = None
        self.note = ""
        self.last: Event | None = None
        self.dropped = 0
        self._bytes = 0
        self._fresh = True
        self._open: Captured | None = None

    def compose_body(self) -> ComposeResult:
        """The packets, the fields."""
        yield FilterLine()
        yield Table(COLUMNS, cell=_cell, empty="No packet yet.", id="packets")
        yield Ring()

    @property
    def table(self) -> Table:
        """The packets, the newest first."""
        return self.query_one("#packets", Table)

    @property
    def ring(self) -> Ring:
        """The fields of the selected packet."""
        return self.query_one(Ring)

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.packets.clear()
        self.held = self.told = self.last = self._open = None
        self.note, self.dropped, self._bytes, self._fresh = "", 0, 0, True
        self.table.set_rows([])
        self.ring.clear()

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in [*batch.events, *([batch.ended] if batch.ended is not None else [])]:
            match event:
                case Captured():
                    self.packets.append(event)
                    self._bytes += event.size()
                case Capturing():
                    self.told = event
                case Note():
                    self.note = event.text
                case Done() | Failed():
                    self.last = event
        while len(self.packets) > KEPT or self._bytes > KEPT_BYTES:
            self._bytes -= self.packets.popleft().size()
        self.dropped += batch.dropped
        self._fresh = True

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        if not self._fresh:
            return
        self._fresh = False
        shown = self.packets if self.held is None else self.held
        self.table.set_rows([(one.number, one) for one in reversed(shown)])
        self.query_one(".head", Static).update(safe(self._head()))

    def _head(self) -> str:
        if self.last is not None:
            return f"capture   {self.last.line()}"
        parts = [self.note or "capture"]
        if self.told is not None:
            one = self.told
            parts.append(f"{one.packets:,} packets  {amount(one.octets)}  {one.rate:,.0f}/s")
            parts += [f"{one.lost:,} lost"] * bool(one.lost)
        parts += [f"{self.dropped:,} not shown"] * bool(self.dropped)
        parts.append("held: space goes on" if self.held is not None else "x stops")
        return "   ".join(parts)

    # -- keys ----------------------------------------------------------------------------------

    def on_table_highlighted(self, event: Table.Highlighted) -> None:
        """Take another one apart."""
        event.stop()
        self._show(event.row)

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Go on to its fields."""
        event.stop()
        self.ring.focus()

    def _show(self, packet: Captured | None) -> None:
        if packet is self._open:
            return
        self._open = packet
        self.ring.clear()
        if packet is not None:
            self.ring.append(list(packet_lines(packet)))
            self.ring.action_jump(0)

    def action_hold(self) -> None:
        """Hold the table still to read it, or let it go on; nothing is lost meanwhile."""
        self.held = list(self.packets) if self.held is None else None
        self._fresh = True

    def action_filter(self) -> None:
        """Type a filter over what is shown; the kernel's own is an option of the job."""
        self.query_one(FilterLine).open()

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        """Filter the packets."""
        event.stop()
        self.table.filter_text = event.text

    def on_filter_line_left(self, event: FilterLine.Left) -> None:
        """Back to the packets."""
        event.stop()
        self.table.focus()

    def action_copy(self) -> None:
        """Copy the fields of the packet that is open, or the lines selected of them."""
        text = self.ring.selected_text() if self.ring.has_focus else ""
        if not text and self._open is not None:
            text = "\n".join(line.text for line in packet_lines(self._open))
        self.app.copy_to_clipboard(text)
        self.notify("copied")

    def action_export(self) -> None:
        """Save what is kept as pcapng, or as JSON lines."""
        from workbench.sockets import pcapng
        from workbench.ui.export import ask_and_write

        kept = list(self.packets)

        def packets() -> Iterator[bytes]:
            yield pcapng.begin()
            numbers: dict[tuple[int, str], int] = {}
            for one in kept:
                key = (one.link, one.interface)
                if key not in numbers:
                    numbers[key] = len(numbers)
                    yield pcapng.interface(one.link, one.interface)
                number, length = numbers[key], one.length
                yield pcapng.packet(
                    one.stamp, one.data, length=length, number=number, sent=one.sent
                )

        formats: dict[str, Any] = {".pcapng": packets, ".jsonl": lambda: map(encode, kept)}
        ask_and_write(cast("WorkbenchApp", self.app), "capture.pcapng", formats)


def packet_lines(packet: Captured) -> Iterator[Line]:
    """A packet taken apart: its layers with their fields, each with its bytes, and all in hex."""
    found = decode(packet.data, packet.link)
    where = f" on {packet.interface}" if packet.interface else ""
    cut = f", {len(packet.data):,} captured" if len(packet.data) < packet.length else ""
    yield Line(safe(f"#{packet.number}{where}: {packet.length:,} bytes{cut}"), "dim", packet)
    for layer in found.layers:
        yield Line(
            f"{layer.name} ({layer.end - layer.start} bytes from {layer.start})", "good", packet
        )
        for one in layer.fields:
            raw = packet.data[one.start : one.end]
            shown = raw[:8].hex(" ") + (" …" if len(raw) > 8 else "")
            yield Line(safe(f"  {one.name:<16}{one.value:<30} {one.start:>4}: {shown}"), "", packet)
    if found.payload < len(packet.data):
        yield Line(f"payload ({len(packet.data) - found.payload} bytes)", "good", packet)
        for text in hexdump(packet.data[found.payload :], found.payload):
            yield Line(text, "in", packet)


def _cell(row: Captured, column: str, _: int) -> Cell:
    match column:
        case "stamp":
            return clock(row.stamp, 3)
        case "protocol":
            return safe(row.protocol), "out" if row.sent else "in" if row.sent is False else ""
        case _:
            return safe(str(getattr(row, column)), limit=200)
