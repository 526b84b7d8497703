"""The board of `message`: the tree of its parts, and beside it what the selected one says."""

from __future__ import annotations

import shlex
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from workbench.core.events import Failed
from workbench.core.feed import Batch
from workbench.core.message import Event, encode
from workbench.core.text import safe
from workbench.core.units import amount
from workbench.mail_ftp.message.job import MailBytes, MailSaved, MessageRequest
from workbench.mail_ftp.message.tree import Message, Part, parse
from workbench.ui.panes.boards import RunBoard
from workbench.ui.panes.mail_ftp.messageview import detail_lines, source_lines, text_lines
from workbench.ui.panes.mail_ftp.saveparts import ask_and_save
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.table import Cell, Column, Table
from workbench.ui.widgets.views import Views

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

SHOWN = 8 << 20
"""Bytes of a message that are taken apart on the board."""

COLUMNS = (
    Column("kind", "part", width=18, flex=1),
    Column("length", "size", width=8, align="right"),
)


class MessageBoard(RunBoard):
    """A message that was read, or built: enter on a part reads on in it."""

    DEFAULT_CSS = """
    MessageBoard Table { width: 2fr; height: 1fr; max-width: 48; }
    MessageBoard Vertical { width: 3fr; padding-left: 1; }
    MessageBoard Ring { height: 1fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "view", "view", id="message.view"),
        Binding("a", "attachments", "save parts", id="message.attachments"),
        Binding("s", "send_to", "send to", id="message.send"),
        Binding("y", "copy", "copy", id="message.copy"),
        Binding("e", "export", "export", id="message.export"),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.found: Message | None = None
        self.told: list[Event] = []
        self.last: Event | None = None
        self._path = ""
        self._length = 0
        self._fresh = True
        self._drawn: tuple[Any, str] | None = None

    def compose_body(self) -> ComposeResult:
        """The parts; beside them the views of the selected one."""
        with Horizontal():
            yield Table(COLUMNS, cell=_cell, empty="No part yet.", sorts=False)
            with Vertical():
                yield Views("details", "text", "source")
                yield Ring(empty="Choose a part.")

    @property
    def table(self) -> Table:
        """The parts."""
        return self.query_one(Table)

    @property
    def selected(self) -> Part | None:
        """The part under the cursor."""
        key = self.table.cursor_key
        return self.found.part(str(key)) if self.found is not None and key is not None else None

    @property
    def request(self) -> MessageRequest | None:
        """What runs, or ran last."""
        request = self.run.request if self.run is not None else None
        return request if isinstance(request, MessageRequest) else None

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.found, self.last, self._path, self._length = None, None, "", 0
        self.told = []
        self._fresh, self._drawn = True, None
        self.table.set_rows([])
        self.query_one(Ring).clear()

    def take(self, batch: Batch) -> None:
        """Bring it up to date; once it has ended, take the bytes apart."""
        self.told += batch.events
        if batch.ended is None:
            return
        self.last = batch.ended
        self.told.append(batch.ended)
        request = self.request
        if request is None or isinstance(self.last, Failed):
            return
        data = b"".join(one.data for one in self.told if isinstance(one, MailBytes))
        saved = [one for one in self.told if isinstance(one, MailSaved)]
        self._length = len(data)
        if not data and request.build and saved:
            self._path = saved[-1].path
        elif not data and not request.part:
            self._path = request.source
        if self._path:
            try:
                self._length = Path(self._path).stat().st_size
                with open(self._path, "rb") as file:
                    data = file.read(SHOWN)
            except OSError as problem:
                self.notify(safe(str(problem)), severity="error")
        if request.part:  # decoded: no message of its own, whatever it holds
            self._show_bytes(data, saved)
            return
        self.found = parse(data)
        self.table.set_rows([(one.number, one) for one in self.found.root.walk()])

    def _show_bytes(self, data: bytes, saved: list[MailSaved]) -> None:
        lines = [Line(one.line(), "", one) for one in saved]
        self.query_one(Ring).append(lines + (source_lines(data, len(data)) if data else []))

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        if self.last is not None and self._fresh and self.query_one(Ring).size.width:
            self._fresh = False
            self.query_one(".head", Static).update(safe(self._head()))
            if isinstance(self.last, Failed):
                ring = self.query_one(Ring)
                width = max(20, ring.size.width - 2)
                for words in (self.last.cause, self.last.advice):
                    folded = textwrap.wrap(safe(words), width, break_on_hyphens=False)
                    ring.append([Line(one, "bad", self.last) for one in folded])
        part, views = self.selected, self.query_one(Views)
        if part is None or self.found is None:
            return
        wanted = (part.number, views.active)
        if wanted != self._drawn:
            self._drawn = wanted
            self._draw(self.found, part, views)

    def _head(self) -> str:
        words = f"message {Path(self._path).name}" if self._path else "message"
        if isinstance(self.last, Failed):
            return f"{words}   failed"
        if self.found is None:
            return words
        defects = len(self.found.defects)
        wrong = f"   {defects} wrong" if defects else ""
        cut = f"   only its first {amount(SHOWN)} here" if self._length > SHOWN else ""
        return f"{words}   {amount(self._length)}{wrong}{cut}"

    def _draw(self, found: Message, part: Part, views: Views) -> None:
        ring = self.query_one(Ring)
        ring.clear()
        if views.active == "details":
            lines = detail_lines(found, part)
        elif views.active == "text":
            lines = text_lines(found, part)
        else:
            data = bytes(found.source(part))
            lines = source_lines(data, len(data))
        ring.append(lines)
        ring.action_jump(0)
        views.show(views.active, f"{part.number} " if part.number else "")

    # -- keys ----------------------------------------------------------------------------------

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Enter reads on in the part."""
        event.stop()
        self.query_one(Ring).focus()

    def on_views_chosen(self, message: Views.Chosen) -> None:
        """A view was clicked."""
        message.stop()
        self.query_one(Views).show(message.view, "")

    def action_view(self) -> None:
        """The next view."""
        views = self.query_one(Views)
        views.show(views.next(), "")

    def action_attachments(self) -> None:
        """Save the selected part; with the whole selected, all attachments."""
        found, part = self.found, self.selected
        if found is None or part is None:
            self.notify("choose a part first")
            return
        if self._length > len(found.data):  # shown in part, saved as it is
            found = parse(Path(self._path).read_bytes())
            part = found.part(part.number) or found.root
        if part.number:
            ask_and_save(self, found, [part], part.filename or f"part {part.number}")
        else:
            ask_and_save(self, found, found.attachments())

    def action_send_to(self) -> None:
        """Send what the selected line names, or the message itself, on."""
        from workbench.ui.sendto import offer_lines, text_choices

        line = self.query_one(Ring).cursor_line
        lines = text_choices(line.text) if line is not None else []
        if self._path:
            raw = f"smtp --raw {shlex.quote(self._path)}"
            lines.append((raw, "Mail/FTP: this message, sent as it stands"))
        offer_lines(cast("WorkbenchApp", self.app), lines)

    def action_copy(self) -> None:
        """Copy the selected lines."""
        self.app.copy_to_clipboard(self.query_one(Ring).selected_text())
        self.notify("copied")

    def action_export(self) -> None:
        """Save the message as it stands, or what was told of it."""
        from workbench.ui.export import ask_and_write

        events = [one for one in self.told if not isinstance(one, MailBytes)]
        data = self.found.data if self.found is not None else b""
        formats: dict[str, Any] = {".jsonl": lambda: [encode(one) for one in events]}
        name = "message.jsonl"
        if data and self._length <= SHOWN:
            formats = {".eml": lambda: data.removesuffix(b"\n").split(b"\n"), **formats}
            name = "message.eml"
        ask_and_write(cast("WorkbenchApp", self.app), name, formats)


def _cell(row: Any, key: str, width: int) -> Cell:
    part: Part = row
    if key == "length":
        return amount(part.size)
    if not part.number:
        return safe(part.type)
    depth = part.number.count(".") + 1
    name = f"{part.filename}  " if part.filename else ""
    return safe(f"{' ' * min(depth, 6)}{part.number}  {name}{part.type}")
