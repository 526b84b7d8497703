"""What can be done in a session: folders, pages of messages, parts, flags, copies."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from workbench.core.events import Progress
from workbench.core.failure import JobError
from workbench.core.text import safe
from workbench.mail_ftp.decoding import Decoder, as_text
from workbench.mail_ftp.imap.codec import (
    Response,
    Value,
    folder_bytes,
    folder_name,
    number_of,
    pairs,
    sequence,
    text_of,
    words_of,
)
from workbench.mail_ftp.imap.events import (
    Folder,
    ImapChange,
    ImapChanged,
    ImapFolders,
    ImapFound,
    ImapMessage,
    ImapMessages,
    ImapPart,
    ImapSelected,
    Row,
)
from workbench.mail_ftp.imap.listing import ITEMS, row_of, row_of_line
from workbench.mail_ftp.imap.session import Pieces, Session, Telling, Text, Word
from workbench.mail_ftp.imap.structure import Part, parts_of
from workbench.mail_ftp.pop3.client import Refused, forgiven
from workbench.mail_ftp.saving import Saved, Saving

PAGE = 500
"""Messages that are asked for at once."""

FIRST = 50
"""Messages of the first page, so that something is to be seen soon."""

PIECE = 1 << 18
"""Bytes of a part that are asked for at once."""

SHOWN = 1 << 20
"""Bytes of a text that are told."""

CHANGES_KEPT = 10_000
"""Changes that wait to be told."""

FOLDERS_LIMIT = 20_000
STATUS_MOST = 200
"""Folders whose messages are counted, one command each; the rest have no count."""

_KEYS = frozenset(
    """ALL ANSWERED BCC BEFORE BODY CC DELETED DRAFT FLAGGED FROM HEADER KEYWORD LARGER NEW NOT OLD
    ON OR RECENT SEEN SENTBEFORE SENTON SENTSINCE SINCE SMALLER SUBJECT TEXT TO UID UNANSWERED
    UNDELETED UNDRAFT UNFLAGGED UNKEYWORD UNSEEN""".split()  # noqa: SIM905 - one word after another
)
_SECTION = re.compile(r"(?:[0-9]{1,4}\.){0,24}[0-9]{1,4}(?:\.(?:MIME|HEADER|TEXT))?|HEADER|TEXT|")
_FLAGS = {name.lower(): f"\\{name}" for name in ("Seen", "Answered", "Flagged", "Deleted", "Draft")}


class Mailbox:
    """A session, by what people do with it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        session.unasked = self._unasked

    def _unasked(self, response: Response) -> None:
        """What has changed, by us or by others, is told when there is time for it."""
        told = self.session.told
        if len(told) >= CHANGES_KEPT:
            return
        if response.name == b"EXISTS":
            told.append(ImapChange("exists", response.number))
        elif response.name == b"EXPUNGE":
            told.append(ImapChange("expunge", response.number))
        elif response.name == b"FETCH" and response.values:
            found = pairs(response.values[0])
            if b"FLAGS" in found and b"ENVELOPE" not in found:
                flags = words_of(found[b"FLAGS"])
                uid = number_of(found.get(b"UID"))
                told.append(ImapChange("flags", response.number, uid, flags))

    def changes(self) -> Telling[None]:
        """Tell what has changed."""
        told = self.session.told
        while told:
            yield told.pop(0)

    # -- folders -------------------------------------------------------------------------------

    def list_folders(self, *, count: bool = True) -> Telling[None]:
        """Tell of all folders, with their counts."""
        found: dict[str, Folder] = {}

        def each(response: Response) -> bool:
            if response.name == b"LIST" and len(response.values) >= 3:
                flags, delimiter, name = response.values[:3]
                if isinstance(name, bytes) and len(found) < FOLDERS_LIMIT:
                    folder = folder_name(name)
                    folder = "INBOX" if folder.upper() == "INBOX" else folder
                    found[folder] = Folder(folder, text_of(delimiter), words_of(flags))
            return response.name == b"LIST"

        yield from self.session.command('LIST "" "*"', each=each)
        names = sorted(found, key=lambda one: (one != "INBOX", one.lower()))
        for name in names[:STATUS_MOST] if count else []:
            if found[name].can_be_opened:
                messages, unseen = yield from self._status(name)
                found[name] = replace(found[name], messages=messages, unseen=unseen)
        can = tuple(sorted(self.session.capabilities))
        yield ImapFolders(tuple(found[name] for name in names), can)

    def _status(self, name: str) -> Telling[tuple[int | None, int | None]]:
        try:
            answers = yield from self.session.command(
                "STATUS", _folder(name), "(MESSAGES UNSEEN)", quiet=True
            )
        except Refused:
            return None, None
        for one in answers:
            if one.name == b"STATUS" and len(one.values) >= 2:
                found = pairs(one.values[1])
                return number_of(found.get(b"MESSAGES")), number_of(found.get(b"UNSEEN"))
        return None, None

    def select(self, folder: str, *, write: bool = False) -> Telling[None]:
        """Open a folder, by EXAMINE where nothing is to be changed."""
        session = self.session
        session.folder, session.exists = "", 0
        answers = yield from session.command("SELECT" if write else "EXAMINE", _folder(folder))
        codes = {one.code: one.argument for one in answers if one.code}
        listed = next((one.values for one in answers if one.name == b"FLAGS" and one.values), ())
        session.told.clear()
        session.folder = folder
        session.read_only = not write or b"READ-ONLY" in codes
        yield ImapSelected(
            folder,
            session.exists,
            number_of(codes.get(b"UIDVALIDITY")),
            number_of(codes.get(b"UIDNEXT")),
            session.read_only,
            words_of(listed[0]) if listed else (),
        )

    def _need(self, *, write: bool) -> Telling[None]:
        session = self.session
        if not session.folder:
            raise Refused("no folder is open", code="no folder")
        if write and session.read_only:
            yield from self.select(session.folder, write=True)
            if session.read_only:
                raise Refused("the server lets nothing be changed in it", code="READ-ONLY")

    # -- messages ------------------------------------------------------------------------------

    def list_messages(self, before: int, count: int) -> Telling[None]:
        """Tell of so many messages before a place, newest first, page by page."""
        last = min(before - 1, self.session.exists)
        oldest = max(1, last - count + 1)
        rows: dict[int, Row] = {}
        asked: list[tuple[str, int, int]] = []
        page = FIRST
        while asked or last >= oldest:
            # The next page is asked for before this one is read: the server need not wait for us.
            # It may answer both at once, so that a row belongs to a page by its number alone.
            while last >= oldest and len(asked) < (2 if page > FIRST else 1):
                first = max(oldest, last - page + 1)
                tag = yield from self.session.ask(f"FETCH {first}:{last}", ITEMS)
                asked.append((tag, first, last))
                last = first - 1
            tag, first, final = asked.pop(0)
            try:
                yield from self._hear_rows(tag, rows)
            except Refused:
                for tag, _, _ in asked:
                    yield from forgiven(self._hear_rows(tag, rows))
                raise
            told = [rows.pop(number) for number in range(final, first - 1, -1) if number in rows]
            yield ImapMessages(tuple(told), self.session.exists)
            page = PAGE

    def _hear_rows(self, tag: str, rows: dict[int, Row]) -> Telling[None]:
        """The rows that answer a FETCH, by their number."""

        def quick(line: bytes) -> bool:
            row = row_of_line(line)
            if row is not None:
                rows[row.number] = row
            return row is not None

        def each(response: Response) -> bool:
            if response.name != b"FETCH" or not response.values:
                return False
            found = pairs(response.values[0])
            if b"ENVELOPE" not in found:
                return False
            rows[response.number] = row_of(response.number, found)
            return True

        yield from self.session.answers(tag, "FETCH", quiet=True, each=each, quick=quick)

    def search(self, text: str, newest: int) -> Telling[None]:
        """Tell what answers: IMAP's own search keys, or words that stand anywhere in a message."""
        yield from self._need(write=False)
        answers = yield from self.session.command("UID SEARCH", *_search(text))
        uids = sorted(
            {number_of(one) for found in answers if found.name == b"SEARCH" for one in found.values}
        )
        yield ImapFound(tuple(uids))
        shown = uids[len(uids) - min(newest, len(uids)) :]
        while shown:
            page, shown = shown[-PAGE:], shown[:-PAGE]
            rows: dict[int, Row] = {}
            tag = yield from self.session.ask(f"UID FETCH {sequence(page)}", ITEMS)
            yield from self._hear_rows(tag, rows)
            told = [rows[number] for number in sorted(rows, reverse=True)]
            yield ImapMessages(tuple(told), self.session.exists, found=True)

    # -- one message ---------------------------------------------------------------------------

    def about(self, uid: int) -> Telling[tuple[str, tuple[Part, ...], int]]:
        """Header, parts and size."""
        yield from self._need(write=False)
        found = yield from self._fetch(uid, "(BODYSTRUCTURE RFC822.SIZE BODY.PEEK[HEADER])")
        head = next((one for name, one in found.items() if name == b"BODY[HEADER]"), None)
        shown = text_of(head)[:SHOWN]
        return shown, parts_of(found.get(b"BODYSTRUCTURE")), number_of(found.get(b"RFC822.SIZE"))

    def open(self, uid: int) -> Telling[None]:
        """Tell header, parts and the text that people read."""
        head, parts, _ = yield from self.about(uid)
        part = readable(parts)
        text, cut = "", False
        if part is not None:
            data, cut = yield from self._read(uid, part)
            text = as_text(data, part.charset)
            if part.type == "text/html":
                from workbench.http.laying_out import html_text

                text = html_text(text)
        yield ImapMessage(uid, head, parts, part.section if part else "", text, cut)

    def get(self, uid: int, section: str, place: Path | None) -> Telling[None]:
        """Tell a part, decoded, or save it; section "" is the whole message, as it is."""
        if not _SECTION.fullmatch(section):
            raise Refused("a part is named as 1 or 2.1", code="no such part")
        _, parts, size = yield from self.about(uid)
        part = next((one for one in parts if one.section == section and section), None)
        if part is None:
            if section and not section.endswith(("MIME", "HEADER", "TEXT")):
                known = ", ".join(one.section for one in parts if one.section) or "none"
                raise Refused(f"there is no part {section}; it has {known}", code="no such part")
            part = Part(section, 0, "message/rfc822", 0 if section else size)
        if place is None:
            data, cut = yield from self._read(uid, part)
            yield ImapPart(uid, section, as_text(data, part.charset), part.size, cut)
            return
        name = part.name or (f"{uid}-{section}{_ending(part.type)}" if section else f"{uid}.eml")
        decoder = Decoder(part.encoding)
        with Saving(place, name) as file:
            yield from self._pieces(uid, part, lambda data: file.write(decoder.feed(data)), 0)
            file.write(decoder.end())
            file.keep()
            yield Saved(str(file.path), file.size)

    def _read(self, uid: int, part: Part) -> Telling[tuple[bytes, bool]]:
        decoder, kept = Decoder(part.encoding), bytearray()
        whole = yield from self._pieces(
            uid, part, lambda data: kept.extend(decoder.feed(data)), SHOWN
        )
        kept += decoder.end()
        return bytes(kept), not whole

    def _pieces(
        self, uid: int, part: Part, sink: Callable[[bytes], object], most: int
    ) -> Telling[bool]:
        """A part piece by piece; whether that was all of it (of `most` bytes, 0 for no limit)."""
        at, began = 0, time.monotonic()
        section = part.section if not part.is_container else ""
        while not most or at < most:
            found = yield from self._fetch(uid, f"BODY.PEEK[{section}]<{at}.{PIECE}>")
            data = next((one for name, one in found.items() if name.startswith(b"BODY[")), None)
            piece = data if isinstance(data, bytes) else b""
            if len(piece) > PIECE:
                raise JobError(
                    f"asked for {PIECE:,} bytes, the server sends {len(piece):,}",
                    code="out of bounds",
                )
            sink(piece)
            at += len(piece)
            if len(piece) < PIECE:
                if at < part.size:
                    raise JobError(
                        f"the server announced {part.size:,} bytes and gave {at:,}",
                        code="cut off",
                        advice="what is there is not all; nothing was kept",
                    )
                return True
            rate = at / max(time.monotonic() - began, 0.001)
            yield Progress(at, max(part.size, at), rate, "B")
        return at >= part.size > 0

    def _fetch(self, uid: int, items: str) -> Telling[dict[bytes, Value]]:
        found: dict[bytes, Value] = {}

        def each(response: Response) -> bool:
            if response.name == b"FETCH" and response.values:
                given = pairs(response.values[0])
                if number_of(given.get(b"UID")) == uid:
                    found.update(given)
                    return True
            return False

        yield from self.session.command(f"UID FETCH {uid}", items, each=each)
        if not found:
            raise Refused(f"there is no message of UID {uid}", code="no such message")
        return found

    # -- changes -------------------------------------------------------------------------------

    def flag(self, uids: list[int], flag: str, *, on: bool) -> Telling[None]:
        """Set a flag, or take it away."""
        name = _FLAGS.get(flag.lower().lstrip("\\"), flag)
        if not re.fullmatch(r"\\?[A-Za-z0-9$_.-]{1,60}", name):
            raise Refused(f"a flag is Seen, Flagged or a word, not {safe(flag)}", code="bad flag")
        yield from self._need(write=True)
        sign = "+" if on else "-"
        yield from self.session.command(f"UID STORE {sequence(uids)} {sign}FLAGS ({name})")
        yield ImapChanged(f"{name} {'set on' if on else 'taken from'} {_of(uids)}")

    def copy(self, uids: list[int], folder: str, *, move: bool) -> Telling[None]:
        """Copy to another folder, or move there."""
        yield from self._need(write=move)
        numbers = sequence(uids)
        if move and "MOVE" in self.session.capabilities:
            yield from self.session.command(f"UID MOVE {numbers}", _folder(folder))
        else:
            if move:
                self._need_uidplus()
            yield from self.session.command(f"UID COPY {numbers}", _folder(folder))
            if move:
                yield from self._expunge(numbers)
        yield ImapChanged(f"{_of(uids)} {'moved' if move else 'copied'} to {folder}")

    def delete(self, uids: list[int]) -> Telling[None]:
        """Delete for good."""
        yield from self._need(write=True)
        self._need_uidplus()
        yield from self._expunge(sequence(uids))
        yield ImapChanged(f"{_of(uids)} deleted")

    def _need_uidplus(self) -> None:
        if "UIDPLUS" not in self.session.capabilities:
            raise Refused(
                "the server cannot delete single messages (UIDPLUS): others that are marked"
                " would go too",
                code="no UIDPLUS",
            )

    def _expunge(self, numbers: str) -> Telling[None]:
        yield from self.session.command(f"UID STORE {numbers} +FLAGS.SILENT (\\Deleted)")
        yield from self.session.command(f"UID EXPUNGE {numbers}")

    def append(self, folder: str, path: Path) -> Telling[None]:
        """Put a file into a folder as a message; lines end by CRLF then."""
        size = sum(len(piece) for piece in _crlf(path))
        yield from self.session.command("APPEND", _folder(folder), Pieces(_crlf(path), size))
        yield ImapChanged(f"{path.name} put into {folder}")


