"""What a session tells and what it can be told: a conversation over one socket."""

from __future__ import annotations

from pathlib import Path

from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.core.message import Command, Event, command, event
from workbench.core.text import safe
from workbench.core.units import amount, duration
from workbench.sockets.options import OptionValue, parse_settings


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


@event("tls-agreed", channel="talk")
class Agreed(Event):
    """The handshake is done: version, suite, protocol, and whether the certificate was checked.

    `took` is in seconds; `chain` has the certificates as sent, in DER, the server's own first.
    """

    version: str
    cipher: str
    alpn: str
    name: str
    verified: bool
    took: float
    chain: tuple[bytes, ...] = ()

    def line(self) -> str:
        """One line."""
        trust = f"trusted as {self.name}" if self.verified else "CERTIFICATE NOT CHECKED"
        alpn = f", {self.alpn}" if self.alpn else ""
        return safe(f"{self.version} {self.cipher}{alpn}, {trust}, in {duration(self.took)}")

    def size(self) -> int:
        """The chain is most of it."""
        return 256 + sum(map(len, self.chain))


@event("received", channel="bytes")
class Received(Event):
    """Bytes from the peer: of a stream as they came, of a datagram socket one datagram.

    `peer` is the number of one of a listener's peers; 0 where there is only one. Of a datagram
    `answers` is the number of the one sent that it seems to answer, 0 if nobody had asked, and
    `after` the seconds since then; of a stream `answers` is -1.
    """

    data: bytes
    peer: int = 0
    answers: int = -1
    after: float = 0.0

    def line(self) -> str:
        """How many."""
        return f"received {amount(len(self.data))}"

    def size(self) -> int:
        """The bytes, and what the object itself takes."""
        return 200 + len(self.data)


@event("sent", channel="talk")
class Sent(Event):
    """Bytes that the kernel has taken for the peer; `peer` as with `received`.

    `number` counts the datagrams of a session; 0 of a stream.
    """

    data: bytes
    peer: int = 0
    number: int = 0

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


@event("options", channel="talk", coalesce=True)
class Options(Event):
    """The options of a session's socket as they stand; `peer` as with `received`."""

    options: tuple[OptionValue, ...]
    peer: int = 0

    def line(self) -> str:
        """How many."""
        return f"{len(self.options)} socket options read"

    def size(self) -> int:
        """The texts."""
        return 200 + 300 * len(self.options)


@event("option-set", channel="talk")
class OptionSet(Event):
    """An option was set; `value` is what the kernel has now, which may be another."""

    name: str
    value: str
    peer: int = 0

    def line(self) -> str:
        """Which, and what it is now."""
        return f"{self.name} is {self.value} now"


@command("read-options")
class ReadOptions(Command):
    """Tell the options of the socket: of a listener that of the peer of that number, or its own."""

    peer: int = 0


@command("set-option")
class SetOption(Command):
    """Set a socket option by its name; of which socket as with `read-options`."""

    name: str
    value: str
    peer: int = 0


@command("look")
class Look(Command):
    """Tell the kernel's view of the socket every so many seconds; 0 stops it."""

    every: float = 0.25
    peer: int = 0


COMMANDS: tuple[type[Command], ...] = (
    Send,
    SendFile,
    Finish,
    ReadOptions,
    SetOption,
    Look,
)


def session_settings(
    endpoint: Endpoint, words: tuple[str, ...], coverage: int
) -> tuple[tuple[str, str], ...]:
    """What --set and --coverage ask for, checked before anything is opened.

    Raises:
        JobError: no such option or value.
    """
    settings = parse_settings(words)
    if not coverage:
        return settings
    if endpoint.transport != "udplite":
        raise JobError("only UDP-Lite has a coverage", advice="use udplite://HOST:PORT")
    if coverage < 8:
        raise JobError("a coverage has 8 bytes at the least, the header's (RFC 3828)")
    both = ("UDPLITE_SEND_CSCOV", "UDPLITE_RECV_CSCOV")
    return (*settings, *((name, str(coverage)) for name in both))
