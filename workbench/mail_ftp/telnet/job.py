"""telnet: a session with a server, by keys or by lines, its options told as they are negotiated."""

from __future__ import annotations

import os
import select
import socket
import ssl
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.core.endpoint import Endpoint
from workbench.core.events import Done, Note
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Command, Event, command, event
from workbench.core.scope import Scope
from workbench.core.units import amount
from workbench.mail_ftp.dialogue import Linked, Secured
from workbench.mail_ftp.telnet.client import Client, Mode, State
from workbench.mail_ftp.telnet.client_code import as_python, as_shell
from workbench.mail_ftp.telnet.codec import AYT, BRK, IP, SUSP
from workbench.mail_ftp.telnet.tame import Tamer
from workbench.mail_ftp.telnet.tty import ESCAPE, Tty
from workbench.mail_ftp.wire import Wire
from workbench.sockets.session import Send
from workbench.tls.client_context import TlsOptions

READ_SIZE = 65_536
WAITING = 1 << 20
"""Bytes that wait for a server that does not read; input is left where it is then."""
AHEAD = 1 << 18
"""Bytes that may wait for a screen before no more are read: the server then waits as well."""
LOOK_INTERVAL = 0.25
"""Seconds between two looks at the size of the user's terminal."""
TLS = "TLS"
ORDERS = {"ayt": AYT, "break": BRK, "interrupt": IP, "suspend": SUSP}
_MENU = (
    "escape: q hangs up, c characters, l lines, b binary, a are you there, i interrupt, "
    "k break, s options, ctrl+] sends itself; any other key goes on"
)


@event("shown", channel="bytes")
class Shown(Event):
    """Bytes for the screen; `tame`: nothing is left in them that a terminal would answer."""

    data: bytes
    tame: bool = False

    def line(self) -> str:
        """How many."""
        return f"received {amount(len(self.data))}"

    def size(self) -> int:
        """The bytes, and what the object itself takes."""
        return 200 + len(self.data)


@command("resize")
class Resize(Command):
    """The window has another size."""

    columns: int
    lines: int


@command("telnet-order")
class GiveOrder(Command):
    """Send a telnet command: ayt, break, interrupt or suspend."""

    name: str


@command("telnet-mode")
class SetMode(Command):
    """Another way of typing."""

    mode: Mode


@command("telnet-binary")
class SetBinary(Command):
    """Ask for BINARY both ways, or take it back."""

    on: bool


@command("telnet-taken")
class Taken(Command):
    """So many bytes have been shown. Who says so once is not sent much more than that ahead."""

    count: int


@command("hang-up")
class HangUp(Command):
    """Close the connection."""


@dataclass(frozen=True, slots=True)
class TelnetTo(Request):
    """A telnet session: a terminal to the server; from a pipe, bytes both ways.

    Options are told on standard error as they are negotiated. Where the server echoes, keys go to
    it as they are pressed, else lines; ctrl+] takes the keyboard back, q hangs up then. From a
    pipe line ends go as CR LF, and at its end the session goes on until the server closes, or is
    silent for a while (--quiet-after).
    """

    endpoint: Endpoint = argument("the server", metavar="TARGET", scheme="telnet")
    mode: Mode = option("auto", "how keys are sent; auto: by what the server agrees to")
    binary: bool = option(False, "ask for BINARY both ways: bytes and line ends as they are")
    term: str = option("", "what the terminal is called, instead of $TERM", metavar="NAME")
    window: str = option("", "the size of the window to tell, as 80x24", metavar="COLSxLINES")
    user: str = option("", "the name to tell, if the server asks (NEW-ENVIRON)", metavar="NAME")
    quiet_after: float = option(
        2.0, "from a pipe: seconds of silence that end it after the input's end", unit="s"
    )
    insecure: bool = option(False, "take any certificate (telnets)", group=TLS)
    ca: Path | None = option(None, "trust these authorities alone", metavar="FILE", group=TLS)
    server_name: str = option("", "ask for this name in TLS", metavar="NAME", group=TLS)

    @property
    def size(self) -> tuple[int, int] | None:
        """The window that was named.

        Raises:
            JobError: it is none.
        """
        if not self.window:
            return None
        columns, _, lines = self.window.partition("x")
        if not all(
            one.isascii() and one.isdigit() and 0 < int(one) < 1000 for one in (columns, lines)
        ):
            raise JobError(f"{self.window} is no size of a window", advice="write 80x24")
        return int(columns), int(lines)

    @property
    def account(self) -> str:
        """The user's name, from the option or the target."""
        return self.user or self.endpoint.user

    def as_python(self) -> str:
        """A socket, and the refusal of every option."""
        return as_python(self)

    def as_shell(self) -> str:
        """telnet(1); openssl s_client over TLS."""
        return as_shell(self)


