"""What every server tells, and what every server can be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workbench.core.message import Command, Event, command, event
from workbench.core.units import amount, duration


@event("listening")
class Listening(Event):
    """The server accepts; `endpoint` has the port that it really got."""

    endpoint: str

    def line(self) -> str:
        """Where."""
        return f"listening on {self.endpoint}"


@event("opened")
class Opened(Event):
    """A connection was accepted, or the first datagram of a peer came."""

    id: int
    peer: str

    def line(self) -> str:
        """Who."""
        return f"#{self.id} {self.peer} opened"


@event("closed")
class Closed(Event):
    """A connection ended, or a datagram peer fell silent; `duration` is in seconds."""

    id: int
    peer: str
    bytes_in: int
    bytes_out: int
    duration: float
    reason: str

    def line(self) -> str:
        """Who, how much, how long, why."""
        return (
            f"#{self.id} {self.peer} closed after {duration(self.duration)}: {self.reason};"
            f" in {amount(self.bytes_in)}, out {amount(self.bytes_out)}"
        )


@event("stats", channel="talk", coalesce=True)
class Stats(Event):
    """The server's figures, once a second: totals since the start, and rates a second."""

    connections: int
    connections_total: int
    bytes_in: int
    bytes_out: int
    requests: int
    errors: int
    bytes_in_rate: float
    bytes_out_rate: float
    request_rate: float

    def line(self) -> str:
        """Nothing: a line a second is no help to people; `--json` has them."""
        return ""


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """One connection as a table shows it: ages in seconds, rate in bytes a second, both ways."""

    id: int
    peer: str
    age: float
    bytes_in: int
    bytes_out: int
    rate: float
    last: str


@event("connections", channel="talk", coalesce=True)
class Connections(Event):
    """A page of the connections that are open, in the order asked for, of `total` in all."""

    rows: tuple[ConnectionRow, ...]
    total: int


@event("state", channel="talk", coalesce=True)
class State(Event):
    """What the server lets in, told at the start and whenever that changes.

    `refused` counts the connections (or datagrams) that were turned away since the start.
    """

    accepting: bool
    draining: bool
    max_connections: int
    max_per_address: int
    allow: tuple[str, ...]
    deny: tuple[str, ...]
    refused: int

    def line(self) -> str:
        """Only what is out of the ordinary."""
        if self.draining:
            return "draining: nothing new is accepted, and the server ends with its last peer"
        return "" if self.accepting else "paused: nothing new is accepted"


@event("latency", channel="talk", coalesce=True)
class Latency(Event):
    """How long answers took, in seconds, since the start: percentiles, and a histogram.

    `buckets` are pairs of an upper bound in seconds and a count, ascending, without empty ones.
    An answer takes from the arrival of the last byte that asks for it until the kernel has taken
    its last byte.
    """

    count: int
    p50: float
    p90: float
    p99: float
    longest: float
    buckets: tuple[tuple[float, int], ...]

    def line(self) -> str:
        """Nothing: a line a second is no help to people; `--json` has them."""
        return ""


@event("traffic", channel="talk")
class Traffic(Event):
    """Bytes of the connection that is followed, as they came ("in") or went ("out").

    `at` is when, in Unix seconds. `left_out` counts the bytes before these that were not kept.
    Where `note` is not empty it stands for the bytes, as "4,096 bytes of a file".
    """

    id: int
    direction: Literal["in", "out"]
    at: float
    data: bytes
    left_out: int = 0
    note: str = ""

    def line(self) -> str:
        """Nothing: who wants it follows it on the screen."""
        return ""

    def size(self) -> int:
        """Roughly how many bytes of memory the event holds."""
        return 256 + len(self.data)


SortKey = Literal["id", "peer", "age", "bytes_in", "bytes_out", "rate", "last"]


@command("show")
class Show(Command):
    """Send a page of connections with the figures from now on; a limit of 0 stops that."""

    limit: int = 100
    sort: SortKey = "id"
    descending: bool = False


@command("close")
class Close(Command):
    """Close one connection."""

    id: int


@command("stop")
class Stop(Command):
    """Stop listening, close what is open, and end as done."""


@command("pause")
class Pause(Command):
    """Accept nothing new; who is connected stays."""


@command("resume")
class Resume(Command):
    """Accept again, after Pause or while draining."""


@command("drain")
class Drain(Command):
    """Accept nothing new, and end as done with the last peer, after `seconds` at the latest."""

    seconds: float = 30.0


@command("admit")
class Admit(Command):
    """Let in by these rules from now on; who is connected stays.

    `allow` and `deny` are networks in CIDR notation or single addresses: an address is let in
    that no entry of `deny` holds, and, where `allow` has entries, that one of them holds. Unix
    peers have no address and are not asked for one. A limit of 0 is none.
    """

    max_connections: int = 0
    max_per_address: int = 0
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


@command("follow")
class Follow(Command):
    """Send what is kept of a connection's bytes as `traffic`, then more as it moves; 0 stops that.

    A connection that has closed lately is answered for as well.
    """

    id: int


@command("peek")
class Peek(Command):
    """Tell of the event loop from now on: what is registered, and each round; or no longer."""

    on: bool = True


COMMANDS: tuple[type[Command], ...] = (
    Show,
    Close,
    Stop,
    Pause,
    Resume,
    Drain,
    Admit,
    Follow,
    Peek,
)
