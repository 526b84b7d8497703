"""What sending a message tells, beside the dialogue itself."""

from __future__ import annotations

from workbench.core.message import Event, event
from workbench.core.text import safe
from workbench.core.units import amount, duration

STAGES = ("connect", "tls", "helo", "auth", "mail", "rcpt", "data", "quit")
"""The stages of a session in their order; it can be left after each but the last."""

SHOWN = 1 << 20
"""Bytes of a message that are told; all of it is sent."""


@event("smtp-message", channel="talk")
class Composed(Event):
    """The message as it will go out, or its beginning; `length` is in bytes."""

    sender: str
    recipients: tuple[str, ...]
    data: bytes
    length: int

    def line(self) -> str:
        """From whom to how many."""
        to = ", ".join(self.recipients[:3]) + (" …" if len(self.recipients) > 3 else "")
        return f"* a message of {amount(self.length)} from <{safe(self.sender)}> to {safe(to)}"

    def size(self) -> int:
        """The message is most of it."""
        return 256 + len(self.data)


@event("smtp-stage", channel="talk")
class Stage(Event):
    """A stage is over; `took` is in seconds, `text` the reply, `code` its code (0 for none)."""

    name: str
    good: bool
    took: float
    code: int = 0
    text: str = ""

    def line(self) -> str:
        """Nothing: the dialogue has just said it."""
        return ""


@event("smtp-recipient")
class Recipient(Event):
    """What became of one recipient of message `number`."""

    number: int
    address: str
    good: bool
    code: int
    text: str

    def line(self) -> str:
        """Taken or not, and why not."""
        said = f"{self.code} {safe(self.text, limit=200)}"
        return f"{'taken  ' if self.good else 'REFUSED'} {safe(self.address)}   {said}"


@event("smtp-sent")
class MessageSent(Event):
    """Message `number` was taken for `recipients` of those asked for; `took` is in seconds."""

    number: int
    recipients: int
    length: int
    took: float
    text: str

    def line(self) -> str:
        """For how many, and the server's word, which often has the queue's ID."""
        return (
            f"message {self.number} taken for {self.recipients} in {duration(self.took)}:"
            f" {safe(self.text, limit=200)}"
        )


@event("smtp-summary")
class Summary(Event):
    """Many messages on one connection: how many a second; `took` is in seconds."""

    count: int
    length: int
    took: float

    def line(self) -> str:
        """The rate."""
        took = max(self.took, 1e-9)
        return (
            f"{self.count:,} messages in {duration(self.took)}: {self.count / took:,.0f} a second,"
            f" {amount(self.length / took)}/s"
        )
