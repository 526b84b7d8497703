"""A session with an FTP server. Each call yields the dialogue as it happens, and returns values.

RFC 959, 2228, 2428, 3659, 4217. Data connections go to the host that is talked to, whatever PASV
names; inside TLS they go on with the control connection's session, as vsftpd and proftpd ask for.
"""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Callable, Generator, Iterator
from typing import BinaryIO, TypeVar

from workbench.core.endpoint import Endpoint
from workbench.core.events import Note, Progress
from workbench.core.failure import JobError
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.mail_ftp.access import AccessRequest, may_go_on_in_the_clear, secure
from workbench.mail_ftp.dialogue import MASK, Dialogue, Linked, one_line
from workbench.mail_ftp.ftp import listing
from workbench.mail_ftp.ftp.listing import Entry
from workbench.mail_ftp.ftp.places import (
    PlaceError,
    extended_passive,
    passive,
    port_command,
)
from workbench.mail_ftp.ftp.replies import Reply, ReplyError, ReplyReader
from workbench.mail_ftp.wire import Wire
from workbench.tls.client_context import context

PIECE = 1 << 18
REPORT_EVERY = 0.1
LISTING_LIMIT = 64 << 20
"""Bytes of one listing."""

V = TypeVar("V")
Telling = Generator[Event, None, V]


class Refused(JobError):  # noqa: N818 - of the words of JobError
    """The server said no; the connection goes on."""

    def __init__(self, what: str, reply: Reply) -> None:
        super().__init__(
            f"{what}: {reply.code} {safe(reply.text, limit=300)}", code=str(reply.code),
            advice=reply.words,
        )  # fmt: skip
        self.reply = reply


