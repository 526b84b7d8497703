"""What a client does to the messages of an open folder: FETCH, STORE, SEARCH, COPY, MOVE."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.mail_ftp.imap.codec import Value, parse_sequence, text_of
from workbench.mail_ftp.imap.folders import (
    FolderError,
    Folders,
    Message,
    Open,
    flag_words,
    letters_of,
)
from workbench.mail_ftp.imap.searching import SearchError, read
from workbench.mail_ftp.imap.sections import envelope, section, structure
from workbench.mail_ftp.inbox import Inbox

if TYPE_CHECKING:
    from workbench.servers.connection import Connection

_MACROS = {
    "ALL": ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"],
    "FAST": ["FLAGS", "INTERNALDATE", "RFC822.SIZE"],
    "FULL": ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"],
}
_BODY = re.compile(
    r"BODY(\.PEEK)?\[([^\]]*)\](?:<([0-9]{1,12})\.([0-9]{1,12})>)?", re.DOTALL | re.IGNORECASE
)
_OLD = {"RFC822": "BODY[]", "RFC822.HEADER": "BODY.PEEK[HEADER]", "RFC822.TEXT": "BODY[TEXT]"}


class Selected:
    """Commands on an open folder."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders

    def do(
        self, connection: Connection, opened: Open | None, name: str, values: list[Value], tag: str
    ) -> bool:
        """Do it, where it is one of these; whether it was.

        Raises:
            FolderError: it cannot be done.
            ValueError: it is badly written.
        """
        by_uid, verb = name.startswith("UID "), name.removeprefix("UID ")
        known = ("FETCH", "STORE", "SEARCH", "COPY", "MOVE", "EXPUNGE", "CHECK")
        if verb not in known or (by_uid and verb == "CHECK"):
            return False
        if opened is None:
            raise FolderError("no folder is open")
        code = ""
        if verb == "SEARCH":
            self._search(connection, opened, values, by_uid)
        elif verb == "EXPUNGE":
            chosen = self._chosen(opened, values, by_uid=True) if by_uid else None
            self.expunge(connection, opened, chosen)
        elif verb != "CHECK":
            least = {"FETCH": 2, "STORE": 3, "COPY": 2, "MOVE": 2}[verb]
            if len(values) < least:
                raise ValueError(f"{verb} lacks something")
            chosen = self._chosen(opened, values, by_uid=by_uid)
            if verb == "FETCH":
                self._fetch(connection, opened, chosen, values[1], by_uid)
            elif verb == "STORE":
                self._store(connection, opened, chosen, values[1:], by_uid)
            else:
                code = self._copy(connection, opened, chosen, values[1], move=verb == "MOVE")
        if verb in ("CHECK", "COPY", "EXPUNGE") or by_uid:
            self._tell(connection, opened)
        connection.send(f"{tag} OK {code}{name} done\r\n".encode())
        return True

    def _tell(self, connection: Connection, opened: Open) -> None:
        from workbench.mail_ftp.imap.server import tell_changes

        tell_changes(connection, opened)

    def _chosen(self, opened: Open, values: list[Value], *, by_uid: bool) -> list[Message]:
        if not values:
            raise ValueError("which messages?")
        highest = opened.next_uid - 1 if by_uid else len(opened.messages)
        runs = list(parse_sequence(text_of(values[0]), highest))
        if len(runs) == 1 and not by_uid:
            return opened.messages[max(0, runs[0][0] - 1) : runs[0][1]]
        if len(runs) > 50:
            runs = _merged(runs)
        return [
            one
            for one in opened.messages
            if any(low <= (one.uid if by_uid else one.number) <= high for low, high in runs)
        ]

    # -- reading -------------------------------------------------------------------------------

    def _fetch(
        self,
        connection: Connection,
        opened: Open,
        chosen: list[Message],
        asked: Value,
        by_uid: bool,
    ) -> None:
        if isinstance(asked, list):
            items = [text_of(one) for one in asked]
        else:
            items = _MACROS.get(text_of(asked).upper(), [text_of(asked)])
        items = items[:50]
        if by_uid and "UID" not in (one.upper() for one in items):
            items = ["UID", *items]
        reads = any(re.match(r"BODY\[|RFC822(\.TEXT)?\Z", one.upper()) for one in items)
        for message in chosen:
            if reads and not opened.read_only and "S" not in message.flags:
                message.set_flags(message.flags + "S")
                if "FLAGS" not in items:
                    items = [*items, "FLAGS"]
            found = [self._item(message, one) for one in items]
            connection.send(b"* %d FETCH (" % message.number + b" ".join(found) + b")\r\n")
            message.forget()
            if connection.closing:
                return

    def _item(self, message: Message, item: str) -> bytes:
        name = item.upper()
        if name == "UID":
            return b"UID %d" % message.uid
        if name == "FLAGS":
            return f"FLAGS ({flag_words(message.flags)})".encode()
        if name == "RFC822.SIZE":
            return b"RFC822.SIZE %d" % message.size
        if name == "INTERNALDATE":
            when = time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime(message.arrived))
            return f'INTERNALDATE "{when}"'.encode()
        if name == "ENVELOPE":
            return b"ENVELOPE " + envelope(message.node())
        if name in ("BODY", "BODYSTRUCTURE"):
            return name.encode() + b" " + structure(message.node(), name == "BODYSTRUCTURE")
        found = _BODY.fullmatch(_OLD.get(name, item))
        if found is None:
            raise ValueError(f"{item[:30]} cannot be fetched")
        data = section(message.node(), found[2].upper())
        label = name if name in _OLD else f"BODY[{found[2]}]"
        if found[3] is not None:
            label += f"<{found[3]}>"
            start = int(found[3])
            data = data[start : start + int(found[4])] if data is not None else None
        if data is None:
            return label.encode() + b" NIL"
        return label.encode() + b" {%d}\r\n" % len(data) + data

    def _search(
        self, connection: Connection, opened: Open, values: list[Value], by_uid: bool
    ) -> None:
        if values and text_of(values[0]).upper() == "CHARSET":
            if len(values) < 2 or text_of(values[1]).upper() not in ("UTF-8", "US-ASCII"):
                raise FolderError("UTF-8 and US-ASCII are known", "BADCHARSET (UTF-8 US-ASCII)")
            values = values[2:]
        try:
            test = read(values, len(opened.messages), opened.next_uid - 1)
        except SearchError as problem:
            raise ValueError(str(problem)) from None
        found = []
        for one in opened.messages:
            if test(one):
                found.append(one.uid if by_uid else one.number)
            one.forget()
        connection.send(b"* SEARCH" + b"".join(b" %d" % one for one in found) + b"\r\n")

    # -- changing ------------------------------------------------------------------------------

    def _store(
        self,
        connection: Connection,
        opened: Open,
        chosen: list[Message],
        values: list[Value],
        by_uid: bool,
    ) -> None:
        self._may_change(opened)
        found = re.fullmatch(r"([+-]?)FLAGS(\.SILENT)?", text_of(values[0]).upper())
        if found is None:
            raise ValueError("FLAGS, +FLAGS or -FLAGS")
        given = values[1] if isinstance(values[1], list) else values[1:]
        letters = letters_of([text_of(one) for one in given])
        for message in chosen:
            now = set(message.flags)
            if found[1] == "+":
                now |= set(letters)
            elif found[1] == "-":
                now -= set(letters)
            else:
                now = set(letters)
            message.set_flags("".join(now))
            if not found[2]:
                uid = f"UID {message.uid} " if by_uid else ""
                line = f"* {message.number} FETCH ({uid}FLAGS ({flag_words(message.flags)}))\r\n"
                connection.send(line.encode())

    def _copy(
        self,
        connection: Connection,
        opened: Open,
        chosen: list[Message],
        target: Value,
        *,
        move: bool,
    ) -> str:
        folder = self._folders.open(text_of(target))
        if move:
            self._may_change(opened)
        if not chosen:
            return ""
        paths = []
        for one in chosen:
            paths.append(folder.deliver(one.whole(), one.flags))
            one.forget()
        made = _uids(folder, paths)
        uids = ",".join(str(one.uid) for one in chosen)
        code = f"[COPYUID {folder.validity} {uids} {','.join(map(str, made))}] "
        if move:
            connection.send(f"* OK {code}moved\r\n".encode())
            self._remove(connection, opened, chosen, told=True)
            return ""
        return code

    def deliver(self, folder: Inbox, data: bytes, flags: list[str]) -> int:
        """Put a message into a folder; its UID."""
        return _uids(folder, [folder.deliver(data, letters_of(flags))])[0]

    def expunge(
        self,
        connection: Connection,
        opened: Open,
        chosen: list[Message] | None,
        *,
        told: bool = True,
    ) -> None:
        """Delete what is marked as deleted, of those or of all."""
        self._may_change(opened)
        among = opened.messages if chosen is None else chosen
        self._remove(connection, opened, [one for one in among if "T" in one.flags], told=told)

    def _remove(
        self, connection: Connection, opened: Open, gone: list[Message], *, told: bool
    ) -> None:
        for one in reversed(gone):
            one.delete()
            if told:
                connection.send(b"* %d EXPUNGE\r\n" % one.number)
        lost = {one.uid for one in gone}
        opened.messages = [one for one in opened.messages if one.uid not in lost]
        opened.number()

    def _may_change(self, opened: Open) -> None:
        if opened.read_only:
            raise FolderError("the folder is open to be looked at only", "READ-ONLY")


def _uids(folder: Inbox, paths: list[Path]) -> list[int]:
    """The UIDs of files that were delivered just now."""
    by_name = {one.path.name.partition(":")[0]: one.uid for one in folder.messages()}
    return [by_name.get(path.name.partition(":")[0], 0) for path in paths]


def _merged(runs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Runs that touch made one, so that many numbers do not take long to look through."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(runs):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged
