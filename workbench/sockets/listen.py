"""Listen, and talk to whoever comes: the other side of `connect`, with many peers at once."""

from __future__ import annotations

import os
import shlex
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
from workbench.servers.connection import Connection, Handler
from workbench.servers.datagram import DatagramLoop
from workbench.servers.events import COMMANDS as SERVER_COMMANDS
from workbench.servers.loop import Loop
from workbench.servers.request import ServeRequest
from workbench.servers.turns import HIGH_WATER, READ
from workbench.servers.visitors import Visitor
from workbench.sockets.session import Finish, Finished, Received, Send, SendFile, Sent
from workbench.sockets.simple import DATAGRAMS, STREAMS
from workbench.sockets.socat import listener

PIECE = 1 << 16
"""Bytes of the input or of a file that are read at once."""

RECORD = 1 << 14
"""Bytes of the input that go in one datagram."""

PIECES = 4_096
"""Datagrams that a file is sent in at the most."""

LISTEN_COMMANDS: tuple[type[Command], ...] = (*SERVER_COMMANDS, Send, SendFile, Finish)

_PYTHON_STREAM = """\
import os
import socket
import threading

peers = set()
came = threading.Event()


def send():
    came.wait()
    while data := os.read(0, 65536):
        for peer in list(peers):
            peer.sendall(data)
    for peer in list(peers):
        peer.shutdown(socket.SHUT_WR)


def receive(peer):
    while data := peer.recv(65536):
        os.write(1, data)
    peers.discard(peer)
    peer.close()


{listen}
with server:
    threading.Thread(target=send, daemon=True).start()
    while True:
        peer, _ = server.accept()
        peers.add(peer)
        came.set()
        if {once}:
            receive(peer)
            break
        threading.Thread(target=receive, args=(peer,), daemon=True).start()
"""
_PYTHON_DATAGRAM = """\
import os
import select
import socket

with socket.socket(socket.{family}, socket.SOCK_DGRAM) as server:
    server.bind({address!r})
    peers = {{}}
    inputs = [server]
    while True:
        for one in select.select(inputs, [], [])[0]:
            if one is server:
                data, peer = server.recvfrom(65535)
                os.write(1, data)
                if peer:
                    peers[peer] = True
                inputs = [server, 0]
                continue
            data = os.read(0, 16384)
            if not data:
                inputs = [server]
            for peer in peers if data else ():
                server.sendto(data, peer)
"""


@dataclass(frozen=True, slots=True)
class Listen(ServeRequest):
    """Listen, and talk to whoever comes: what they send to standard output, the input to all.

    Byte for byte; many peers at once, their bytes mixed as they come. The input waits for the first
    peer, and at its end our half of each connection is closed. With --once it ends with the first
    peer, as nc -l does; on the screen each line goes to all, or to one that is chosen.
    """

    once: bool = option(False, "one peer, and the end with it")

    def as_python(self) -> str:
        """Threads for a stream's peers, a loop for datagrams."""
        end = self.endpoint
        if end.scheme in DATAGRAMS:
            family = "AF_UNIX" if end.is_unix else "AF_INET6" if ":" in end.host else "AF_INET"
            return _PYTHON_DATAGRAM.format(family=family, address=_address(end))
        if end.is_unix:
            listen = f"server = socket.socket(socket.AF_UNIX)\nserver.bind({_address(end)!r})\n"
            listen += "server.listen()"
        else:
            family = "AF_INET6" if ":" in end.host else "AF_INET"
            listen = f"server = socket.create_server({_address(end)!r}, family=socket.{family})"
        return _PYTHON_STREAM.format(listen=listen, once=self.once)

    def as_shell(self) -> str:
        """ncat, which keeps listening and has a broker's ear; socat for Unix sockets."""
        end = self.endpoint
        if end.is_unix or end.transport not in ("tcp", "udp"):
            return f"socat - {shlex.quote(listener(end).removesuffix(',fork'))}"
        datagrams = end.transport == "udp"  # of which ncat keeps to the first peer
        words = ["ncat", "-l", *["-u"] * datagrams, *["-k"] * (not self.once and not datagrams)]
        words += [end.host or "127.0.0.1", str(end.port)]
        return shlex.join(words)


def _address(end: Endpoint) -> Any:
    return end.unix_address if end.is_unix else (end.host or "127.0.0.1", end.port)


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
        super().__init__(request.endpoint, self.talk, scope, request.admit)
        self._input = _Input(self, scope.input) if scope.input is not None else None
        self.talk.came = self._somebody_came

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
        self.desk.obey(commands)

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
                    one.send_file(os.dup(fd), 0, size)
                    self.desk.note(f"{amount(size)} of a file go to #{one.id}")
            finally:
                os.close(fd)
        except OSError as problem:
            self.desk.note(explain("send a file", problem).line())

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
            data = os.read(self._fd, PIECE)
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
    if end.scheme in STREAMS:
        return _Listening(request, scope).run()
    if end.scheme in DATAGRAMS:
        return DatagramTalk(request, scope, once=request.once).run()
    raise JobError(
        f"nothing can listen over {end.scheme} here",
        advice="use tcp://HOST:PORT, udp://HOST:PORT, unix:PATH; also udplite, mptcp, vsock",
    )