class Session:
    """A connection whose greeting has been read.

    Attributes:
        features: what FEAT named, in capitals.
        here: the folder where the session stands, as PWD has it.
    """

    def __init__(self, wire: Wire, end: Endpoint, access: AccessRequest, *, active: bool) -> None:
        self.wire = wire
        self.end = end
        self.access = access
        self.active = active
        self.features: dict[str, str] = {}
        self.here = "/"
        self.dialogue = Dialogue(wire, _meaning)
        self._made: ssl.SSLContext | None = None
        self._protected = False
        self._epsv = True
        self._elsewhere_told = False
        self._image = False

    # -- the dialogue --------------------------------------------------------------------------

    def hear(self) -> Telling[Reply]:
        """One reply, of however many lines."""
        reader = ReplyReader()
        while True:
            line, told = self.dialogue.hear(16_384)
            yield told
            try:
                found = reader.feed(line + b"\r\n")
            except ReplyError as problem:
                raise JobError(f"the server breaks the protocol: {problem}") from None
            if found:
                return found[0]

    def ask(self, line: str, shown: str = "") -> Telling[Reply]:
        """Say a line, hear a reply, whatever it is."""
        yield self.dialogue.say(line, shown)
        return (yield from self.hear())

    def command(self, line: str, shown: str = "") -> Telling[Reply]:
        """Say a line and hear that it is done.

        Raises:
            Refused: it is not.
        """
        reply = yield from self.ask(line, shown)
        if not reply.good:
            raise Refused(f"the server refuses {(shown or line).split(' ')[0]}", reply)
        return reply

    def say_path(self, verb: str, path: str) -> Telling[Reply]:
        """A command about a path, which must be one line."""
        return (yield from self.command(f"{verb} {one_line(path, 'the name')}"))

    # -- beginning -----------------------------------------------------------------------------

    def begin(self) -> Telling[None]:
        """Greeting, TLS where it is to be had, login, what the server can do."""
        options = self.access.tls_options
        if self.end.tls:
            self._made = context(options, ())
            yield from secure(self.wire, self.end, self.access, made=self._made)
        greeting = yield from self.hear()
        while greeting.preliminary:  # 120: ready in some minutes
            greeting = yield from self.hear()
        if not greeting.good:
            raise Refused("the server does not want to talk", greeting)
        yield from self._features()
        offered = any(one.startswith("AUTH") and "TLS" in f"{one} {more}" for one, more in
                      self.features.items())  # fmt: skip
        if not may_go_on_in_the_clear(self.wire, self.access, offered):
            yield from self.command("AUTH TLS")
            self._made = context(options, ())
            yield from secure(self.wire, self.end, self.access, made=self._made)
        user, password = self.access.account(self.end)
        yield from self._log_in(user or "anonymous", password or "anonymous@")
        if self.wire.tls is not None:
            yield from self.command("PBSZ 0")
            yield from self.command("PROT P")
            self._protected = True
        if not self.features:  # some tell only who has logged in
            yield from self._features()
        if "UTF8" in self.features:
            yield from self.ask("OPTS UTF8 ON")
        self.here = yield from self.where()

    def _features(self) -> Telling[None]:
        reply = yield from self.ask("FEAT")
        self.features = {}
        if reply.code == 211:
            for line in reply.lines[1:-1]:
                name, _, more = line.strip().partition(" ")
                key = f"{name} {more}".upper() if name.upper() == "AUTH" else name.upper()
                self.features[key] = more

    def _log_in(self, user: str, password: str) -> Telling[None]:
        if self.wire.tls is None and user != "anonymous":
            yield Note("name and password go over in the clear")
        reply = yield from self.command(f"USER {one_line(user, 'the user name')}")
        if reply.code in (331, 332):
            one_line(password, "the password")
            yield from self.command(f"PASS {password}", f"PASS {MASK}")

    def where(self) -> Telling[str]:
        """The folder where one stands."""
        reply = yield from self.ask("PWD")
        text = reply.text
        if reply.code != 257 or '"' not in text:
            return "/"
        first, last = text.index('"'), text.rindex('"')
        return text[first + 1 : last].replace('""', '"') or "/"

    def quit(self) -> Telling[None]:
        """Say goodbye; a server that has gone already is no failure."""
        try:
            yield from self.ask("QUIT")
        except (JobError, OSError):
            pass

    # -- data connections ----------------------------------------------------------------------

    def _passive(self) -> Telling[Wire]:
        host = self.wire.sock.getpeername()[0]
        if self._epsv:
            reply = yield from self.ask("EPSV")
            if reply.code == 229:
                place = _read(extended_passive, reply)
                return Wire.dial(Endpoint("tcp", host=host, port=place.port), self.wire.scope)
            self._epsv = False
            if ":" in host:
                raise Refused("the server has no passive mode for IPv6", reply)
        reply = yield from self.command("PASV")
        place = _read(passive, reply)
        if place.elsewhere(host) and not self._elsewhere_told:
            self._elsewhere_told = True
            yield Note(f"PASV names {safe(place.host)}, which is not {host}: not gone there")
        return Wire.dial(Endpoint("tcp", host=host, port=place.port), self.wire.scope)

    def _active(self) -> Telling[socket.socket]:
        host = self.wire.sock.getsockname()[0]
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = self.wire.scope.adopt(socket.socket(family))
        listener.bind((host, 0))
        listener.listen(1)
        try:
            yield from self.command(port_command(host, listener.getsockname()[1]))
        except BaseException:
            listener.close()
            raise
        return listener

    def _accepted(self, listener: socket.socket) -> Wire:
        """The server's connection, and nobody else's."""
        peer = self.wire.sock.getpeername()[0]
        until = time.monotonic() + self.wire.scope.timeout
        with listener:
            while True:
                listener.settimeout(max(0.01, until - time.monotonic()))
                try:
                    sock, address = listener.accept()
                except OSError:
                    self.wire.scope.check()
                    raise
                if address[0] == peer:
                    return Wire(self.wire.scope.adopt(sock), self.wire.scope)
                sock.close()

    def transfer(self, line: str, at: int = 0) -> Telling[Wire]:
        """Open a data connection for a command; the reply that ends it is heard by `ended`.

        Raises:
            Refused: the server does not do it.
        """
        listener: socket.socket | None = None
        data: Wire | None = None
        if self.active:
            listener = yield from self._active()
        else:
            data = yield from self._passive()
        try:
            if at:
                yield from self.command(f"REST {at}")
            reply = yield from self.ask(line)
            if not reply.preliminary:
                raise Refused(f"the server refuses {line.split(' ')[0]}", reply)
            if listener is not None:
                data = self._accepted(listener)
            assert data is not None
            if self._protected:
                session = getattr(self.wire.sock, "session", None)
                host = self.end.host or "localhost"
                data.start_tls(host, self.access.tls_options, made=self._made, session=session)
        except BaseException:
            if data is not None:
                data.close()
            if listener is not None:
                listener.close()
            raise
        return data

    def ended(self) -> Telling[Reply]:
        """The reply behind a transfer.

        Raises:
            Refused: it did not come to its end.
        """
        reply = yield from self.hear()
        if not reply.good:
            raise Refused("the transfer did not come to its end", reply)
        return reply

    # -- what is there -------------------------------------------------------------------------

    def entries(self, path: str = "") -> Telling[list[Entry]]:
        """What a folder holds, without itself and the one above.

        Raises:
            Refused: it cannot be listed.
        """
        exact = "MLST" in self.features
        verb = "MLSD" if exact else "LIST"
        one_line(path, "the name")
        data = yield from self.transfer(f"{verb} {path}".rstrip())
        with data:
            text = bytearray()
            while piece := data.piece(PIECE):
                text += piece
                if len(text) > LISTING_LIMIT:
                    raise JobError(f"a listing of more than {LISTING_LIMIT:,} bytes")
        yield self.dialogue.heard(f"a listing by {verb}", len(text))
        yield from self.ended()
        lines = text.decode("utf-8", "surrogateescape").splitlines()
        now = time.time()
        found = []
        for line in lines:
            one = listing.mlsd(line) if exact else listing.unix_or_dos(line, now)
            if one is not None and one.kind not in ("here", "above"):
                found.append(one)
        return found

    def size(self, path: str) -> Telling[int | None]:
        """A file's bytes; None where the server does not say."""
        yield from self._as_it_is()
        reply = yield from self.ask(f"SIZE {one_line(path, 'the name')}")
        words = reply.text.split()
        if reply.code != 213 or not words or not words[-1].isdigit() or len(words[-1]) > 18:
            return None
        return int(words[-1])

    def _as_it_is(self) -> Telling[None]:
        if not self._image:
            yield from self.command("TYPE I")
            self._image = True

    # -- files ---------------------------------------------------------------------------------

    def fetch(self, path: str, file: BinaryIO, at: int = 0) -> Telling[int]:
        """A file from there on, written; how many bytes came. Progress is told.

        Raises:
            JobError: it is cut, or the server says more or less than its size.
            Refused: the server does not give it.
        """
        size = yield from self.size(path)
        data = yield from self.transfer(f"RETR {one_line(path, 'the name')}", at)
        count = at
        with data:
            steps = _steps(at, size)
            for piece in _pieces(data):
                file.write(piece)
                count += len(piece)
                if progress := steps(count):
                    yield progress
        yield self.dialogue.heard(path, count - at)
        yield from self.ended()
        if size is not None and count != size:
            raise JobError(
                f"{count:,} of {size:,} bytes came", code="incomplete",
                advice="ask for it again: it goes on where it ended",
            )  # fmt: skip
        return count - at

    def store(self, path: str, file: BinaryIO, size: int, at: int = 0) -> Telling[int]:
        """A file from there on, sent; how many bytes went. Progress is told.

        Raises:
            Refused: the server does not take it.
        """
        yield from self._as_it_is()
        file.seek(at)
        data = yield from self.transfer(f"STOR {one_line(path, 'the name')}", at)
        count = at
        try:
            with data:
                steps = _steps(at, size)
                for sent in _sent(data, file):
                    count += sent
                    if progress := steps(count):
                        yield progress
                _end(data)
        except ConnectionError:
            # The server's reply tells why it hung up: no room, no right.
            yield from self.ended()
            raise
        yield self.dialogue.heard(f"{path} sent", count - at)
        yield from self.ended()
        return count - at


