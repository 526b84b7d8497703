"""What the boards of sessions that stay share: the dialogue, what is kept of it, and ways out."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.widget import Widget

from workbench.core.endpoint import Endpoint
from workbench.core.message import Command, Event, encode
from workbench.core.text import safe
from workbench.ui.panes.boards import RunBoard
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.tones import Tone

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

KEPT = 32 << 20
"""Bytes of events that are kept for an export, the first ones."""


class SessionBoard(RunBoard):
    """A session that goes on until it is ended: what keys ask for goes over the same connection.

    A board has its dialogue in a Ring named after the protocol (`#imap-talk`), which d shows in
    place of its own view, by the board's class `talk`.

    Attributes:
        told: what is kept for an export.
    """

    protocol: ClassVar[str] = ""
    """What is spoken: as STARTTLS has it, in the names of widgets and of an export."""

    settles = True

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.told: list[Event] = []
        self._held = 0
        self._spoken: list[Line] = []

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.told, self._spoken, self._held = [], [], 0
        for ring in self.query(Ring):
            ring.clear()

    @property
    def dialogue(self) -> Ring:
        """What was said."""
        return self.query_one(f"#{self.protocol}-talk", Ring)

    @property
    def endpoint(self) -> Endpoint | None:
        """The server that is spoken to."""
        request = self.run.request if self.run is not None else None
        return getattr(request, "endpoint", None)

    @property
    def message_data(self) -> bytes:
        """The mail message that is shown, whole; b"" for none."""
        return b""

    # -- what is told --------------------------------------------------------------------------

    def keep(self, event: Event) -> None:
        """Keep it for an export, as long as there is room."""
        self._held += event.size()
        if self._held < KEPT:
            self.told.append(event)

    def say(self, event: Event, tone: Tone = "") -> None:
        """Add it to the dialogue, and keep it."""
        self.keep(event)
        self._spoken += [Line(safe(text), tone, event) for text in event.line().split("\n") if text]

    def pulse(self) -> None:
        """Draw what was said since the last frame."""
        if self._spoken:
            lines, self._spoken = self._spoken, []
            self.dialogue.append(lines)

    def tell(self, command: Command) -> bool:
        """Ask the session for something; whether it still goes on."""
        if self.run is not None and self.run.ended is None and self.run.send(command):
            return True
        self.notify("the session has ended; enter on the line above begins another")
        return False

    # -- keys ----------------------------------------------------------------------------------

    def action_talk(self) -> None:
        """The dialogue in place of the view, or back."""
        self.toggle_class("talk")
        view: Widget = self.dialogue if self.has_class("talk") else self.focusable_view
        view.focus()

    def action_end(self) -> None:
        """End the session as the protocol has it."""
        from workbench.servers.events import Stop

        self.tell(Stop())

    def action_tls(self) -> None:
        """What the server's TLS is worth, on the TLS tab."""
        end = self.endpoint
        if end is not None and not end.is_unix:
            starttls = "" if end.tls else f" --starttls {self.protocol}"
            app = cast("WorkbenchApp", self.app)
            self.run_worker(app.take("tls", f"tls {end.authority}{starttls}", run=True))

    def action_send_to(self) -> None:
        """Send the server elsewhere, or the message that is shown."""
        from workbench.ui.sendto import message_choices, offer

        end, app = self.endpoint, cast("WorkbenchApp", self.app)
        if end is not None:
            data = self.message_data
            offer(app, end.without_password(), message_choices(app, data) if data else ())

    def export(self, events: list[Event]) -> None:
        """Save events as JSON lines, or as they read."""
        from workbench.ui.export import ask_and_write

        formats = {
            ".jsonl": lambda: [encode(event) for event in events],
            ".txt": lambda: [f"{event.line()}\n".encode() for event in events if event.line()],
        }
        ask_and_write(cast("WorkbenchApp", self.app), f"{self.protocol}.jsonl", formats)

    def action_export(self) -> None:
        """Save what was told."""
        self.export(list(self.told))


class ReadingBoard(SessionBoard):
    """A session that shows one text at a time, in a Ring named as `#imap-text`."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._text: list[Line] | None = []

    def clear(self) -> None:
        """Nothing is known of the new run."""
        super().clear()
        self._text = []

    @property
    def reading(self) -> Ring:
        """The text."""
        return self.query_one(f"#{self.protocol}-text", Ring)

    def show(self, lines: list[Line]) -> None:
        """Show another text from its beginning."""
        self._text = lines

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        super().pulse()
        if self._text is not None:
            text, self._text = self._text, None
            ring = self.reading
            ring.clear()
            ring.append(text)
            ring.action_jump(0)

    def action_focus_on(self, place: str) -> None:
        """Go to one of the views."""
        self.remove_class("talk")
        self.query_one(place).focus()

    def action_copy(self) -> None:
        """Copy the selected lines of the text or the dialogue."""
        ring = self.dialogue if self.has_class("talk") else self.reading
        self.app.copy_to_clipboard(ring.selected_text())
        self.notify("copied")
