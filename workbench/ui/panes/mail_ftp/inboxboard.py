"""The board of `inbox`: messages above, the selected one below, as it is read and as it came."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from workbench.core.events import Failed
from workbench.core.feed import Batch
from workbench.core.message import Event, encode
from workbench.core.text import safe
from workbench.core.units import amount
from workbench.mail_ftp.inbox_job import Gone, Listed
from workbench.mail_ftp.message.tree import parse
from workbench.ui.panes.boards import RunBoard
from workbench.ui.panes.mail_ftp.messageview import parsed_lines, source_lines
from workbench.ui.panes.mail_ftp.saveparts import ask_and_save
from workbench.ui.widgets.filterline import FilterLine
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.table import Cell, Column, Table
from workbench.ui.widgets.views import Views

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

SHOWN = 8 << 20
"""Bytes of a message that are taken apart here; `message FILE` takes all of it."""

COLUMNS = (
    Column("uid", "uid", width=5, align="right", priority=2),
    Column("arrived", "came", width=8),
    Column("sender", "from", width=12, flex=1, most=32),
    Column("to", "to", width=10, flex=1, most=32, priority=1),
    Column("subject", "subject", width=16, flex=3),
    Column("length", "size", width=8, align="right"),
)


class InboxBoard(RunBoard):
    """A list that follows the inbox, and what the message under the cursor says."""

    DEFAULT_CSS = """
    InboxBoard Table { height: 2fr; min-height: 5; }
    InboxBoard Ring { height: 3fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "view", "source", id="inbox.view"),
        Binding("a", "attachments", "save parts", id="inbox.attachments"),
        Binding("slash", "filter", "filter", id="inbox.filter"),
        Binding("s", "send_to", "send to", id="inbox.send"),
        Binding("y", "copy", "copy", id="inbox.copy"),
        Binding("e", "export", "export", id="inbox.export"),
    ]

    settles = True

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.rows: dict[int, Listed] = {}
        self.last: Event | None = None
        self._version = self._drawn = 0
        self._shown: tuple[str, str] | None = None
        self._data = b""

    def compose_body(self) -> ComposeResult:
        """The list, the views, the message."""
        empty = "No message has come yet. Start serve smtp, and send it one: smtp."
        yield Table(COLUMNS, cell=_cell, empty=empty, id="messages")
        yield FilterLine()
        yield Views("message", "source")
        yield Ring(empty="Choose a message above.")

    @property
    def table(self) -> Table:
        """The messages."""
        return self.query_one("#messages", Table)

    @property
    def focusable_view(self) -> Widget:
        """The list."""
        return self.table

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.rows, self.last, self._shown = {}, None, None
        self._version += 1
        self.table.set_rows([])
        self.query_one(Ring).clear()

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in batch.events:
            match event:
                case Listed():
                    self.rows[event.uid] = event
                case Gone():
                    self.rows.pop(event.uid, None)
        if batch.ended is not None:
            self.last = batch.ended
        self._version += 1

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        if self._version != self._drawn:
            self._drawn = self._version
            self.table.set_rows(sorted(self.rows.items(), reverse=True))
            self.query_one(".head", Static).update(safe(self._head()))
        one = self.selected
        views = self.query_one(Views)
        wanted = (one.path, views.active) if one is not None else None
        if wanted != self._shown:
            self._shown = wanted
            self._draw(one)

    def _head(self) -> str:
        count = len(self.rows)
        text = f"inbox   {count:,} message{'' if count == 1 else 's'}"
        if isinstance(self.last, Failed):
            return f"{text}   {self.last.line()}"
        return f"{text}   {'ended' if self.last is not None else 'follows   x stops'}"

    def _draw(self, one: Listed | None) -> None:
        ring, views = self.query_one(Ring), self.query_one(Views)
        ring.clear()
        if one is None:
            views.show(views.active, "")
            return
        try:
            with open(one.path, "rb") as file:
                self._data = file.read(SHOWN)
        except OSError:
            ring.append([Line("it is not there any more", "warn")])
            return
        if views.active == "source":
            lines = source_lines(self._data, one.length)
        else:
            lines = parsed_lines(self._data)
            if one.length > len(self._data):
                lines.insert(0, Line(f"only its first {amount(SHOWN)} are shown", "warn"))
        ring.append(lines)
        ring.action_jump(0)
        views.show(views.active, f"{Path(one.path).name[:40]} ")

    @property
    def selected(self) -> Listed | None:
        """The message under the cursor."""
        key = self.table.cursor_key
        return self.rows.get(key) if isinstance(key, int) else None

    # -- keys ----------------------------------------------------------------------------------

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Enter reads on in the message."""
        event.stop()
        self.query_one(Ring).focus()

    def on_views_chosen(self, message: Views.Chosen) -> None:
        """A view was clicked."""
        self.query_one(Views).show(message.view, "")

    def action_view(self) -> None:
        """The other view."""
        views = self.query_one(Views)
        views.show(views.next(), "")

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        """Only the messages that fit."""
        self.table.filter_text = event.text

    def action_filter(self) -> None:
        """Filter the list."""
        self.query_one(FilterLine).open()

    def action_attachments(self) -> None:
        """Ask for a folder, and save the attachments there."""
        one = self.selected
        if one is None:
            return
        found = parse(Path(one.path).read_bytes() if one.length > len(self._data) else self._data)
        ask_and_save(self, found, found.attachments())

    def action_send_to(self) -> None:
        """Send the message on, or what the selected line of it names."""
        from workbench.ui.sendto import offer_lines, text_choices

        one, ring = self.selected, self.app.focused
        lines = []
        if one is not None:
            lines.append((f"message {shlex.quote(one.path)}", "Tools: this message, taken apart"))
        if isinstance(ring, Ring) and ring.cursor_line is not None:
            lines += text_choices(ring.cursor_line.text)
        offer_lines(cast("WorkbenchApp", self.app), lines)

    def action_copy(self) -> None:
        """Copy the selected lines of the message, or the file's name."""
        ring, one = self.query_one(Ring), self.selected
        text = ring.selected_text() if ring.has_focus else one.path if one is not None else ""
        self.app.copy_to_clipboard(text)
        self.notify("copied")

    def action_export(self) -> None:
        """Save the message as it came, or the list."""
        from workbench.ui.export import ask_and_write

        events, data = list(self.rows.values()), self._data
        formats = {
            ".eml": lambda: data.removesuffix(b"\n").split(b"\n"),
            ".jsonl": lambda: [encode(event) for event in events],
        }
        ask_and_write(cast("WorkbenchApp", self.app), "message.eml", formats)


def _cell(row: Any, key: str, width: int) -> Cell:
    one: Listed = row
    if key == "arrived":
        return time.strftime("%H:%M:%S", time.localtime(one.arrived))
    if key == "length":
        return amount(one.length)
    return safe(str(getattr(one, key)))
