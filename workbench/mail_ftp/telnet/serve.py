"""serve telnet: a small shell of our own, or a program on a terminal, for any telnet client."""

from __future__ import annotations

import codecs
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.core.job import argument, job, option
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.mail_ftp.telnet.codec import (
    AYT,
    BINARY,
    BRK,
    ECHO,
    IP,
    NAWS,
    NEW_ENVIRON,
    SGA,
    TTYPE,
    Data,
    Item,
    Option,
    Order,
    Sub,
    Telnet,
    Wanted,
)
from workbench.mail_ftp.telnet.lines import LineEditor
from workbench.mail_ftp.telnet.pty_child import PtyChild
from workbench.mail_ftp.telnet.serve_code import as_python
from workbench.mail_ftp.telnet.shell import Guest, Shell
from workbench.mail_ftp.telnet.words import IS, SEND, TOLD, Negotiated, said, say, variables, window
from workbench.servers.connection import Connection, Handler
from workbench.servers.events import COMMANDS
from workbench.servers.loop import Loop
from workbench.tls.serving.code import python_command, socat_options
from workbench.tls.serving.request import SecureRequest

IDLE = 3_600.0
"""Seconds of silence after which a visitor is parted from."""
PARTING = 5.0
"""Seconds that a visitor who has said quit has to hang up."""
NAMES = 64
"""Characters of a terminal's name and of a variable that are kept."""

_LEFT = "the visitor left"


@dataclass(frozen=True, slots=True)
class ServeTelnet(SecureRequest):
    """Serve a small shell by Telnet, or a program.

    The shell shows what was negotiated, and what a terminal can do.

    It runs no program of the system, unless --exec names one: that runs on a terminal of its own
    for each visitor, without any password, so that without --open only this host is let in.
    """

    endpoint: Endpoint = argument(
        "where to listen; port 0 takes a free one", metavar="ENDPOINT", scheme="telnet"
    )
    exec: str = option("", "run this for each visitor, on a terminal", metavar="COMMAND")
    open: bool = option(False, "with --exec: let in more than this host")
    line: bool = option(False, "leave the editing of lines to the client: offer no ECHO")
    ask_environment: bool = option(False, "ask for variables too (NEW-ENVIRON: USER, DISPLAY...)")

    def as_python(self) -> str:
        """A socketserver that negotiates, echoes and knows a few commands."""
        return as_python(self)

    def as_shell(self) -> str:
        """socat with a program on a terminal (bare bytes, which clients take); else Python."""
        if not self.exec:
            return python_command(self.as_python())
        from workbench.sockets.socat import listener

        end = self.endpoint.with_scheme("tcp")
        other = f"SYSTEM:{_colons(self.exec)},pty,setsid,ctty,stderr,sane"
        return f"socat {shlex.quote(listener(end, socat_options(self)))} {shlex.quote(other)}"


def _colons(program: str) -> str:
    """A program's words as socat's addresses take them."""
    return "".join(f"\\{char}" if char in ":,\\\"'()[]{}!" else char for char in program)


@job(
    "serve telnet",
    tab="servers",
    example="serve telnet telnet://127.0.0.1:2323",
    process=True,
    commands=COMMANDS,
)
def serve_telnet(request: ServeTelnet, scope: Scope) -> Iterator[Event]:
    """Serve until stopped."""
    end = request.endpoint
    if end.transport not in ("tcp", "unix"):
        raise JobError(f"telnet is not served over {end.scheme}", advice="use telnet://HOST:PORT")
    private = end.is_unix or end.is_loopback
    if request.exec and not private and not request.open:
        raise JobError(
            f"--exec gives a terminal to everybody who reaches {end.host or 'any address'}",
            advice="listen on 127.0.0.1, or say --open if that is what you want",
        )
    if request.secured and end.scheme == "telnet":
        end = end.with_scheme("telnets")
    handler = TelnetHandler(request)
    try:
        yield from Loop(end, handler, scope, request.admit, request.layer()).run()
    finally:
        handler.end()


