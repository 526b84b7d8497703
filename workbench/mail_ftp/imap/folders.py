"""The folders of a Maildir as IMAP shows them: INBOX, and a folder inside for each other.

They lie as Maildir++ has them: `.Work.Old` is the folder Work.Old.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path

from workbench.mail_ftp.imap.sections import Node, split
from workbench.mail_ftp.inbox import FLAGS, Inbox, Stored

FOLDERS_MOST = 500
DELIMITER = "."

_NAME = re.compile(r"[A-Za-z0-9 &+,_()!#=-]{1,80}(?:\.[A-Za-z0-9 &+,_()!#=-]{1,80}){0,10}")


class FolderError(Exception):
    """What cannot be done with a folder; `code` is a response code."""

    def __init__(self, why: str, code: str = "") -> None:
        super().__init__(why)
        self.code = code


class Message:
    """A message of an open folder."""

    def __init__(self, folder: Inbox, stored: Stored, number: int) -> None:
        self.folder = folder
        self.stored = stored
        self.number = number
        self._node: Node | None = None

    @property
    def uid(self) -> int:
        """For ever the same."""
        return self.stored.uid

    @property
    def flags(self) -> str:
        """A Maildir's letters."""
        return self.stored.flags

    @property
    def size(self) -> int:
        """In bytes."""
        return self.stored.size

    @property
    def arrived(self) -> float:
        """Unix seconds."""
        return self.stored.arrived

    def node(self) -> Node:
        """The message; b"" where somebody else has deleted it."""
        if self._node is None:
            self._node = split(self._read())
        return self._node

    def forget(self) -> None:
        """Hold its bytes no longer."""
        self._node = None

    def _read(self) -> bytes:
        try:
            return self.stored.read()
        except FileNotFoundError:
            pass
        for one in self.folder.messages():  # another session has changed its flags
            if one.uid == self.uid:
                self.stored = one
                try:
                    return one.read()
                except FileNotFoundError:
                    break
        return b""

    def head(self) -> bytes:
        """The header."""
        return self.node().head

    def whole(self) -> bytes:
        """All of it."""
        return self.node().head + self.node().body

    def delete(self) -> None:
        """Gone for good."""
        if not self.stored.path.exists():
            self._read()  # it may have another name by now
        self.folder.delete(self.stored)

    def set_flags(self, letters: str) -> None:
        """Other flags."""
        try:
            self.stored = self.folder.set_flags(self.stored, letters)
        except FileNotFoundError:
            self._read()
            try:
                self.stored = self.folder.set_flags(self.stored, letters)
            except FileNotFoundError:
                pass  # it is gone; the next look at the folder tells


class Folders:
    """All folders of one inbox."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def names(self) -> list[str]:
        """INBOX first."""
        with os.scandir(self._inbox.folder) as entries:
            found = sorted(
                one.name[1:]
                for one in entries
                if one.name.startswith(".") and _NAME.fullmatch(one.name[1:])
            )
        return ["INBOX", *found[:FOLDERS_MOST]]

    def open(self, name: str) -> Inbox:
        """The folder of that name.

        Raises:
            FolderError: there is none.
        """
        if name.upper() == "INBOX":
            return self._inbox
        if not _NAME.fullmatch(name) or not (self._path(name) / "cur").is_dir():
            raise FolderError("there is no such folder", "TRYCREATE")
        return Inbox(self._path(name))

    def create(self, name: str) -> None:
        """Make a folder.

        Raises:
            FolderError: it is there, or has no good name.
        """
        name = name.removesuffix(DELIMITER)
        if not _NAME.fullmatch(name) or name.upper() == "INBOX":
            raise FolderError("a folder's name has letters, digits, spaces and dots", "CANNOT")
        if self._path(name).exists():
            raise FolderError("it is there already", "ALREADYEXISTS")
        if len(self.names()) >= FOLDERS_MOST:
            raise FolderError("there are enough folders", "LIMIT")
        Inbox(self._path(name))

    def delete(self, name: str) -> None:
        """Delete a folder that holds no message.

        Raises:
            FolderError: it holds some, or is not there.
        """
        if name.upper() == "INBOX":
            raise FolderError("the inbox stays", "CANNOT")
        if self.open(name).messages():
            raise FolderError("it holds messages; delete those first", "CANNOT")
        shutil.rmtree(self._path(name))

    def _path(self, name: str) -> Path:
        return self._inbox.folder / f".{name}"


class Open:
    """A folder as one session sees it: the numbers change when the session is told so.

    Attributes:
        messages: by their number, from 1.
    """

    def __init__(self, name: str, folder: Inbox, *, read_only: bool) -> None:
        self.name = name
        self.folder = folder
        self.read_only = read_only
        self.messages: list[Message] = []
        self._stamp = (0, 0)
        self.refresh()

    def refresh(self) -> tuple[list[int], list[Message]]:
        """Look again: the numbers that are gone, last first, and the messages with other flags."""
        stamp = self._stamps()
        if stamp == self._stamp:
            return [], []
        # What changes within the clock's grain of the look has to be looked at again.
        self._stamp = stamp if time.time_ns() - max(stamp) > 50_000_000 else (0, 0)
        now = {one.uid: one for one in self.folder.messages()}
        gone, changed = [], []
        for message in self.messages:
            stored = now.pop(message.uid, None)
            if stored is None:
                gone.append(message.number)
                continue
            if stored.flags != message.flags:
                changed.append(message)
            message.stored = stored
        lost = set(gone)
        self.messages = [one for one in self.messages if one.number not in lost]
        self.messages += [Message(self.folder, one, 0) for one in now.values()]
        self.number()
        return gone[::-1], changed

    def number(self) -> None:
        """Number what is there."""
        for number, one in enumerate(self.messages, 1):
            one.number = number

    def _stamps(self) -> tuple[int, int]:
        place = self.folder.folder
        return (place / "new").stat().st_mtime_ns, (place / "cur").stat().st_mtime_ns

    @property
    def next_uid(self) -> int:
        """More than any that is there."""
        return self.messages[-1].uid + 1 if self.messages else 1


def flag_words(letters: str) -> str:
    """IMAP's flags of a Maildir's letters."""
    return " ".join(FLAGS[one] for one in letters if one in FLAGS)


def letters_of(words: list[str]) -> str:
    """A Maildir's letters of IMAP's flags; others are not kept."""
    known = {name.lower(): letter for letter, name in FLAGS.items()}
    return "".join(known.get(one.lower(), "") for one in words)
