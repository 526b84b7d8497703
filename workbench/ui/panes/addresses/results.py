"""The events of one run after the other, as lines that are filtered, searched and sent on."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from workbench.core.events import Done, Failed, Progress
from workbench.core.feed import Batch
from workbench.core.message import Event, encode
from workbench.core.runner import Run
from workbench.core.text import safe
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.tones import Tone

SENT_MOST = 8
"""Addresses and names of one line that are offered to be sent on."""

EMPTY = """\
Nothing was asked for yet. On the line above, for instance:

  split 10.0.0.0/8 --prefix 12       plan 10.0.0.0/24 office=100 lab=50
  merge FILE…    exclude BLOCK …     compare FILE FILE    contains FILE FILE
  resolve localhost                  dns example.org MX --server 127.0.0.1
  reverse 127.0.0.1                  services 443
"""

_TONES: dict[str, Tone] = {
    "failed": "bad",
    "note": "dim",
    "done": "good",
    "dropped": "warn",
    "wrong": "bad",
    "remark": "warn",
    "differs": "warn",
    "servers-differ": "warn",
    "unresolved": "bad",
    "unanswered": "bad",
    "nameless": "bad",
}


class Results(Vertical):
    """What a run tells, line by line.

    Attributes:
        run: the one that is shown, or None.
    """

    DEFAULT_CSS = """
    Results { height: 1fr; }
    Results Ring { height: 1fr; }
    Results .detail { height: auto; max-height: 5; padding: 0 1; border-top: solid $panel;
        display: none; }
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.run: Run | None = None
        self._waiting: list[Line] = []
        self._events = 0
        self._dropped = 0
        self._progress = ""

    def compose(self) -> ComposeResult:
        """The lines, and what is longer than one whole below them."""
        yield Ring(empty=EMPTY)
        yield Static("", classes="detail", markup=False)

    def on_ring_highlighted(self, event: Ring.Highlighted) -> None:
        """Show the line under the cursor whole where it is too long to be read above."""
        event.stop()
        detail = self.query_one(".detail", Static)
        text = event.line.text.strip()
        detail.display = len(text) >= self.size.width
        detail.update(text)

    @property
    def ring(self) -> Ring:
        """The lines."""
        return self.query_one(Ring)

    @property
    def remark(self) -> str:
        """What was asked for, and how it stands."""
        if self.run is None:
            return ""
        parts = [self.run.request.tried()]
        if self._dropped:
            parts.append(f"{self._dropped:,} not shown")
        if self.run.ended is None:
            parts.append(self._progress or "running")
        else:
            parts.append(f"{self._events:,} rows")
        return safe("  ".join(parts))

    def begin(self, run: Run) -> None:
        """Show another run from now on."""
        self.run = run
        self._waiting.clear()
        self._events = self._dropped = 0
        self._progress = ""
        self.ring.clear()
        self.query_one(".detail").display = False

    def take(self, run: Run, batch: Batch) -> None:
        """Keep what has come; what comes of a run that was followed by another is let go."""
        if run is not self.run:
            return
        self._dropped += batch.dropped
        for event in batch.events:
            if isinstance(event, Progress):
                self._progress = event.line()
                continue
            self._events += 1
            self._waiting += _lines(event)
        if batch.ended is not None:
            self._waiting += _lines(batch.ended)

    def pulse(self) -> None:
        """Draw what has come since the last frame."""
        if self._waiting:
            self.ring.append(self._waiting)
            self._waiting = []

    def export(self) -> list[bytes]:
        """What is kept as lines of JSON, an event once."""
        kept: dict[int, Event] = {}
        for line in self.ring.lines:
            if isinstance(line.data, Event):
                kept[id(line.data)] = line.data
        return [encode(event) for event in kept.values()]


def blocks_of(event: Any) -> list[str]:
    """The addresses, blocks and names that an event tells of, for sending elsewhere."""
    found = []
    for name in ("block", "address", "addresses", "name", "target", "network", "first"):
        value = getattr(event, name, None)
        values = value if isinstance(value, tuple) else (value,)
        found += [one for one in values if isinstance(one, str) and one]
    for record in getattr(event, "answer", ()):
        found.append(record.data.split()[-1])
    return list(dict.fromkeys(found))[:SENT_MOST]


def _lines(event: Event) -> list[Line]:
    text = event.line()
    if not text and isinstance(event, Done | Failed):
        text = "done"
    tone = _tone(event)
    return [Line(safe(part), tone, event) for part in text.split("\n")] if text else []


def _tone(event: Any) -> Tone:
    """What the line means, as its words say it too."""
    if event.type == "dnssec-step":
        return "good" if event.holds else "bad"
    if event.type == "dnssec":
        return {"secure": "good", "bogus": "bad"}.get(event.verdict, "warn")  # type: ignore[return-value]
    if event.type == "answer":
        return "" if event.rcode == "NOERROR" else "warn"
    return _TONES.get(event.type, "")
