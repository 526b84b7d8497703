"""What a server of HTTP tells beside what every server tells."""

from __future__ import annotations

from workbench.core.message import Event, event
from workbench.core.text import safe
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


LINES_SHOWN = 40
"""Lines of a text body that are shown to people; `--json` and saved files have all."""


@event("inspected")
class Inspected(Event):
    """A request that an inspector has kept, as it came. `id` is its connection.

    `number` counts requests. `head` is the request line and the header fields, `body` the first
    bytes of the content, of `length` in all; all of a longer one is in the file `path`, after the
    head. `took` is the seconds from the head's arrival to the end of the body. `status` is the
    answer's, 0 where the request is dropped; `rule` says what chose it. `trouble` says why not
    all of the request has come or is kept. `curl` is the shell command that sends it once more.
    """

    id: int
    number: int
    peer: str
    method: str
    target: str
    head: str
    body: bytes
    length: int
    took: float
    status: int
    rule: str = ""
    path: str = ""
    trouble: str = ""
    curl: str = ""

    def summary(self) -> str:
        """Who asked for what, and what came of it, in one line."""
        trouble = f"; {self.trouble}" if self.trouble else ""
        answer = self.status or "no answer"
        return (
            f"#{self.id} {self.peer} {self.method} {self.target} {amount(self.length)}"
            f" in {duration(self.took)}: {answer}, {self.rule}{trouble}"
        )

    def line(self) -> str:
        """The request as it came, below who sent it; of a long or binary body the beginning."""
        parts = [f"--- {self.summary()}", self.head.rstrip()]
        if self.body:
            try:
                text = self.body.decode()
            except UnicodeDecodeError:
                text = ""
            if text:
                lines = text.splitlines()
                parts += ["", *lines[:LINES_SHOWN]]
                if len(lines) > LINES_SHOWN or len(self.body) < self.length:
                    parts.append("...")
            else:
                shown = safe(self.body[:64])
                parts += ["", f"{amount(self.length)} that are no text: {shown}"]
        if self.path:
            parts.append(f"whole in {self.path}")
        return "\n".join([*parts, ""])

    def size(self) -> int:
        """Roughly how many bytes of memory the event holds."""
        return 512 + 2 * len(self.head) + len(self.body) + len(self.curl)
