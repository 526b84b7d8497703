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


COMMANDS: tuple[type[Command], ...] = (Show, Close, Stop)
