"""What a server of HTTP tells beside what every server tells."""

from __future__ import annotations

from workbench.core.message import Event, event
from workbench.core.units import amount, duration


@event("request")
class RequestServed(Event):
    """A request was answered. `id` is its connection; `bytes` counts the body of the answer.

    `duration` is the seconds that the answer took to make; sending it is not in that. What was
    no request has an empty method and target.
    """

    id: int
    peer: str
    method: str
    target: str
    status: int
    bytes: int
    duration: float

    def line(self) -> str:
        """Who asked for what, and what came of it."""
        asked = f"{self.method} {self.target}" if self.method else "no request"
        return (
            f"#{self.id} {self.peer} {asked} {self.status}"
            f" {amount(self.bytes)} {duration(self.duration)}"
        )