class Visitor:
    """What is known of one connection."""

    def __init__(self, request: ServeTelnet, shell: Shell, telnet: Telnet) -> None:
        self.telnet = telnet
        self.shell = shell
        self.editor = LineEditor()
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.child: PtyChild | None = None
        self.leaving = False
        self.told = 0


class TelnetHandler(Handler):
    """The protocol's side of it: options, and what is typed to a shell or a program."""

    def __init__(self, request: ServeTelnet) -> None:
        self._request = request
        self._visitors: dict[int, tuple[Connection, Visitor]] = {}
        self._children: list[PtyChild] = []

    # -- coming and going ----------------------------------------------------------------------

    def opened(self, connection: Connection) -> None:
        """Ask for what a terminal needs, and greet."""
        local = {SGA, BINARY} | (set() if self._request.line else {ECHO})
        remote = {SGA, BINARY, NAWS, TTYPE}
        if self._request.ask_environment:
            remote.add(NEW_ENVIRON)
        telnet = Telnet(Wanted(frozenset(local), frozenset(remote)))
        visitor = Visitor(self._request, Shell(telnet, self._guests), telnet)
        connection.state = visitor
        self._visitors[connection.id] = connection, visitor
        if not self._request.line:
            telnet.ask("local", ECHO)
            telnet.ask("local", SGA)
        for number in sorted(remote - {BINARY}):
            telnet.ask("remote", number)
        self._tell_own(connection, visitor)
        if self._request.exec:
            self._start(connection, visitor)
        else:
            self._write(connection, visitor, visitor.shell.greeting())
        connection.deadline(IDLE, "silent for an hour")

    def closed(self, connection: Connection) -> None:
        """Let go of the program."""
        _, visitor = self._visitors.pop(connection.id, (None, None))
        if visitor is not None and visitor.child is not None:
            visitor.child.close()

    def end(self) -> None:
        """The server is over: no program outlives it."""
        for child in self._children:
            child.end()

    def drained(self, connection: Connection) -> None:
        """The client has taken what waited."""
        visitor: Visitor = connection.state
        if visitor.leaving:
            connection.finish()
        elif visitor.child is not None:
            visitor.child.hold_back(False)

    def _guests(self) -> list[Guest]:
        return [
            Guest(connection.id, connection.peer, connection.opened_at, visitor.shell.terminal)
            for connection, visitor in self._visitors.values()
        ]

    # -- what comes ----------------------------------------------------------------------------

    def received(self, connection: Connection, data: memoryview) -> None:
        """Options and what is typed."""
        visitor: Visitor = connection.state
        if visitor.leaving:
            return
        connection.deadline(IDLE, "silent for an hour")
        for item in visitor.telnet.receive(data):
            if isinstance(item, Data):
                self._typed(connection, visitor, item.data)
            else:
                self._tell(connection, visitor, say(visitor.telnet, item, "client", connection.id))
                self._heed(connection, visitor, item)
                self._tell_own(connection, visitor)
            if connection.closing or visitor.leaving:
                return
        self._tell_own(connection, visitor)

    def ended(self, connection: Connection) -> None:
        """The client has hung up."""
        connection.close(_LEFT if connection.state.leaving else "closed by the peer")

    def _heed(self, connection: Connection, visitor: Visitor, item: Item) -> None:
        telnet, shell = visitor.telnet, visitor.shell
        match item:
            case Order(code) if code == AYT:
                self._write(connection, visitor, "\r\n[yes, the workbench is here]\r\n")
            case Order(code) if code in (IP, BRK):
                self._typed(connection, visitor, b"\x03")
            case Option(_, option, "remote", True, True) if option == TTYPE:
                telnet.sub(TTYPE, bytes((SEND,)))
            case Option(_, option, "remote", True, True) if option == NEW_ENVIRON:
                telnet.sub(NEW_ENVIRON, bytes((SEND,)))
            case Sub(option, data) if option == NAWS and window(data) is not None:
                columns, lines = window(data) or (0, 0)
                shell.size = (columns or 80, lines or 24)
                if visitor.child is not None:
                    visitor.child.resize(*shell.size)
            case Sub(option, data) if option == TTYPE and data[:1] == bytes((IS,)):
                shell.terminal = shell.terminal or safe(data[1:], limit=NAMES)
            case Sub(option, data) if option == NEW_ENVIRON:
                for name, value in variables(data[1:]):
                    shell.environment[safe(name, limit=NAMES)] = safe(value, limit=NAMES)
        size = "{}x{}".format(*shell.size) if shell.size else ""
        connection.last = f"{shell.terminal} {size}".strip()

    def _typed(self, connection: Connection, visitor: Visitor, data: bytes) -> None:
        if visitor.child is not None:
            visitor.child.write(data)
            return
        text = visitor.decoder.decode(data)
        shell, editor = visitor.shell, visitor.editor
        for shown, line in editor.feed(text):
            if visitor.telnet.is_on("local", ECHO):
                self._write(connection, visitor, shown)
            if line is None:
                continue
            connection.request_done()
            self._write(connection, visitor, shell.typed(line))
            if shell.masked != editor.masked:
                editor.masked = shell.masked
                self._hide(visitor)
            if shell.over:
                connection.send(visitor.telnet.take())
                self._leave(connection, visitor)
                return

    def _leave(self, connection: Connection, visitor: Visitor) -> None:
        """Hang up; what has been sent by then is read, or the peer would lose our last words."""
        visitor.leaving = True
        connection.deadline(PARTING, _LEFT)
        if not connection.pending:
            connection.finish()

    def _hide(self, visitor: Visitor) -> None:
        """Have a client that edits lines itself show nothing of a password."""
        if self._request.line:
            visitor.telnet.wanted = Wanted(frozenset({ECHO, SGA}), visitor.telnet.wanted.remote)
            visitor.telnet.ask("local", ECHO, visitor.editor.masked)

    # -- what goes -----------------------------------------------------------------------------

    def _write(self, connection: Connection, visitor: Visitor, text: str) -> None:
        if text:
            visitor.telnet.send(text.encode("utf-8", "replace"))
            connection.send(visitor.telnet.take())

    def _tell_own(self, connection: Connection, visitor: Visitor) -> None:
        """Send what the options ask for, and tell of it."""
        data = visitor.telnet.take()
        if data:
            connection.send(data)
            for one in said(data, "server", connection.id):
                self._tell(connection, visitor, one)

    def _tell(self, connection: Connection, visitor: Visitor, what: Negotiated | None) -> None:
        if what is None or visitor.told > TOLD:
            return
        visitor.told += 1
        if visitor.told > TOLD:
            what = Negotiated(what.side, "more of this is not told", peer=connection.id)
        connection.report(what)

    # -- a program -----------------------------------------------------------------------------

    def _start(self, connection: Connection, visitor: Visitor) -> None:
        def output(data: bytes) -> None:
            if not data:
                connection.close("the program has ended")
                return
            visitor.telnet.send(data)
            connection.send(visitor.telnet.take())
            if connection.pending and visitor.child is not None:
                visitor.child.hold_back(True)

        try:
            environment = {"TERM": "xterm-256color", "REMOTEHOST": connection.host}
            visitor.child = PtyChild(connection.loop, self._request.exec, environment, output)
        except OSError as problem:
            self._write(connection, visitor, f"it cannot be started: {problem.strerror}\r\n")
            connection.close("the program cannot be started")
            return
        self._children = [one for one in self._children if one.process.poll() is None]
        self._children.append(visitor.child)
        visitor.child.resize(*(visitor.shell.size or (80, 24)))
