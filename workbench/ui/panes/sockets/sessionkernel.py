"""Beside a session's transcript: what the kernel knows of its socket over time, and its options."""

from __future__ import annotations

from collections import deque
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static

from workbench.core.text import safe
from workbench.core.units import amount, duration
from workbench.sockets.kernel import KernelView
from workbench.sockets.options import OptionValue
from workbench.ui.widgets.spark import sparkline
from workbench.ui.widgets.table import Cell, Column, Table

HISTORY = 240
"""Views that are kept to draw from."""

LABEL = 26
"""Cells before a picture."""


class KernelStrip(Static):
    """A few lines: state and counts, then each figure with its line over time."""

    DEFAULT_CSS = """
    KernelStrip { height: auto; background: $surface; display: none; }
    """

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._views: deque[KernelView] = deque(maxlen=HISTORY)
        self._drawn = ""

    def begin(self) -> None:
        """Forget what was of another socket."""
        self._views.clear()

    def take(self, view: KernelView) -> None:
        """A new view; drawn with the next frame."""
        self._views.append(view)

    def pulse(self) -> None:
        """Draw what is new."""
        if self.display:
            text = "\n".join(self._lines(max(20, self.size.width)))
            if text != self._drawn:
                self._drawn = text
                self.update(text)

    def _lines(self, width: int) -> list[str]:
        if not self._views:
            return ["the kernel's view comes once there is a socket"]
        last = self._views[-1]
        info = last.tcp
        lines = []
        if info is not None and info.state == "LISTEN":
            # Of a listener tcpi_unacked is the queue of those to be accepted (tcp_get_info).
            lines.append(f"LISTEN, {info.unacked:,} wait to be accepted; ^g looks at a peer")
        elif info is not None:
            limit = "not set" if info.slow_start_threshold is None else info.slow_start_threshold
            state = "closed" if info.state == "UNCONN" else info.state
            lines.append(
                f"{state}, {info.recovery}; ssthresh {limit}; sent again {info.total_retransmits}"
            )
            lines += [
                self._line(
                    f"rtt {duration(info.rtt)} ±{duration(info.rtt_variance)}",
                    [one.tcp.rtt if one.tcp else 0.0 for one in self._views],
                    width,
                ),
                self._line(
                    f"cwnd {info.congestion_window} x {info.send_mss}",
                    [one.tcp.congestion_window if one.tcp else 0 for one in self._views],
                    width,
                ),
                self._line(
                    f"delivers {amount(info.delivery_rate)}/s",
                    [one.tcp.delivery_rate if one.tcp else 0 for one in self._views],
                    width,
                ),
            ]
        elif last.dropped:
            lines.append(f"{last.dropped:,} datagrams dropped: the receive buffer was full")
        room = f" of {amount(last.receive_buffer)}" if last.receive_buffer else ""
        lines += [
            self._line(
                f"send queue {amount(last.send_queue)}",
                [one.send_queue for one in self._views],
                width,
            ),
            self._line(
                f"recv queue {amount(last.receive_queue)}{room}",
                [one.receive_queue for one in self._views],
                width,
            ),
        ]
        return lines

    def _line(self, label: str, values: list[float] | list[int], width: int) -> str:
        room = width - LABEL - 1
        return f"{label[:LABEL]:<{LABEL}} {sparkline(values, room)}" if room > 4 else label


class OptionsView(Vertical):
    """The socket options of a session: a table to read, filter and set from."""

    DEFAULT_CSS = """
    OptionsView { height: 1fr; display: none; }
    OptionsView Table { height: 1fr; }
    OptionsView .about { height: auto; min-height: 2; max-height: 4; padding: 0 1;
        background: $surface; }
    """

    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("name", "option", width=23),
        Column("value", "value", width=9, flex=1, most=20, align="right"),
        Column("meaning", "meaning", width=20, flex=3, priority=1),
    )

    class Wanted(Message):
        """The user wants to set this option."""

        def __init__(self, option: OptionValue) -> None:
            super().__init__()
            self.option = option

    def compose(self) -> ComposeResult:
        """The table, and all that is known of the selected row."""
        yield Table(self.COLUMNS, cell=_cell, empty="The options come once there is a socket.")
        yield Static("", classes="about", markup=False)

    def show(self, options: tuple[OptionValue, ...]) -> None:
        """Show these."""
        table = self.query_one(Table)
        table.set_rows([(one.name, one) for one in options])
        self._tell(table.cursor_key, {one.name: one for one in options})

    def on_table_highlighted(self, event: Table.Highlighted) -> None:
        """Tell more of the row."""
        event.stop()
        self._tell(event.key, {event.key: event.row} if event.row else {})

    def _tell(self, key: Any, rows: dict[Any, OptionValue]) -> None:
        one = rows.get(key)
        how = "" if one is None else "enter sets it" if one.settable else "it can only be read"
        text = "" if one is None else f"{one.meaning}\n{one.page}; {how}; / filters, u goes back"
        self.query_one(".about", Static).update(text)

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Set it."""
        event.stop()
        if event.row is not None and event.row.settable:
            self.post_message(self.Wanted(event.row))


def _cell(row: OptionValue, key: str, _: int) -> Cell:
    if key == "value":
        return safe(row.value)
    if key == "name":
        return row.name if row.settable else (row.name, "dim")
    return row.meaning