@job(
    "telnet",
    tab="mail_ftp",
    example="telnet telnet://127.0.0.1:2323",
    commands=(Send, Resize, GiveOrder, SetMode, SetBinary, Taken, HangUp),
    reads_input=True,
)
def telnet(request: TelnetTo, scope: Scope) -> Iterator[Event]:
    """Connect, then move bytes until one side hangs up."""
    end = request.endpoint
    size = request.size
    wire = Wire.dial(end, scope)
    try:
        yield Linked(wire.peer, wire.local, wire.lookup, wire.connect)
        if end.tls:
            yield from _secure(wire, request)
        tty = None
        if scope.input is not None and os.isatty(scope.input):
            tty = Tty(scope.input)
        try:
            yield from _Session(request, scope, wire.sock, tty, size).run()
        finally:
            if tty is not None:
                tty.restore()
    finally:
        wire.close()


def _secure(wire: Wire, request: TelnetTo) -> Iterator[Event]:
    options = TlsOptions(not request.insecure, request.ca, server_name=request.server_name)
    began = time.monotonic()
    facts = wire.start_tls(request.endpoint.host or "localhost", options)
    took = time.monotonic() - began
    yield Secured(facts.version, facts.cipher, facts.bits, facts.server_name, facts.verified, took)
    if not facts.verified:
        yield Note("the certificate is not verified: anybody may be at the other end")


