"""What a server of HTTP tells beside what every server tells."""

from __future__ import annotations

from workbench.core.message import Event, event
from workbench.core.units import amount, duration


@event("request")
class RequestServed(Event):
    """A request was answered. `id` is its connection; `bytes` counts the body of the answer.

    `duration` is the seconds from the last byte of the request until the kernel had taken the
    last byte of the answer. What was no request has an empty method and target. `cut` says why
    the answer did not go out whole; its status is 0 where it had not even begun.
    """

    id: int
    peer: str
    method: str
    target: str
    status: int
    bytes: int
    duration: float
    cut: str = ""

    def line(self) -> str:
        """Who asked for what, and what came of it."""
        asked = f"{self.method} {self.target}" if self.method else "no request"
        cut = f", cut short: {self.cut}" if self.cut else ""
        return (
            f"#{self.id} {self.peer} {asked} {self.status or 'no answer'}"
            f" {amount(self.bytes)} {duration(self.duration)}{cut}"
        )
