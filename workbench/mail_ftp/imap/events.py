"""What the job `imap` tells, and what it can be told while it stays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from workbench.core.message import Command, Event, command, event
from workbench.core.text import safe
from workbench.core.units import amount
from workbench.mail_ftp.headers import who
from workbench.mail_ftp.imap.structure import DEPTH_LIMIT, Part


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder; `messages` and `unseen` are None where nobody asked or the server refuses.

    `parent` is how the names above it read, with the delimiter; `flags` as LIST has them.
    """

    name: str
    delimiter: str
    flags: tuple[str, ...]
    messages: int | None = None
    unseen: int | None = None

    @property
    def depth(self) -> int:
        """How many folders lie above it."""
        return self.name.count(self.delimiter) if self.delimiter else 0

    @property
    def last(self) -> str:
        """Its own name."""
        return self.name.rpartition(self.delimiter)[2] if self.delimiter else self.name

    @property
    def can_be_opened(self) -> bool:
        """It holds messages."""
        return not {"\\noselect", "\\nonexistent"} & {one.lower() for one in self.flags}


@dataclass(frozen=True, slots=True)
class Row:
    """A message in a list; `number` is its place, `date` when it arrived."""

    uid: int
    number: int
    flags: tuple[str, ...]
    size: int
    arrived: str
    sender: str
    subject: str
    to: str = ""
    date: str = ""

    @property
    def marks(self) -> str:
        """N new, ! flagged, r answered, D deleted, d draft."""
        flags = {one.lower() for one in self.flags}
        return "".join(
            letter if (name in flags) != (letter == "N") else " "
            for name, letter in (
                ("\\seen", "N"),
                ("\\flagged", "!"),
                ("\\answered", "r"),
                ("\\deleted", "D"),
                ("\\draft", "d"),
            )
        )

    @property
    def day(self) -> str:
        """When it arrived, short, in the server's own time."""
        try:
            return datetime.strptime(self.arrived, "%d-%b-%Y %H:%M:%S %z").strftime(
                "%y-%m-%d %H:%M"
            )
        except ValueError:
            return safe(self.arrived)[:14]


@event("imap_folders")
class ImapFolders(Event):
    """All folders, in the order of their names, and what the server can do."""

    folders: tuple[Folder, ...]
    capabilities: tuple[str, ...]

    def line(self) -> str:
        """A tree."""
        lines = []
        for one in self.folders:
            counts = "" if one.messages is None else f"{one.messages:>9,}"
            new = f"  {one.unseen:,} unseen" if one.unseen else ""
            name = "  " * one.depth + safe(one.last)
            mark = "" if one.can_be_opened else "  (no messages of its own)"
            lines.append(f"{name:40} {counts:>9}{new}{mark}".rstrip())
        return "\n".join(lines)

    def size(self) -> int:
        """The folders are most of it."""
        return 256 + 200 * len(self.folders)


@event("imap_selected", channel="talk")
class ImapSelected(Event):
    """A folder is open; `read_only`: nothing in it can be changed, nor marked as read."""

    folder: str
    exists: int
    validity: int
    next_uid: int
    read_only: bool
    flags: tuple[str, ...] = ()

    def line(self) -> str:
        """Its name and how much it holds."""
        how = "read-only" if self.read_only else "to be changed"
        return f"{safe(self.folder)}: {self.exists:,} messages, {how}"


@event("imap_messages")
class ImapMessages(Event):
    """Some messages of the open folder, newest first; `found` says that they answer a search."""

    rows: tuple[Row, ...]
    exists: int
    found: bool = False

    def line(self) -> str:
        """One line each."""
        return "\n".join(
            f"{one.uid:>7} {one.marks} {one.day:14} {amount(one.size):>7}"
            f"  {safe(who(one.sender))[:20]:20}  {safe(one.subject)[:60]}".rstrip()
            for one in self.rows
        )

    def size(self) -> int:
        """The rows are most of it."""
        return 256 + 500 * len(self.rows)


