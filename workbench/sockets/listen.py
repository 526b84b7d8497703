"""Listen, and talk to whoever comes: the other side of `connect`, with many peers at once."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from workbench.core.endpoint import Endpoint
from workbench.core.events import Note
from workbench.core.failure import JobError, explain
from workbench.core.job import job, option
from workbench.core.message import Command, Event
from workbench.core.scope import Scope
from workbench.core.units import amount
from workbench.servers.bind import bind
from workbench.servers.connection import Connection, Handler
from workbench.servers.datagram import DatagramLoop
from workbench.servers.events import COMMANDS as SERVER_COMMANDS
from workbench.servers.loop import Loop
from workbench.servers.request import ServeRequest
from workbench.servers.turns import HIGH_WATER, READ
from workbench.servers.visitors import Visitor
from workbench.sockets.listen_code import as_python, as_shell
from workbench.sockets.options import write as write_option
from workbench.sockets.record import recorded
from workbench.sockets.session import (
    COMMANDS,
    Finish,
    Finished,
    Look,
    ReadOptions,
    Received,
    Send,
    SendFile,
    Sent,
    SetOption,
    session_settings,
)
from workbench.sockets.simple import DATAGRAMS, STREAMS
from workbench.sockets.tuning import tune, views
from workbench.tls.serving.code import context_lines, socat_options
from workbench.tls.serving.request import SecureRequest

PIECE = 1 << 16
"""Bytes of the input or of a file that are read at once."""

RECORD = 1 << 14
"""Bytes of the input that go in one datagram."""

PIECES = 4_096
"""Datagrams that a file is sent in at the most."""

LEAST_LOOK = 0.05
"""Seconds between two looks of the kernel's view, however often it is asked for."""

LISTEN_COMMANDS: tuple[type[Command], ...] = (*SERVER_COMMANDS, *COMMANDS)


@dataclass(frozen=True, slots=True)
class Listen(SecureRequest):
    """Listen, and talk to whoever comes: what they send to standard output, the input to all.

    Byte for byte; many peers at once, their bytes mixed as they come. The input waits for the first
    peer, and at its end our half of each connection is closed. With --once it ends with the first
    peer, as nc -l does; on the screen each line goes to all, or to one that is chosen.
    """

    once: bool = option(False, "one peer, and the end with it")
    set: tuple[str, ...] = option(
        (), "set a socket option, which each connection inherits", metavar="NAME=VALUE"
    )
    coverage: int = option(
        0, "UDP-Lite: bytes of each datagram, 8 of them its header, that the checksum covers"
    )
    save: str = option(
        "",
        "write the session to a new file: .txt, .jsonl, .pcapng, or .py that plays it",
        metavar="FILE",
    )

    @property
    def settings(self) -> tuple[tuple[str, str], ...]:
        """The options to set, checked.

        Raises:
            JobError: no such option or value.
        """
        return session_settings(self.endpoint, self.set, self.coverage)

    def bind(self, endpoint: Endpoint, scope: Scope) -> list[socket.socket]:
        """Sockets with these options; raises what `bind.bind` raises."""
        settings = self.settings

        def prepare(one: socket.socket) -> None:
            for name, value in settings:
                write_option(one, name, value)

        return bind(endpoint, scope, prepare)

    def as_python(self) -> str:
        """Threads for a stream's peers, a loop for datagrams."""
        script = as_python(self.endpoint, self.settings, once=self.once)
        if not self.secured:
            return script
        wrap = "server = context.wrap_socket(server, server_side=True)\nwith server:\n"
        script = script.replace("with server:\n", f"{context_lines(self)}\n{wrap}", 1)
        return script.replace("import socket\n", "import socket\nimport ssl\n", 1)

    def as_shell(self) -> str:
        """ncat, which keeps listening and has a broker's ear; socat for other sockets."""
        return as_shell(self.endpoint, self.settings, once=self.once, tls=socat_options(self))


class _Handler(Handler):
    """Tells of everything that peers do."""

    def __init__(self, *, once: bool, answers: bool) -> None:
        self.once = once
        self.answers = answers
        """There is an input, which may have more to say to who says no more."""
        self.finished = False
        self.first = 0
        self.came: Any = None

    def opened(self, connection: Connection) -> None:
        """Somebody is there: the input may begin."""
        self.first = self.first or connection.id
        connection.state = {"ended": False}
        if self.finished:
            connection.finish()
        if self.came is not None:
            self.came()

    def received(self, connection: Connection, data: memoryview) -> None:
        """Tell of it."""
        connection.last = f"in {amount(connection.bytes_in)}"
        connection.loop.desk.events.append(Received(bytes(data), connection.id))

    def drained(self, connection: Connection) -> None:
        """Nothing waits for it: our half can be closed."""
        if self.finished and not connection.closing:
            connection.finish()

    def ended(self, connection: Connection) -> None:
        """It says no more; whether it still listens cannot be known."""
        connection.state["ended"] = True
        connection.loop.desk.events.append(Note(f"#{connection.id} has finished sending"))
        if self.finished or not self.answers:
            connection.close("closed by the peer")

    def closed(self, connection: Connection) -> None:
        """With one peer only this is the end."""
        if self.once and connection.id == self.first:
            connection.loop.desk.stopping = True


