"""The job that shows the sockets of this host: `sockets [FILTER…]`."""

from __future__ import annotations

import shlex
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Literal

from workbench.core.events import Done, Note
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Command, Event, command, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import duration
from workbench.servers.events import Stop
from workbench.sockets.table.diag import PROTOCOLS, TRANSPORTS, Sock
from workbench.sockets.table.pages import Filter, Group, Known, Row, first, grouped
from workbench.sockets.table.reader import OWNERS_INTERVAL, Reader
from workbench.sockets.table.tcp_info import TcpInfo

Sort = Literal[
    "transport",
    "state",
    "local",
    "peer",
    "receive_queue",
    "send_queue",
    "pid",
    "program",
    "sockets",
]


@event("socket")
class SocketFound(Event):
    """A socket of this host; queues in bytes (of a listener: peers that wait, and the most)."""

    transport: str
    state: str
    local: str
    peer: str
    receive_queue: int
    send_queue: int
    pid: int
    program: str
    uid: int
    timer: str = ""
    info: TcpInfo | None = None

    def line(self) -> str:
        """As ss(8) lays it out, with the process in words."""
        owner = f"{self.program} ({self.pid})" if self.pid else ""
        timer = f" timer {self.timer}" if self.timer else ""
        head = (
            f"{self.transport:<8} {self.state:<11} {self.receive_queue:>6} {self.send_queue:>6}"
            f" {safe(self.local):<24} {safe(self.peer):<24} {owner}{timer}"
        ).rstrip()
        if self.info is None:
            return head
        return head + "".join(f"\n         {line}" for line in self.info.words().split("\n"))


@event("sockets", channel="talk", coalesce=True)
class SocketPage(Event):
    """The first rows in the order asked for, of `matched` that the filter lets through of `total`.

    `new` and `gone` count those that came and went lately, `took` is the seconds of a look.
    """

    rows: tuple[Row, ...]
    total: int
    matched: int
    new: int
    gone: int
    took: float


@event("socket_info", channel="talk", coalesce=True)
class SocketInfo(Event):
    """What the kernel knows of the TCP connection that was asked for; None when it has none."""

    key: str
    info: TcpInfo | None
    control: str = ""


@command("show_sockets")
class ShowSockets(Command):
    """Send a page from now on, with each look."""

    filter: str = ""
    sort: Sort = "transport"
    descending: bool = False
    group: Group = ""
    limit: int = 500


@command("inspect_socket")
class InspectSocket(Command):
    """Send what is known of one TCP connection with each look; "" for none."""

    key: str


@dataclass(frozen=True, slots=True)
class Sockets(Request):
    """Show this host's sockets with their processes, as the kernel has them (sock_diag(7)).

    Words are a filter: all must be there, in any column or in one: state:listen, port:443,
    program:nginx, pid:1, peer:10.0., proto:udp; !word must not be there. Without --all those of
    IP and the Unix sockets that listen are shown.
    """

    words: tuple[str, ...] = argument("what a socket must have", default=(), metavar="FILTER")
    all: bool = option(False, "Unix, netlink, packet and VSOCK sockets too")
    listening: bool = option(False, "only those that listen, or take datagrams of anybody")
    info: bool = option(False, "tell what the kernel knows of each TCP connection (TCP_INFO)")
    follow: bool = option(False, "go on, and tell what comes and goes")
    interval: float = option(1.0, "seconds between two looks", unit="s")

    def as_python(self) -> str:
        """The tables of proc(5)."""
        return _PYTHON.format(words=self.words, listening=self.listening)

    def as_shell(self) -> str:
        """ss(8), filtered by grep."""
        flags = "-" + ("l" if self.listening else "a") + "np" + ("i" if self.info else "")
        flags += "" if self.all else "tuw"
        greps = "".join(
            f" | grep -iF{'v' if word.startswith('!') else ''} --"
            f" {shlex.quote(word.removeprefix('!').rpartition(':')[2])}"
            for word in self.words
        )
        show = f"ss {flags}H{greps}"
        return f"watch -n {self.interval:g} {shlex.quote(show)}" if self.follow else show


_PYTHON = """\
import ipaddress
import socket
import struct

STATES = ["", "ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "UNCONN",
          "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING"]


def place(text):
    address, _, port = text.partition(":")
    words = [int(address[at : at + 8], 16) for at in range(0, len(address), 8)]
    host = ipaddress.ip_address(struct.pack(f"={{len(words)}}I", *words))
    return f"{{f'[{{host}}]' if host.version == 6 else host}}:{{int(port, 16) or '*'}}"


for transport in ("tcp", "udp"):
    for suffix in ("", "6"):
        with open(f"/proc/net/{{transport}}{{suffix}}") as table:
            for line in table.read().splitlines()[1:]:
                words = line.split()
                local, peer, state = place(words[1]), place(words[2]), STATES[int(words[3], 16)]
                row = f"{{transport}} {{state}} {{local}} {{peer}}"
                listens = state == "LISTEN" or (state == "UNCONN" and peer.endswith(":*"))
                wanted = [word.rpartition(":")[2].lower() for word in {words!r}]
                if all(word in row.lower() for word in wanted) and (listens or not {listening}):
                    print(row)
"""


@job(
    "sockets",
    tab="sockets",
    example="sockets state:listen",
    process=True,
    commands=(ShowSockets, InspectSocket, Stop),
)
def sockets(request: Sockets, scope: Scope) -> Iterator[Event]:
    """Look once, or go on."""
    reader = Reader(scope, TRANSPORTS if request.all else (*PROTOCOLS, "unix"))
    try:
        looking = _Looking(request, scope, reader)
        if request.follow:
            yield from looking.follow()
        else:
            yield from looking.once()
    finally:
        reader.close()