@event("imap_found")
class ImapFound(Event):
    """What a search found, by UID; the newest of them come as ImapMessages."""

    uids: tuple[int, ...]

    def line(self) -> str:
        """How many."""
        return f"{len(self.uids):,} messages found"

    def size(self) -> int:
        """The numbers are most of it."""
        return 256 + 8 * len(self.uids)


@event("imap_message")
class ImapMessage(Event):
    """A message: header as it came, its parts, and the text that people read of it.

    `section` is where the text is from; `cut` says that there is more of it.
    """

    uid: int
    head: str
    parts: tuple[Part, ...]
    section: str
    text: str
    cut: bool = False

    def line(self) -> str:
        """Header, parts and text."""
        head = self.head.replace("\r\n", "\n").strip("\n")
        tree = [
            f"{'  ' * max(0, min(one.depth, DEPTH_LIMIT))}{one.section or '-'}  {safe(one.type)}"
            + (f"  {amount(one.size)}" if one.size else "")
            + (f"  {safe(one.name)}" if one.name else "")
            for one in self.parts
        ]
        text = self.text.replace("\r\n", "\n").strip("\n")
        more = "\n…" if self.cut else ""
        return "\n".join(
            [safe(head, keep_newlines=True), "", *tree, "", safe(text, keep_newlines=True) + more]
        )

    def size(self) -> int:
        """The text is most of it."""
        return 512 + len(self.head) + len(self.text)


@event("imap_part")
class ImapPart(Event):
    """A part as text, decoded."""

    uid: int
    section: str
    text: str
    octets: int
    cut: bool = False

    def line(self) -> str:
        """The text."""
        more = f"\n… of {amount(self.octets)}" if self.cut else ""
        return safe(self.text.replace("\r\n", "\n"), keep_newlines=True).rstrip("\n") + more

    def size(self) -> int:
        """The text is most of it."""
        return 256 + len(self.text)


@event("imap_change")
class ImapChange(Event):
    """Something happened to the open folder: `exists` messages now, one expunged, or new flags.

    `number` is the place of the message, or how many there are.
    """

    kind: Literal["exists", "expunge", "flags"]
    number: int
    uid: int = 0
    flags: tuple[str, ...] = ()

    def line(self) -> str:
        """In words."""
        if self.kind == "exists":
            return f"{self.number:,} messages now"
        which = f"UID {self.uid}" if self.uid else f"message {self.number}"
        if self.kind == "expunge":
            return f"message {self.number} is gone"
        return f"{which}: {safe(' '.join(self.flags)) or 'no flags'}"


@event("imap_changed", channel="talk")
class ImapChanged(Event):
    """What was asked for has been done."""

    what: str

    def line(self) -> str:
        """In words."""
        return safe(self.what)


@command("imap_select")
class ImapSelect(Command):
    """Open a folder, to look at it only, and tell of its newest messages."""

    folder: str


@command("imap_more")
class ImapMore(Command):
    """Tell of so many messages before this place."""

    before: int
    count: int = 200


@command("imap_search")
class ImapSearch(Command):
    """Search the open folder."""

    text: str


@command("imap_open")
class ImapOpen(Command):
    """Tell a message's header, parts and text; it is not marked as read."""

    uid: int


@command("imap_get")
class ImapGet(Command):
    """Tell a part, or save it where an output is named; section "" is the whole message."""

    uid: int
    section: str
    output: str = ""


@command("imap_flag")
class ImapFlag(Command):
    """Set a flag or take it away."""

    uid: int
    flag: str
    on: bool


@command("imap_copy")
class ImapCopy(Command):
    """Copy a message to another folder, or move it there."""

    uid: int
    folder: str
    move: bool = False


@command("imap_delete")
class ImapDelete(Command):
    """Delete a message for good, which the user has confirmed."""

    uid: int


@command("imap_append")
class ImapAppend(Command):
    """Put a file into the open folder as a message."""

    path: str
