"""The board of `pop3`: what the server holds, the message below, and the dialogue."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from workbench.core.events import Note, Progress
from workbench.core.feed import Batch
from workbench.core.job import Request
from workbench.core.message import Event
from workbench.core.text import safe
from workbench.core.units import amount
from workbench.mail_ftp.headers import who
from workbench.mail_ftp.message.tree import parse
from workbench.mail_ftp.pop3.job import (
    Pop3,
    Pop3Delete,
    Pop3Deleted,
    Pop3Get,
    Pop3Message,
    Pop3Messages,
    Row,
)
from workbench.mail_ftp.saving import Saved
from workbench.ui.panes.mail_ftp import mailkeys
from workbench.ui.panes.mail_ftp.sessionboard import ReadingBoard
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.table import Cell, Column, Table
from workbench.ui.widgets.tones import Tone

TOP = 20
"""Lines of the body that the top of a message shows."""

MESSAGES = (
    Column("number", "no", width=5, align="right"),
    Column("sender", "from", width=12, flex=1),
    Column("subject", "subject", width=16, flex=3),
    Column("size", "size", width=7, align="right"),
    Column("uidl", "identifier", width=12, flex=1, priority=1),
)
_FIELDS = ("From", "To", "Cc", "Subject", "Date")


class Pop3Board(ReadingBoard):
    """A session that stays; what is deleted is gone when it ends."""

    DEFAULT_CSS = """
    Pop3Board Table { height: 2fr; }
    Pop3Board .about { height: 1; background: $surface; padding: 0 1; }
    Pop3Board Ring { height: 3fr; }
    Pop3Board #pop3-talk { display: none; }
    Pop3Board.talk #pop3-talk { display: block; }
    Pop3Board.talk #pop3-text { display: none; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "focus_on('#pop3-messages')", "messages", id="pop3.messages"),
        Binding("t", "focus_on('#pop3-text')", "text", id="pop3.text"),
        Binding("v", "top", "top of it", id="pop3.top"),
        Binding("h", "source", "source", id="pop3.source"),
        Binding("w", "save", "save", id="pop3.save"),
        Binding("D", "delete", "delete", id="pop3.delete"),
        Binding("d", "talk", "dialogue", id="pop3.talk"),
        Binding("q", "end", "end well", id="pop3.end"),
        Binding("k", "tls", "TLS", show=False, id="pop3.tls"),
        Binding("s", "send_to", "send to", show=False, id="pop3.send"),
        Binding("y", "copy", "copy", show=False, id="pop3.copy"),
        Binding("e", "export", "export", show=False, id="pop3.export"),
    ]

    protocol = "pop3"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.clear_values()

    def clear_values(self) -> None:
        """Nothing is known."""
        self.listed: Pop3Messages | None = None
        self.deleted: set[int] = set()
        self.message: Pop3Message | None = None
        self.word = ""
        self.source = False
        self._version, self._drawn = 1, 0

    def prepared(self, request: Request) -> Request:
        """The session stays, unless one thing is asked for that ends it."""
        if not isinstance(request, Pop3) or request.get or request.top or request.delete:
            return request
        return replace(request, stay=True)

    def compose_body(self) -> ComposeResult:
        """The messages; below them one of them, or the dialogue."""
        yield Table(
            MESSAGES,
            cell=_cell,
            value=_value,
            tone=self._tone,
            empty="No message is here.",
            id="pop3-messages",
        )
        yield Static("", classes="about", markup=False)
        yield Ring(empty="enter retrieves a message; it stays where it is.", id="pop3-text")
        yield Ring(empty="Nothing was said yet.", id="pop3-talk")

    @property
    def focusable_view(self) -> Widget:
        """The messages."""
        return self.messages

    @property
    def message_data(self) -> bytes:
        """The message that was retrieved."""
        one = self.message
        whole = one is not None and one.whole
        return one.data.encode("utf-8", "surrogateescape") if one is not None and whole else b""

    @property
    def messages(self) -> Table:
        """The table of messages."""
        return self.query_one("#pop3-messages", Table)

    def _tone(self, row: Row) -> Tone:
        return "dim" if row.number in self.deleted else ""

    def clear(self) -> None:
        """Nothing is known of the new run."""
        super().clear()
        self.clear_values()

    # -- what comes ----------------------------------------------------------------------------

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        # How far something has come is told last of a batch, though it was before the others.
        for event in sorted(batch.events, key=lambda one: not isinstance(one, Progress)):
            self._take(event)
        if batch.ended is not None:
            failed = batch.ended.type == "failed"
            self.say(batch.ended, "bad" if failed else "good")
            if failed or not self.listed:
                words = batch.ended.line().split("; ")
                self.show([Line(safe(one), "bad" if failed else "") for one in words])
        self._version += 1

    def _take(self, event: Event) -> None:
        match event:
            case Pop3Messages():
                self.listed, self.word = event, ""
            case Pop3Message():
                self.message, self.word = event, "" if event.whole else "the top of it"
                self._draw_message()
            case Pop3Deleted():
                self.deleted.add(event.number)
                self.word = f"{event.line()} when the session ends well (q)"
                self.say(event, "warn")
            case Progress():
                self.word = event.line()
            case Saved() | Note():
                self.word = event.line()
                self.say(event, "good" if isinstance(event, Saved) else "warn")
            case _:
                self.say(event, "out" if event.line().startswith(">") else "")

    def _draw_message(self) -> None:
        one = self.message
        if one is None:
            return
        if self.source:
            self.show([Line(safe(text), "") for text in one.data.split("\r\n")])
            return
        found = parse(one.data.encode("utf-8", "surrogateescape"))
        lines = [
            Line(safe(f"{name}: {found.get(name)}"), "in") for name in _FIELDS if found.get(name)
        ]
        if found.root.children:
            lines += [Line("", "")] + [
                Line(
                    safe(f"  {part.number:4} {part.type}  {amount(part.size)}  {part.filename}"),
                    "dim",
                )
                for part in found.parts
                if part.number
            ]
        text = [Line(safe(line), "") for line in found.readable().split("\n")]
        if not one.whole:
            text.append(Line("… there is more: enter retrieves, w saves all of it", "warn"))
        self.show([*lines, Line("", ""), *text])

    # -- what shows ----------------------------------------------------------------------------

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        super().pulse()
        if self._version != self._drawn:
            self._drawn = self._version
            rows = self.listed.rows if self.listed is not None else ()
            self.messages.set_rows([(one.number, one) for one in reversed(rows)])
        ended = self.run is not None and self.run.ended is not None
        target = self.run.request.target() if self.run is not None else ""
        going = "   ended" if ended else "   q ends well   x breaks off"
        self.query_one(".head", Static).update(safe(f"pop3 {target}{going}"))
        self.query_one(".about", Static).update(safe(self._about()))

    def _about(self) -> str:
        if self.listed is None:
            return self.word or "…"
        gone = f", {len(self.deleted)} marked as deleted" if self.deleted else ""
        word = f"   {self.word}" if self.word else ""
        return f"{self.listed.count:,} messages, {amount(self.listed.octets)}{gone}{word}"

    # -- keys ------------------------------------------------------------------------------------

    @property
    def number(self) -> int:
        """Of the message under the cursor, 0 for none."""
        key = self.messages.cursor_key
        return key if isinstance(key, int) else 0

    def on_table_chosen(self, message: Table.Chosen) -> None:
        """Retrieve a message."""
        self.remove_class("talk")
        self.tell(Pop3Get(message.row.number))

    def action_top(self) -> None:
        """Look at the beginning of the message."""
        if self.number:
            self.remove_class("talk")
            self.tell(Pop3Get(self.number, lines=TOP))

    def action_source(self) -> None:
        """The message as it came, or as it reads."""
        self.source = not self.source
        self._draw_message()

    def action_save(self) -> None:
        """Save the message."""
        number = self.number
        if number:
            mailkeys.ask(
                self, f"Save message {number} to", ".", "a folder or a new file",
                lambda text: self.tell(Pop3Get(number, text)),
            )  # fmt: skip

    def action_delete(self) -> None:
        """Mark the message as deleted, after a question."""
        number = self.number
        if number and number not in self.deleted:
            detail = "It is gone for good when the session ends well (q)."
            mailkeys.confirm(
                self, f"Delete message {number}?", detail, lambda: self.tell(Pop3Delete((number,)))
            )

    def action_export(self) -> None:
        """Save the list and the dialogue."""
        listed = [self.listed] if self.listed is not None else []
        self.export([*listed, *self.told])


def _cell(row: Row, key: str, width: int) -> Cell:
    if key == "sender":
        return safe(who(row.sender))
    if key == "size":
        return amount(row.size)
    return safe(str(getattr(row, key)))


def _value(row: Row, key: str) -> Any:
    return getattr(row, key)