def _pieces(data: Wire) -> Iterator[bytes | memoryview]:
    """What comes, in a buffer that is used again."""
    if data.pending:
        yield data.piece()
    buffer = memoryview(bytearray(PIECE))
    sock = data.sock
    sock.settimeout(data.scope.timeout)
    while True:
        try:
            count = sock.recv_into(buffer)
        except ssl.SSLEOFError:
            return  # no close_notify: the size tells whether anything is missing
        except OSError:
            data.scope.check()
            raise
        if not count:
            return
        yield buffer[:count]


def _sent(data: Wire, file: BinaryIO) -> Iterator[int]:
    """Send what is left of a file; how many bytes each step took.

    In the clear by calls that wait in the kernel: twice as few as with a look before each. (By
    sendfile it takes longer over loopback, as the receiver pays for the copy in small pages.)
    """
    buffer = memoryview(bytearray(PIECE))
    send = data.send if isinstance(data.sock, ssl.SSLSocket) else _sender(data)
    with open(file.fileno(), "rb", buffering=0, closefd=False) as raw:
        while count := raw.readinto(buffer):
            send(buffer[:count])
            yield count


def _sender(data: Wire) -> Callable[[memoryview], None]:
    sock = data.sock
    whole, part = divmod(data.scope.timeout, 1)
    wait = struct.pack("ll", int(whole), int(part * 1e6))
    sock.settimeout(None)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, wait)

    def send(view: memoryview) -> None:
        try:
            while view:
                view = view[sock.send(view) :]
        except BlockingIOError:
            raise TimeoutError("timed out") from None
        except OSError:
            data.scope.check()
            raise

    return send


def _end(data: Wire) -> None:
    """Say that this was all: inside TLS by close_notify, which some servers wait for."""
    if isinstance(data.sock, ssl.SSLSocket):
        data.sock.settimeout(2.0)
        try:
            data.sock.unwrap()
        except (OSError, ValueError):
            pass  # the server does not answer it, or has closed already
    else:
        data.end_sending()


def _steps(at: int, size: int | None) -> Callable[[int], Progress | None]:
    began = told = time.monotonic()

    def step(count: int) -> Progress | None:
        nonlocal told
        now = time.monotonic()
        if now - told < REPORT_EVERY:
            return None
        told = now
        return Progress(count, size or 0, (count - at) / (now - began), "B")

    return step


def _read(reader: Callable[[str], V], reply: Reply) -> V:
    try:
        return reader(reply.text)
    except PlaceError as problem:
        raise JobError(str(problem), code=str(reply.code)) from None


def _meaning(line: bytes) -> str:
    from workbench.mail_ftp.ftp.replies import WORDS

    code = line[:3]
    return WORDS.get(int(code), "") if code.isdigit() and line[3:4] in (b" ", b"") else ""


def begin(end: Endpoint, access: AccessRequest, scope: Scope, *, active: bool) -> Telling[Session]:
    """Connect and log in. The caller closes the session's wire.

    Raises:
        JobError, OSError: why not.
    """
    wire = Wire.dial(end, scope)
    try:
        yield Linked(wire.peer, wire.local, wire.lookup, wire.connect)
        session = Session(wire, end, access, active=active)
        yield from session.begin()
    except BaseException:
        wire.close()
        raise
    return session