def _folder(name: str) -> Text:
    return Text(folder_bytes(name))


def _of(uids: list[int]) -> str:
    return f"UID {uids[0]}" if len(uids) == 1 else f"{len(uids):,} messages"


def _search(text: str) -> list[Word]:
    """The words of a search: keys as they are; of anything else, where it stands in a message."""
    if not is_keys(text):
        words: list[Word] = ["TEXT", Text(text.encode())]
    else:
        words = [
            Text(one.strip('"').encode()) if one.startswith('"') or not one.isascii() else one
            for one in re.findall(r'"[^"]*"|[^ "]+', text)
        ]
    if not text.isascii():
        words = ["CHARSET UTF-8", *words]
    return words


def is_keys(text: str) -> bool:
    """A search is written in IMAP's own keys."""
    first = text.split(" ")[0].lstrip("(").upper()
    return first in _KEYS or bool(re.fullmatch(r"[0-9*:,]+", first))


def readable(parts: tuple[Part, ...]) -> Part | None:
    """The part that people read: the first plain text, else the first text, that is no file."""
    texts = [
        one for one in parts if one.type.startswith("text/") and one.disposition != "attachment"
    ]
    plain = [one for one in texts if one.type == "text/plain"]
    return (plain or texts or [None])[0]  # type: ignore[list-item]


def _ending(kind: str) -> str:
    import mimetypes

    return mimetypes.guess_extension(kind) or ".bin"


def _crlf(path: Path) -> Iterator[bytes]:
    """A file's lines, ended by CRLF, in pieces."""
    with path.open("rb") as file:
        for line in file:
            yield line if line.endswith(b"\r\n") else line.rstrip(b"\n") + b"\r\n"
