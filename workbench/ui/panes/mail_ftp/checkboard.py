"""The board of `mailcheck`: every record and exchanger with its verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from workbench.core.events import Failed
from workbench.core.feed import Batch
from workbench.core.message import Event, encode
from workbench.core.text import safe
from workbench.mail_ftp.smtp.mailcheck import MailCheck, MailRecord, MxChecked
from workbench.ui.panes.boards import RunBoard
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.tones import Tone

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

_TONES: dict[str, Tone] = {"good": "good", "info": "", "warn": "warn", "bad": "bad"}


class MailCheckBoard(RunBoard):
    """What is bad stands out; k looks closer at an exchanger's TLS."""

    DEFAULT_CSS = """
    MailCheckBoard .why { height: auto; max-height: 5; background: $surface; color: $text-error;
        padding: 0 1; display: none; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "tls", "TLS", id="mailcheck.tls"),
        Binding("y", "copy", "copy", id="mailcheck.copy"),
        Binding("e", "export", "export", id="mailcheck.export"),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.told: list[Event] = []
        self.last: Event | None = None
        self._lines: list[Line] = []

    def compose_body(self) -> ComposeResult:
        """What was found, line by line."""
        yield Ring(empty="Asking the name servers…")
        yield Static("", classes="why", markup=False)

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.told, self.last, self._lines = [], None, []
        self.query_one(Ring).clear()

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in [*batch.events, *([batch.ended] if batch.ended is not None else [])]:
            self.told.append(event)
            first: Tone = "bad" if event.type == "failed" else ""
            if isinstance(event, (MailRecord, MxChecked)):
                first = _TONES[event.level]
            for place, text in enumerate(event.line().split("\n")):
                if text:
                    self._lines.append(Line(safe(text), "dim" if place else first, event))
        if batch.ended is not None:
            self.last = batch.ended

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        if self._lines:
            lines, self._lines = self._lines, []
            self.query_one(Ring).append(lines)
        target = self.run.request.target() if self.run is not None else ""
        end = self.last.line() if self.last is not None else "x stops"
        why = self.query_one(".why", Static)
        why.display = isinstance(self.last, Failed)
        if isinstance(self.last, Failed):
            why.update(safe(end))
            end = "failed"
        marks = "+ good   ! look   x bad"
        self.query_one(".head", Static).update(safe(f"mailcheck {target}   {end}   {marks}"))

    def action_tls(self) -> None:
        """What the TLS of the selected exchanger is worth, in the TLS tab."""
        request = self.run.request if self.run is not None else None
        line = self.query_one(Ring).cursor_line
        event = line.data if line is not None else None
        if not isinstance(event, MxChecked) or not isinstance(request, MailCheck):
            self.notify("go to the line of an exchanger with an address first")
            return
        host = f"[{event.address}]" if ":" in event.address else event.address
        words = f"tls {host}:{request.port} --starttls smtp --sni {event.host}"
        self.run_worker(cast("WorkbenchApp", self.app).take("tls", words, run=True))

    def action_copy(self) -> None:
        """Copy the selected lines."""
        self.app.copy_to_clipboard(self.query_one(Ring).selected_text())
        self.notify("copied")

    def action_export(self) -> None:
        """Save all of it as JSON lines."""
        from workbench.ui.export import ask_and_write

        events = list(self.told)
        formats = {".jsonl": lambda: [encode(event) for event in events]}
        ask_and_write(cast("WorkbenchApp", self.app), "mailcheck.jsonl", formats)
