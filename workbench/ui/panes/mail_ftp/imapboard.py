"""The board of `imap`: folders, their messages, the message; and the dialogue that goes with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Static

from workbench.core.events import Note, Progress
from workbench.core.feed import Batch
from workbench.core.job import Request
from workbench.core.message import Event
from workbench.core.text import safe
from workbench.core.units import amount
from workbench.mail_ftp.headers import who
from workbench.mail_ftp.imap.events import (
    Folder,
    ImapAppend,
    ImapChange,
    ImapChanged,
    ImapCopy,
    ImapDelete,
    ImapFlag,
    ImapFolders,
    ImapFound,
    ImapGet,
    ImapMessage,
    ImapMessages,
    ImapMore,
    ImapOpen,
    ImapPart,
    ImapSearch,
    ImapSelect,
    ImapSelected,
    Row,
)
from workbench.mail_ftp.imap.job import Imap
from workbench.mail_ftp.saving import Saved
from workbench.ui.panes.mail_ftp import mailkeys
from workbench.ui.panes.mail_ftp.sessionboard import ReadingBoard
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.table import Cell, Column, Table
from workbench.ui.widgets.tones import Tone

ROWS_KEPT = 50_000
"""Messages of a folder that are held; older ones are found by a search."""

FOLDERS = (Column("name", "folder", width=10, flex=1), Column("count", "", width=5, align="right"))
MESSAGES = (
    Column("marks", "", width=3),
    Column("sender", "from", width=12, flex=1),
    Column("subject", "subject", width=16, flex=3),
    Column("day", "arrived", width=14, priority=1),
    Column("size", "size", width=7, align="right", priority=2),
)
SHOWN = ("from", "to", "cc", "subject", "date")


class ImapBoard(ReadingBoard):
    """A session that stays: what the keys ask for goes over the same connection."""

    DEFAULT_CSS = """
    ImapBoard > Horizontal { height: 2fr; }
    ImapBoard #imap-folders { width: 1fr; max-width: 34; }
    ImapBoard #imap-messages { width: 3fr; }
    ImapBoard .about { height: 1; background: $surface; padding: 0 1; }
    ImapBoard Ring { height: 3fr; }
    ImapBoard #imap-talk { display: none; }
    ImapBoard.talk #imap-talk { display: block; }
    ImapBoard.talk #imap-text { display: none; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "focus_on('#imap-folders')", "folders", id="imap.folders"),
        Binding("l", "focus_on('#imap-messages')", "messages", id="imap.messages"),
        Binding("t", "focus_on('#imap-text')", "text", id="imap.text"),
        Binding("slash", "search", "search", key_display="/", id="imap.search"),
        Binding("a", "all", "all again", show=False, id="imap.all"),
        Binding("w", "save", "save", id="imap.save"),
        Binding("p", "part", "part", id="imap.part"),
        Binding("h", "headers", "all headers", show=False, id="imap.headers"),
        Binding("n", "flag('Seen')", "read/new", show=False, id="imap.seen"),
        Binding(
            "exclamation_mark",
            "flag('Flagged')",
            "flag",
            key_display="!",
            show=False,
            id="imap.flag",
        ),
        Binding("c", "copy_to(False)", "copy to", show=False, id="imap.copy_to"),
        Binding("m", "copy_to(True)", "move to", show=False, id="imap.move"),
        Binding("D", "delete", "delete", show=False, id="imap.delete"),
        Binding("A", "append", "put a file", show=False, id="imap.append"),
        Binding("d", "talk", "dialogue", id="imap.talk"),
        Binding("k", "tls", "TLS", show=False, id="imap.tls"),
        Binding("s", "send_to", "send to", show=False, id="imap.send"),
        Binding("y", "copy", "copy", show=False, id="imap.copy"),
        Binding("e", "export", "export", show=False, id="imap.export"),
    ]

    protocol = "imap"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.clear_values()

    def clear_values(self) -> None:
        """Nothing is known."""
        self.folders: dict[str, Folder] = {}
        self.rows: dict[int, Row] = {}
        self.selected: ImapSelected | None = None
        self.exists = 0
        self.found: ImapFound | None = None
        self.message: ImapMessage | None = None
        self.word = ""
        self.whole_head = False
        self._version, self._drawn = 1, 0
        self._asked_for = 0

    def prepared(self, request: Request) -> Request:
        """The session stays, unless one thing is asked for that ends it."""
        if not isinstance(request, Imap):
            return request
        once = (request.get, request.flag, request.unflag, request.copy, request.move)
        if any(once) or request.delete or request.append is not None:
            return request
        return replace(request, stay=True, newest=max(request.newest, 200))

    def compose_body(self) -> ComposeResult:
        """Folders and messages; below them the message, or the dialogue."""
        with Horizontal():
            yield Table(FOLDERS, cell=_folder_cell, tone=_folder_tone, id="imap-folders")
            yield Table(
                MESSAGES,
                cell=_cell,
                value=_value,
                tone=_tone,
                empty="No message is here.",
                id="imap-messages",
            )
        yield Static("", classes="about", markup=False)
        yield Ring(empty="enter opens a message; it is not marked as read.", id="imap-text")
        yield Ring(empty="Nothing was said yet.", id="imap-talk")

    @property
    def focusable_view(self) -> Widget:
        """The messages."""
        return self.messages

    @property
    def messages(self) -> Table:
        """The table of messages."""
        return self.query_one("#imap-messages", Table)

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
            if failed or not self.folders:
                self.word = batch.ended.line()
                self.show(_lines(self.word.replace("; ", "\n"), "bad" if failed else "", False))
        self._version += 1

    def _take(self, event: Event) -> None:
        match event:
            case ImapFolders():
                self.folders = {one.name: one for one in event.folders}
            case ImapSelected():
                if self.selected is None or self.selected.folder != event.folder:
                    self._forget_rows()
                self.selected, self.exists = event, event.exists
            case ImapFound():
                self._forget_rows()
                self.found, self.word = event, event.line()
            case ImapMessages(rows=rows, exists=exists):
                self._asked_for = 0
                self.exists = exists
                if len(self.rows) < ROWS_KEPT:
                    self.rows.update((one.uid, one) for one in rows)
            case ImapMessage():
                self.message, self.word = event, ""
                self._draw_message()
            case ImapPart():
                self.show(_lines(event.text, "", event.cut))
                self.word = f"part {event.section}" if event.section else "the whole message"
            case ImapChange():
                self._change(event)
            case Progress():
                self.word = event.line()
            case ImapChanged() | Saved() | Note():
                self.word = event.line()
                self.say(event, "good" if not isinstance(event, Note) else "warn")
            case _:
                self.say(event, "out" if event.line().startswith(">") else "")

    def _forget_rows(self) -> None:
        self.rows, self.found, self._asked_for = {}, None, 0

    def _change(self, event: ImapChange) -> None:
        if event.kind == "exists":
            more = event.number - max(
                (one.number for one in self.rows.values()), default=event.number
            )
            self.exists = event.number
            if more > 0 and self.found is None:
                self.tell(ImapMore(event.number + 1, more))
            self.word = event.line()
        elif event.kind == "expunge":
            self.exists = max(0, self.exists - 1)
            self.rows = {
                one.uid: replace(one, number=one.number - (one.number > event.number))
                for one in self.rows.values()
                if one.number != event.number
            }
        else:
            for row in self.rows.values():
                if row.uid == event.uid or (not event.uid and row.number == event.number):
                    self.rows[row.uid] = replace(row, flags=event.flags)
                    break
        self.say(event, "")

    # -- what shows ----------------------------------------------------------------------------

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        super().pulse()
        if self._version != self._drawn:
            self._drawn = self._version
            folders = self.query_one("#imap-folders", Table)
            folders.set_rows([(one.name, one) for one in self.folders.values()])
            ordered = sorted(self.rows.values(), key=lambda one: -one.number)
            self.messages.set_rows([(one.uid, one) for one in ordered])
        self.query_one(".head", Static).update(safe(self._head()))
        self.query_one(".about", Static).update(safe(self._about()))

    def _head(self) -> str:
        if self.run is None:
            return "imap"
        ended = "   ended" if self.run.ended is not None else "   x logs out"
        return f"imap {self.run.request.target()}{ended}"

    def _about(self) -> str:
        if self.selected is None:
            return self.word or "…"
        how = "looked at only" if self.selected.read_only else "can be changed"
        shown = f"{len(self.rows):,} of " if len(self.rows) < self.exists else ""
        found = "found, a shows all   " if self.found is not None else ""
        word = f"   {self.word}" if self.word else ""
        return f"{self.selected.folder}: {shown}{self.exists:,} messages, {how}   {found}{word}"

    def _draw_message(self) -> None:
        one = self.message
        if one is None:
            return
        head = one.head.replace("\r\n ", " ").replace("\r\n\t", " ").split("\r\n")
        lines = [
            Line(safe(text), "in", one)
            for text in (head if self.whole_head else _decoded(head))
            if text
        ]
        if len(one.parts) > 1:
            lines += [Line("", "", one)] + [
                Line(
                    safe(f"{'  ' * part.depth}{part.section:4} {part.type}  {amount(part.size)}")
                    + (f"  {safe(part.name)}" if part.name else ""),
                    "dim",
                    part,
                )
                for part in one.parts
                if part.section
            ]
        self.show([*lines, Line("", "", one), *_lines(one.text, "", one.cut)])

    # -- keys ------------------------------------------------------------------------------------

    @property
    def uid(self) -> int:
        """Of the message under the cursor, 0 for none."""
        key = self.messages.cursor_key
        return key if isinstance(key, int) else 0

    def on_table_chosen(self, message: Table.Chosen) -> None:
        """Open a folder or a message."""
        if isinstance(message.row, Folder):
            if message.row.can_be_opened:
                self.selected = None
                self.tell(ImapSelect(message.row.name))
                self.messages.focus()
        elif isinstance(message.row, Row):
            self.remove_class("talk")
            self.tell(ImapOpen(message.row.uid))

    def on_table_highlighted(self, message: Table.Highlighted) -> None:
        """Ask for older messages before the last one is reached."""
        row = message.row
        if not isinstance(row, Row) or self.found is not None or len(self.rows) >= ROWS_KEPT:
            return
        last = min(one.number for one in self.rows.values()) if self.rows else 1
        if last > 1 and row.number - last < 40 and self._asked_for != last:
            self._asked_for = last
            self.tell(ImapMore(last))

    def action_search(self) -> None:
        """Ask what to search for; the server searches."""
        hint = "words, or keys: FROM ann UNSEEN SINCE 1-Jan-2024"
        mailkeys.ask(
            self, "Search the folder for", "", hint, lambda text: self.tell(ImapSearch(text))
        )

    def action_all(self) -> None:
        """The whole folder again."""
        if self.selected is not None:
            self._forget_rows()
            self.tell(ImapSelect(self.selected.folder))

    def action_headers(self) -> None:
        """The whole header, or the few fields that people read."""
        self.whole_head = not self.whole_head
        self._draw_message()

    def _parts(self) -> list[tuple[str, str]]:
        one = self.message
        if one is None or one.uid != self.uid:
            return []
        return [
            (part.section, f"{part.section:5} {part.type}  {amount(part.size)}  {safe(part.name)}")
            for part in one.parts
            if part.section and not part.is_container
        ]

    def action_part(self) -> None:
        """Choose a part to read."""
        from workbench.ui.screens.dialog import Choose

        def chosen(section: str | None) -> None:
            if section:
                self.tell(ImapGet(self.uid, section))

        parts = self._parts()
        if not parts:
            self.notify("enter opens the message first")
            return
        self.app.push_screen(Choose("Read which part?", parts), chosen)

    def action_save(self) -> None:
        """Save the message, or a part of it."""
        from workbench.ui.screens.dialog import Choose

        uid = self.uid
        if not uid:
            return

        def chosen(section: str | None) -> None:
            if section is not None:
                what = f"part {section}" if section != "all" else "the message"
                number = "" if section == "all" else section
                mailkeys.ask(
                    self, f"Save {what} to", ".", "a folder or a new file",
                    lambda text: self.tell(ImapGet(uid, number, text)),
                )  # fmt: skip

        parts = self._parts()
        if parts:
            self.app.push_screen(
                Choose("Save what?", [("all", "the whole message"), *parts]), chosen
            )
        else:
            chosen("all")

    def action_flag(self, flag: str) -> None:
        """Set a flag, or take it away where it is set."""
        row = self.rows.get(self.uid)
        if row is not None:
            known = {one.lower() for one in row.flags}
            self.tell(ImapFlag(row.uid, flag, on=f"\\{flag.lower()}" not in known))

    def action_copy_to(self, move: bool) -> None:
        """Copy the message to another folder, or move it there."""
        from workbench.ui.screens.dialog import Choose

        uid = self.uid
        here = self.selected.folder if self.selected is not None else ""
        names = [
            (one.name, "  " * one.depth + safe(one.last))
            for one in self.folders.values()
            if one.can_be_opened and one.name != here
        ]
        if not uid or not names:
            self.notify("there is no other folder" if uid else "no message is selected")
            return

        def chosen(name: str | None) -> None:
            if name:
                self.tell(ImapCopy(uid, name, move))

        self.app.push_screen(Choose("Move to?" if move else "Copy to?", names), chosen)

    def action_delete(self) -> None:
        """Delete the message for good, after a question."""
        row = self.rows.get(self.uid)
        if row is not None:
            about = f"{safe(who(row.sender))}: {safe(row.subject)}"[:70]
            mailkeys.confirm(
                self, "Delete this message for good?", about, lambda: self.tell(ImapDelete(row.uid))
            )

    def action_append(self) -> None:
        """Put a file into the folder as a message."""
        mailkeys.ask(
            self, "Put which file here as a message?", "", "a file, as .eml",
            lambda text: self.tell(ImapAppend(text)),
        )  # fmt: skip

    def action_export(self) -> None:
        """Save the list or the dialogue."""
        rows = sorted(self.rows.values(), key=lambda one: -one.number)
        self.export([ImapMessages(tuple(rows), self.exists), *self.told])