class _Looking:
    def __init__(self, request: Sockets, scope: Scope, reader: Reader) -> None:
        self._request = request
        self._scope = scope
        self._reader = reader
        self._filter = Filter(request.words)
        self._known = Known()
        self._show: ShowSockets | None = None
        self._inspected = ""
        self._owners_at = 0.0
        self._rows: dict[str, tuple[Sock, int, Row]] = {}

    def once(self) -> Iterator[Event]:
        """Every socket, one event each."""
        began = time.monotonic()
        rows = self._look()
        shown = [row for row in rows if self._filter.matches(row)]
        shown.sort(key=lambda row: (row.transport, row.state, row.local))
        for row in shown:
            yield self._event(row)
        if self._reader.hidden:
            yield Note(
                f"{self._reader.hidden:,} sockets belong to processes that this user may not see"
            )
        yield Done(f"{len(shown):,} of {len(rows):,} in {duration(time.monotonic() - began)}")

    def follow(self) -> Iterator[Event]:
        """Look again and again: pages for a screen, what comes and goes for a line."""
        told: set[str] = set()
        first_look = True
        while True:
            began = time.monotonic()
            self._look()
            took = time.monotonic() - began
            if self._show is not None:
                yield self._page(self._show, took)
                if self._inspected:
                    yield self._inspect()
            else:
                yield from self._changes(told, first_look=first_look)
            first_look = False
            if (yield from self._wait(began + self._request.interval)):
                yield Done("stopped")
                return

    def _wait(self, until: float) -> Generator[Event, None, bool]:
        """Obey until the next look; whether it is to stop."""
        while True:
            asked = self._scope.next_command(max(0.0, until - time.monotonic()))
            match asked:
                case None:
                    return False
                case Stop():
                    return True
                case ShowSockets():
                    self._show = asked
                    self._filter = Filter([*self._request.words, *asked.filter.split()])
                    yield self._page(asked, 0.0)
                case InspectSocket():
                    self._inspected = asked.key
                    if asked.key:
                        yield self._inspect()

    def _look(self) -> list[Row]:
        socks = [one for one in self._reader.read() if self._wanted(one)]
        if time.monotonic() >= self._owners_at:
            self._owners_at = time.monotonic() + OWNERS_INTERVAL
            self._reader.forget_dead()
        self._reader.name(socks)
        rows = [self._row(one) for one in socks]
        self._known.update(socks, rows)
        if len(self._rows) > 2 * len(rows) + 1_000:
            self._rows = {one.key: self._rows[one.key] for one in socks}
        return rows

    def _wanted(self, one: Sock) -> bool:
        listens = one.state == "LISTEN" or (
            one.state == "UNCONN" and not one.peer and one.transport in PROTOCOLS
        )
        if self._request.listening:
            return listens
        return self._request.all or one.transport in PROTOCOLS or listens

    def _row(self, one: Sock) -> Row:
        """The row of a socket; the one of the last look where nothing is different."""
        pid, program = self._reader.owner(one)
        before = self._rows.get(one.key)
        if before is not None and before[0] is one and before[1] == pid:
            return before[2]
        row = self._new_row(one, pid, program)
        self._rows[one.key] = (one, pid, row)
        return row

    def _new_row(self, one: Sock, pid: int, program: str) -> Row:
        timer = f"{one.timer} {duration(one.expires)}" if one.expires else one.timer
        if one.timer and one.retransmits:
            timer += f" x{one.retransmits}"
        return Row(
            one.key,
            one.transport,
            one.state,
            safe(one.local),
            safe(one.peer),
            one.receive_queue,
            one.send_queue,
            pid,
            program,
            one.uid,
            timer,
        )

    def _event(self, row: Row) -> SocketFound:
        info = None
        if self._request.info and row.state not in ("LISTEN", "TIME-WAIT"):
            found = self._reader.info(self._known.socks[row.key])
            info = found[0] if found is not None else None
        return SocketFound(
            row.transport,
            row.state,
            row.local,
            row.peer,
            row.receive_queue,
            row.send_queue,
            row.pid,
            row.program,
            row.uid,
            row.timer,
            info,
        )

    def _page(self, show: ShowSockets, took: float) -> SocketPage:
        known = self._known
        matched = [row for row in known.rows.values() if self._filter.matches(row)]
        total = len(matched)
        if show.group:
            matched = grouped(matched, show.group)
        rows = first(matched, show.sort, descending=show.descending, limit=show.limit)
        return SocketPage(
            tuple(rows), len(known.rows), total, known.count("new"), known.count("gone"), took
        )

    def _inspect(self) -> SocketInfo:
        sock = self._known.socks.get(self._inspected)
        found = self._reader.info(sock) if sock is not None else None
        if found is None:
            return SocketInfo(self._inspected, None)
        return SocketInfo(self._inspected, found[0], found[1])

    def _changes(self, told: set[str], *, first_look: bool) -> Iterator[Event]:
        """What has come and gone since the last look."""
        for row in list(self._known.rows.values()):
            if not self._filter.matches(row):
                continue
            if row.mark == "gone":
                if row.key in told:
                    told.discard(row.key)
                    yield Note(
                        f"gone: {row.transport} {row.local} {row.peer} {row.program}".rstrip()
                    )
            elif row.key not in told or (row.mark == "changed" and not first_look):
                told.add(row.key)
                yield self._event(row)
