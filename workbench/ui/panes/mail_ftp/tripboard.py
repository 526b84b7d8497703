"""The board of `roundtrip`: the steps with their times above, every dialogue below."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from workbench.core.feed import Batch
from workbench.core.message import Event
from workbench.core.text import safe
from workbench.core.units import duration
from workbench.mail_ftp.dialogue import Spoken
from workbench.mail_ftp.roundtrip import Step
from workbench.ui.panes.boards import RunBoard
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.tones import Tone

STEPS = ("servers", "smtp", "pop3", "imap")


class TripBoard(RunBoard):
    """How far the message came, and how long each step took."""

    DEFAULT_CSS = """
    TripBoard .steps { height: auto; background: $surface; padding: 0 1; }
    TripBoard Ring { height: 1fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "copy", "copy", id="trip.copy")]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.steps: dict[str, Step] = {}
        self.last: Event | None = None
        self._lines: list[Line] = []

    def compose_body(self) -> ComposeResult:
        """The steps, then what was said."""
        yield Static("", classes="steps", markup=False)
        yield Ring(empty="Starting…")

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.steps, self.last, self._lines = {}, None, []
        self.query_one(Ring).clear()

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in [*batch.events, *([batch.ended] if batch.ended is not None else [])]:
            if isinstance(event, Step):
                self.steps[event.name] = event
            tone: Tone = ""
            if isinstance(event, Spoken):
                tone = "out" if event.side == "client" else ""
            elif isinstance(event, Step):
                tone = "good"
            elif event.type == "failed":
                tone = "bad"
            self._lines += [
                Line(safe(text), tone, event) for text in event.line().split("\n") if text
            ]
        if batch.ended is not None:
            self.last = batch.ended

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        if self._lines:
            lines, self._lines = self._lines, []
            self.query_one(Ring).append(lines)
        end = self.last.line() if self.last is not None else "x stops"
        self.query_one(".head", Static).update(safe(f"roundtrip   {end}"))
        steps = "\n".join(self._step(name) for name in STEPS)
        self.query_one(".steps", Static).update(safe(steps, keep_newlines=True))

    def _step(self, name: str) -> str:
        one = self.steps.get(name)
        if one is None:
            return f"  {name}"
        since = f"  {duration(one.since):>8} after it was taken" if one.since else ""
        return f"+ {name:<8} {duration(one.took):>8}{since}"

    def action_copy(self) -> None:
        """Copy the selected lines."""
        self.app.copy_to_clipboard(self.query_one(Ring).selected_text())
        self.notify("copied")