def _lines(text: str, tone: Tone, cut: bool) -> list[Line]:
    shown = [Line(safe(one), tone) for one in text.replace("\r\n", "\n").split("\n")]
    return [*shown, Line("… there is more; w saves all of it", "warn")] if cut else shown


def _decoded(head: list[str]) -> list[str]:
    """The fields that people read, in words."""
    from workbench.mail_ftp.headers import words

    found = []
    for line in head:
        name, _, value = line.partition(":")
        if name.strip().lower() in SHOWN:
            found.append(f"{name.strip()}: {words(value.strip().encode())}")
    return found


def _folder_cell(row: Folder, key: str, width: int) -> Cell:
    if key == "count":
        return f"{row.unseen:,}" if row.unseen else ""
    return ("  " * row.depth + safe(row.last))[:width]


def _folder_tone(row: Folder) -> Tone:
    return "" if row.can_be_opened else "dim"


def _cell(row: Row, key: str, width: int) -> Cell:
    if key == "marks":
        return row.marks.replace(" ", "")[:3]
    if key == "sender":
        return safe(who(row.sender))
    if key == "size":
        return amount(row.size)
    return safe(row.day if key == "day" else row.subject)


def _value(row: Row, key: str) -> Any:
    if key == "day":
        return row.number
    return getattr(row, key)


def _tone(row: Row) -> Tone:
    return "dim" if "D" in row.marks else "in" if row.marks.startswith("N") else ""
