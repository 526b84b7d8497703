"""selectors: an echo server whose event loop is looked at, with peers of its own and any others."""

from __future__ import annotations

import shlex
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.core.job import argument, job, option
from workbench.core.message import Event
from workbench.core.scope import Cancelled, Scope
from workbench.servers.connection import Connection, Handler
from workbench.servers.events import COMMANDS, Listening
from workbench.servers.loop import Loop
from workbench.servers.request import ServeRequest
from workbench.servers.seen import KINDS, Kind, Registered, Round, SeenSelector
from workbench.sockets.seeing.code import python

__all__ = ["Registered", "Round", "Selectors", "see"]

PEERS_MOST = 200


@dataclass(frozen=True, slots=True)
class Selectors(ServeRequest):
    """Look into the event loop of an echo server: the teaching piece of non-blocking I/O.

    One thread serves all peers: it registers descriptors with a selector, waits until any of them
    is ready, and calls back for each. Every registration, every round of select and the time that
    each callback took is told. Some peers of its own talk now and then; connect more from anywhere.
    --slow makes each answer block so long, and shows what that does to everybody else.
    """

    endpoint: Endpoint = argument(
        "where to listen; port 0 takes a free one",
        default=Endpoint("tcp", host="127.0.0.1", port=0),
        metavar="ENDPOINT",
    )
    selector: Kind = option("epoll", "what waits for the descriptors")
    peers: int = option(3, "peers of its own")
    pace: float = option(1.0, "seconds from one line of a peer to its next", unit="s")
    slow: float = option(0.0, "seconds that each answer blocks the loop", unit="s")

    def as_python(self) -> str:
        """The same loop on the standard library's selectors, telling of its rounds."""
        return python(self.endpoint, self.selector, self.slow)

    def as_shell(self) -> str:
        """strace(1), which shows the system calls of that loop."""
        calls = "epoll_wait,epoll_ctl,poll,select,pselect6,accept4,recvfrom,sendto"
        return f"strace -tt -e trace={calls} python3 -c {shlex.quote(self.as_python())}"


class _Echo(Handler):
    def __init__(self, slow: float) -> None:
        self._slow = slow

    def received(self, connection: Connection, data: memoryview) -> None:
        if self._slow:
            time.sleep(self._slow)  # what no callback may do: it is the point of --slow
        connection.send(data)


@job("selectors", tab="sockets", example="selectors --peers 2 --pace 0.5", commands=COMMANDS)
def see(request: Selectors, scope: Scope) -> Iterator[Event]:
    """Serve until stopped, and tell of every round."""
    if not request.endpoint.transport.startswith(("tcp", "unix")) or request.endpoint.tls:
        raise JobError("the loop that is looked at serves tcp and unix", advice="use tcp://")
    if not 0 <= request.peers <= PEERS_MOST or request.pace <= 0 or not 0 <= request.slow <= 60:
        raise JobError(f"0 to {PEERS_MOST} peers, a pace above 0, up to 60 s of blocking")
    selector = SeenSelector(KINDS[request.selector](), lambda event: loop.desk.events.append(event))
    loop = Loop(request.endpoint, _Echo(request.slow), scope, request.admit, selector=selector)
    selector.turn = loop._turn
    for event in loop.run():
        yield event
        if isinstance(event, Listening):
            _begin_peers(replace(request, endpoint=loop.endpoint), scope)


def _begin_peers(request: Selectors, scope: Scope) -> None:
    for number in range(request.peers):
        given = (request, scope, number)
        threading.Thread(target=_talk, args=given, name=f"peer {number}", daemon=True).start()


def _talk(request: Selectors, scope: Scope, number: int) -> None:
    """One peer: a line now and then, for as long as the scope lives."""
    end = request.endpoint
    family = socket.AF_INET6 if ":" in end.host else socket.AF_INET
    try:
        one = socket.socket(socket.AF_UNIX if end.is_unix else family)
        with scope.adopt(one):
            scope.wait(request.pace * number / max(1, request.peers))  # not all at one time
            one.connect(end.unix_address if end.is_unix else (end.host, end.require_port()))
            while True:
                one.sendall(f"hello from peer {number}\n".encode())
                if not one.recv(65_536):
                    return
                scope.wait(request.pace)
    except (OSError, ValueError, Cancelled):
        return  # the loop has ended
