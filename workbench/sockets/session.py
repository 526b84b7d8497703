"""What a session tells and what it can be told: a conversation over one socket."""

from __future__ import annotations

from pathlib import Path

from workbench.core.message import Command, Event, command, event
from workbench.core.units import amount, duration


@event("connected", channel="talk")
class Connected(Event):
    """The peer has answered; `lookup` and `connect` are the seconds that they took."""

    peer: str
    local: str
    lookup: float
    connect: float

    def line(self) -> str:
        """Who, and how long it took."""
        lookup = f", name looked up in {duration(self.lookup)}" if self.lookup > 0.001 else ""
        return f"connected to {self.peer} in {duration(self.connect)}{lookup}"


@event("received", channel="bytes")
class Received(Event):
    """Bytes from the peer: of a stream as they came, of a datagram socket one datagram.

    `peer` is the number of one of a listener's peers; 0 where there is only one.
    """

    data: bytes
    peer: int = 0

    def line(self) -> str:
        """How many."""
        return f"received {amount(len(self.data))}"

    def size(self) -> int:
        """The bytes, and what the object itself takes."""
        return 200 + len(self.data)


@event("sent", channel="talk")
class Sent(Event):
    """Bytes that the kernel has taken for the peer; `peer` as with `received`."""

    data: bytes
    peer: int = 0

    def line(self) -> str:
        """Nothing: who sends knows what they sent."""
        return ""

    def size(self) -> int:
        """The bytes, and what the object itself takes."""
        return 200 + len(self.data)


@event("finished", channel="talk")
class Finished(Event):
    """One side has closed its sending half: `side` is "ours" or "peer's"."""

    side: str

    def line(self) -> str:
        """Which."""
        return (
            "we have finished sending" if self.side == "ours" else "the peer has finished sending"
        )


@event("counts", channel="talk", coalesce=True)
class Counts(Event):
    """Bytes in and out so far, and those that wait for the peer to read."""

    bytes_in: int
    bytes_out: int
    waiting: int

    def line(self) -> str:
        """Nothing: the closing line has the totals."""
        return ""


@command("send")
class Send(Command):
    """Send these bytes: over a datagram socket as one datagram.

    A listener sends them to the peer of that number, or to all of them.
    """

    data: bytes
    peer: int = 0


@command("send-file")
class SendFile(Command):
    """Send the content of a file; to whom as with `send`."""

    path: Path
    peer: int = 0


@command("finish")
class Finish(Command):
    """Close our sending half; the peer can still send."""


COMMANDS: tuple[type[Command], ...] = (Send, SendFile, Finish)