class _Listening(Loop):
    """The loop of streams, which sends what the user says."""

    def __init__(self, request: Listen, scope: Scope) -> None:
        self.talk = _Handler(once=request.once, answers=scope.input is not None)
        layer = request.layer()
        super().__init__(request.spoken(request.endpoint), self.talk, scope, request.admit, layer)
        self._input = _Input(self, scope.input) if scope.input is not None else None
        self.talk.came = self._somebody_came
        self._request = request
        self._record = request.endpoint.transport == "unixseq"
        """What is sent keeps its bounds: a file goes in records too."""
        self._look = Look(0.0)
        self._looking = False

    def bind(self) -> list[socket.socket]:
        """With the options that were asked for."""
        return self._request.bind(self.endpoint, self.scope)

    def _obey(self, _: int) -> None:
        commands = self.scope.commands()
        for command in commands:
            match command:
                case Send():
                    self.say(command.data, command.peer)
                case SendFile():
                    self._say_file(command)
                case Finish():
                    self.finish()
                case ReadOptions() | SetOption():
                    self.desk.events += tune(command, self._sockets(command))
                case Look():
                    self._look = command
                    if not self._looking:
                        self._looks()
        self.desk.obey(commands)

    def _sockets(self, command: ReadOptions | SetOption | Look) -> list[socket.socket]:
        """Whose options are meant: one peer's; or the listeners', to set also all peers'."""
        peers = [one.sock for one in self.peers(command.peer)]
        bare = [one for one in peers if isinstance(one, socket.socket)]  # nothing is laid on them
        if command.peer:
            return bare
        return [*self._listeners, *bare] if isinstance(command, SetOption) else self._listeners

    def _looks(self) -> None:
        """Tell the kernel's view now, and again as long as it is asked for."""
        self._looking = self._look.every > 0
        if self._looking:
            self.desk.events += views(self._sockets(self._look), self._look.peer)
            self.call_later(max(LEAST_LOOK, self._look.every), self._looks)

    def peers(self, number: int) -> list[Connection]:
        """One peer, or all."""
        if number:
            one = self._open.get(number)
            return [one] if one is not None else []
        return list(self._open.values())

    def say(self, data: bytes, number: int = 0) -> None:
        """Send to one peer or to all."""
        peers = self.peers(number)
        if not peers:
            self.desk.note("not sent: nobody is there" if not number else f"#{number} is gone")
        for one in peers:
            if one.pending > HIGH_WATER:
                self.desk.note(f"not sent to #{one.id}: it does not read what waits for it")
                continue
            one.send(data)
            self.desk.events.append(Sent(data, one.id))

    def _say_file(self, command: SendFile) -> None:
        try:
            fd = os.open(command.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                size = _regular_size(fd)
                peers = self.peers(command.peer)
                if not peers:
                    self.desk.note("not sent: nobody is there")
                for one in peers:
                    if self._record:
                        self._say_records(one, fd, size)
                    else:
                        one.send_file(os.dup(fd), 0, size)
                    self.desk.note(f"{amount(size)} of a file go to #{one.id}")
            finally:
                os.close(fd)
        except OSError as problem:
            self.desk.note(explain("send a file", problem).line())

    def _say_records(self, one: Connection, fd: int, size: int) -> None:
        for at in range(0, min(size, HIGH_WATER), RECORD):
            one.send(os.pread(fd, RECORD, at))
        if size > HIGH_WATER:
            self.desk.note(f"{amount(size - HIGH_WATER)} of the file are not sent")

    def finish(self) -> None:
        """Say no more: each peer's connection is closed when it has finished too."""
        self.talk.finished = True
        self.desk.events.append(Finished("ours"))
        for one in self.peers(0):
            if one.state["ended"]:
                one.close("both have finished")
            elif not one.pending:
                one.finish()

    def _somebody_came(self) -> None:
        if self.talk.once and len(self._open) > 1:
            newest = max(self._open)
            self.close_peer(newest, "there is a peer already")
        elif self._input is not None:
            self._input.begin()


class _Input:
    """Standard input to all peers: read when somebody is there, and no faster than they read."""

    def __init__(self, loop: _Listening, fd: int) -> None:
        self._loop = loop
        self._fd = fd
        self._piece = RECORD if loop.endpoint.transport == "unixseq" else PIECE
        self._pollable = not stat.S_ISREG(os.fstat(fd).st_mode)
        self._going = self._over = False

    def begin(self) -> None:
        """Read from now on."""
        if self._going or self._over:
            return
        self._going = True
        if self._pollable:
            self._loop.watch(self._fd, READ, self._ready)
        else:
            self._loop.call_soon(self._go_on)

    def _ready(self, _: int) -> None:
        self._read()

    def _go_on(self) -> None:
        """Read a file, which is always ready."""
        if self._going and self._read():
            self._loop.call_soon(self._go_on)

    def _read(self) -> bool:
        """One piece; False when there is no more for now."""
        peers = self._loop.peers(0)
        if not peers or any(one.pending > HIGH_WATER // 2 for one in peers):
            self._pause(0.02 if peers else None)
            return False
        try:
            data = os.read(self._fd, self._piece)
        except BlockingIOError:
            return True
        if not data:
            self._over = True
            self._pause(None)
            self._loop.finish()
            return False
        self._loop.say(data)
        return True

    def _pause(self, seconds: float | None) -> None:
        """Stop reading, for some time or until the next peer comes."""
        if self._going and self._pollable:
            self._loop.unwatch(self._fd)
        self._going = False
        if seconds is not None:
            self._loop.call_later(seconds, self.begin)


class DatagramTalk(DatagramLoop):
    """The loop of datagrams, which sends what the user says to who has sent something."""

    def __init__(self, request: ServeRequest, scope: Scope, *, once: bool) -> None:
        super().__init__(request.endpoint, lambda _: None, scope, request.admit)
        self._once = once
        self._input = scope.input
        self._first = 0
        self._asked = request
        self._look = Look(0.0)

    def bind(self) -> list[socket.socket]:
        """With the options that were asked for."""
        if isinstance(self._asked, Listen):
            return self._asked.bind(self.endpoint, self.scope)
        return super().bind()

    def ticked(self) -> None:
        """Tell the kernel's view, as long as it is asked for."""
        if self._look.every > 0:
            self.desk.events += views(self.sockets)

    def reply_to(self, peer: Visitor, data: memoryview) -> None:
        """Tell of it; with one peer only, nobody else is heard."""
        self._first = self._first or peer.id
        if self._once and peer.id != self._first:
            self.desk.note(f"#{peer.id} is not heard: there is a peer already")
            return
        self.desk.events.append(Received(bytes(data), peer.id))
        self.begin_input()

    def begin_input(self) -> None:
        """Read the input from now on."""
        fd, self._input = self._input, None
        if fd is None:
            return
        try:
            self.selector.register(fd, READ, partial(self._read, fd))
        except PermissionError:  # epoll(7) takes no regular file, which is always ready
            for _ in range(PIECES):
                if not self._read(fd):
                    return
            self.desk.note(f"the input has more than {PIECES:,} datagrams: the rest is not sent")

    def _read(self, fd: int) -> bool:
        """A piece of the input is a datagram to everybody; False at its end."""
        try:
            data = os.read(fd, RECORD)
        except BlockingIOError:
            return True
        if data:
            self.say(data)
            return True
        if fd in self.selector.get_map():
            self.selector.unregister(fd)
        self.desk.events.append(Finished("ours"))
        self.desk.stopping = self._once
        return False

    def _obey(self) -> None:
        commands = self.scope.commands()
        for command in commands:
            match command:
                case Send():
                    self.say(command.data, command.peer)
                case SendFile():
                    try:
                        self.say(command.path.read_bytes()[:PIECE], command.peer)
                    except OSError as problem:
                        self.desk.note(explain("send a file", problem).line())
                case Finish():
                    self.desk.stopping = True
                case ReadOptions() | SetOption():
                    self.desk.events += tune(command, self.sockets)
                case Look():
                    self._look = command
                    self.ticked()
        self.desk.obey(commands)

    def say(self, data: bytes, number: int = 0) -> None:
        """Send to one peer or to all who have sent something."""
        peers = [one for one in self.desk.peers.values() if isinstance(one, Visitor)]
        peers = [one for one in peers if number in (0, one.id)]
        if not peers:
            self.desk.note("not sent: nobody has sent anything yet")
        for one in peers:
            try:
                self.send_to(one, data)
            except OSError as problem:
                self.desk.note(explain(f"send to #{one.id}", problem).line())
            else:
                self.desk.events.append(Sent(data, one.id))


def _regular_size(fd: int) -> int:
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(22, "it is no regular file")
    return found.st_size


@job(
    "listen",
    tab="sockets",
    example="listen tcp://127.0.0.1:7008",
    commands=LISTEN_COMMANDS,
    reads_input=True,
)
def listen(request: Listen, scope: Scope) -> Iterator[Event]:
    """Listen until stopped, or until the one peer has gone."""
    end = request.endpoint
    request.settings  # noqa: B018 - what is wrong with them is told before anything is opened
    if end.scheme in (*STREAMS, "unixseq"):
        events = _Listening(request, scope).run()
        return recorded(events, request.save, end, listened=True)
    if end.scheme in DATAGRAMS:
        events = DatagramTalk(request, scope, once=request.once).run()
        return recorded(events, request.save, end, listened=True)
    raise JobError(
        f"nothing can listen over {end.scheme} here",
        advice="use tcp://HOST:PORT, udp://HOST:PORT, unix:PATH; also unixseq, unixgram, vsock",
    )