class _Session:
    """A poll loop over the socket, the scope's commands and the input."""

    def __init__(
        self,
        request: TelnetTo,
        scope: Scope,
        sock: socket.socket,
        tty: Tty | None,
        size: tuple[int, int] | None,
    ) -> None:
        self._scope = scope
        self._sock = sock
        self._tty = tty
        self._input = scope.input
        name = request.term or (os.environ.get("TERM", "") if tty else "") or "xterm-256color"
        self._own_size = size is not None
        size = size or (tty.size() if tty else None) or ((80, 24) if scope.input is None else None)
        self._client = Client(name, size, request.account, request.mode)
        self._client.begin(binary=request.binary)
        self._tamer = Tamer() if tty and os.isatty(1) else None
        self._out = bytearray()
        self._quiet_after = request.quiet_after
        self._heard = time.monotonic()
        self._after_cr = self._escaped = self._over = False
        self._received = self._sent = 0
        self._unshown: int | None = None
        """Bytes that wait for the screen; None where nobody counts."""
        self._state: State | None = None

    def run(self) -> Iterator[Event]:
        """Move bytes until it is over."""
        self._sock.setblocking(False)
        yield from self._push()
        yield from self._settle()
        if self._tty is not None:
            yield Note("ctrl+] takes the keyboard back")
        while not self._over and not self._silent():
            yield from self._turn()
        if self._tty is not None:
            self._tty.cook(True)
        yield Done(f"received {amount(self._received)}, sent {amount(self._sent)}")

    def _silent(self) -> bool:
        """The pipe is at its end, and the server has no more to say."""
        if self._input is not None or self._scope.input is None or self._out:
            return False
        return time.monotonic() - self._heard >= self._quiet_after

    def _turn(self) -> Iterator[Event]:
        poll = select.poll()
        poll.register(self._scope, select.POLLIN)
        reads = self._unshown is None or self._unshown < AHEAD
        wanted = (select.POLLIN if reads else 0) | (select.POLLOUT if self._out else 0)
        if wanted:
            poll.register(self._sock, wanted)
        if self._input is not None and len(self._out) < WAITING:
            poll.register(self._input, select.POLLIN)
        held = reads and isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0
        ready = dict(poll.poll(0 if held else self._patience() * 1000))
        self._scope.check()
        if self._scope.fileno() in ready:
            for one in self._scope.commands():
                self._obey(one)
        if held or ready.get(self._sock.fileno(), 0) & ~select.POLLOUT:
            yield from self._receive()
        if self._input is not None and self._input in ready:
            yield from self._type()
        if self._tty is not None and not self._own_size:
            size = self._tty.size()
            if size is not None and size != self._client.size:
                self._client.resize(*size)
        yield from self._push()
        yield from self._settle()

    def _patience(self) -> float:
        if self._tty is not None:
            return LOOK_INTERVAL
        return 0.05 if self._input is None and self._scope.input is not None else 3600.0

    # -- in ------------------------------------------------------------------------------------

    def _receive(self) -> Iterator[Event]:
        try:
            data = self._sock.recv(READ_SIZE)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except (ssl.SSLEOFError, ConnectionResetError):
            if not self._received:
                raise
            data = b""
        self._heard = time.monotonic()
        self._received += len(data)
        if not data:
            self._over = True
            yield from self._talk(Note("the server has hung up"))
            return
        for one in self._client.receive(data):
            if not isinstance(one, bytes):
                yield from self._talk(one)
                yield from self._push()
            elif self._tamer is None:
                if self._unshown is not None:
                    self._unshown += len(one)
                yield Shown(one)
            elif self._tty is not None:
                self._tty.cook(False)
                yield Shown(self._tamer.feed(one), tame=True)

    def _talk(self, event: Event) -> Iterator[Event]:
        if self._tty is not None:
            self._tty.cook(True)
        yield event

    # -- out -----------------------------------------------------------------------------------

    def _obey(self, one: Command) -> None:
        client = self._client
        match one:
            case Send(data=data) if len(self._out) < WAITING:
                client.telnet.send(data)
            case Resize(columns=columns, lines=lines):
                client.resize(columns, lines)
            case GiveOrder(name=name) if name in ORDERS:
                client.telnet.order(ORDERS[name])
            case SetMode(mode=mode):
                client.set_mode(mode)
            case SetBinary(on=on):
                client.set_binary(on)
            case Taken(count=count):
                self._unshown = max(0, (self._unshown or 0) - count)
            case HangUp():
                self._over = True

    def _type(self) -> Iterator[Event]:
        """What the user, or a pipe, has for the server."""
        assert self._input is not None
        data = os.read(self._input, READ_SIZE)
        if not data:
            self._input = None
            self._heard = time.monotonic()
            self._over = self._tty is not None  # ctrl+d on a line of its own
        elif self._tty is None:
            self._client.telnet.send(self._line_ends(data))
        else:
            yield from self._keys(data)

    def _keys(self, data: bytes) -> Iterator[Event]:
        while data:
            if self._escaped:
                self._escaped = False
                yield from self._escape(data[:1])
                data = data[1:]
                continue
            before, escape, data = data.partition(ESCAPE)
            character = self._tty is not None and self._tty.character
            self._client.telnet.send(before if character else self._line_ends(before))
            if escape:
                self._escaped = True
                if self._tty is not None:
                    self._tty.set(character=True, echo=False)
                yield from self._talk(Note(_MENU))

    def _escape(self, key: bytes) -> Iterator[Event]:
        client = self._client
        match key.lower():
            case b"q":
                self._over = True
            case b"c":
                client.set_mode("character")
            case b"l":
                client.set_mode("line")
            case b"b":
                client.set_binary(not client.state.binary)
            case b"a":
                client.telnet.order(AYT)
            case b"i":
                client.telnet.order(IP)
            case b"k":
                client.telnet.order(BRK)
            case b"s":
                yield from self._talk(Note(in_words(client.state)))
            case b"\x1d":
                client.telnet.send(ESCAPE)

    def _line_ends(self, data: bytes) -> bytes:
        """LF as CR LF, as an NVT has it; but not twice, and not where BINARY is agreed on."""
        if self._client.state.binary:
            return data
        text = (b"\r" if self._after_cr else b"") + data
        text = text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        had, self._after_cr = self._after_cr, data.endswith(b"\r")
        return text[1:] if had else text

    def _push(self) -> Generator[Event, None, None]:
        """Send what waits, as much as is taken; tell what of it is negotiation."""
        data, told = self._client.take()
        self._out += data
        for one in told:
            yield from self._talk(one)
        while self._out:
            try:
                count = self._sock.send(memoryview(self._out)[:READ_SIZE].tobytes())
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return
            except (BrokenPipeError, ConnectionResetError):
                self._out.clear()
                return  # reading tells
            self._sent += count
            del self._out[:count]
            self._heard = time.monotonic()

    def _settle(self) -> Iterator[Event]:
        """Have the terminal be as the session stands, and tell of it where that has changed."""
        state = self._client.state
        if self._tty is not None and not self._escaped:
            self._tty.set(character=state.character, echo=state.echo and not state.character)
        if self._state is None or _differs(state, self._state):
            self._state = state
            yield state


def _differs(one: State, other: State) -> bool:
    return (one.ours, one.theirs, one.character, one.echo, one.binary) != (
        other.ours,
        other.theirs,
        other.character,
        other.echo,
        other.binary,
    )


def in_words(state: State) -> str:
    """How a session stands, on one line."""
    typing = "characters" if state.character else "lines"
    binary = ", binary" if state.binary else ""
    echo = "shown here" if state.echo else "shown by the server"
    return (
        f"we: {', '.join(state.ours) or 'nothing'}; "
        f"server: {', '.join(state.theirs) or 'nothing'}; {typing}, {echo}{binary}"
    )
