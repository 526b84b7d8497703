"""The board of `smtp`: the dialogue beside its stages, the message as bytes and as it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Static

from workbench.core.events import Failed, Progress
from workbench.core.feed import Batch
from workbench.core.message import Event, encode
from workbench.core.text import safe
from workbench.core.units import amount, duration
from workbench.mail_ftp.dialogue import Linked, Secured, Spoken
from workbench.mail_ftp.smtp.events import STAGES, Composed, Recipient, Stage
from workbench.mail_ftp.smtp.job import Smtp
from workbench.ui.panes.boards import RunBoard
from workbench.ui.panes.mail_ftp.messageview import parsed_lines, source_lines
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.tones import Tone
from workbench.ui.widgets.views import Views

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

KEPT = 20_000
STAGES_WIDTH = 24
_WORDS = {"tls": "TLS"}


class SmtpBoard(RunBoard):
    """What was said, how far it came, and what was sent."""

    DEFAULT_CSS = f"""
    SmtpBoard ContentSwitcher {{ height: 1fr; }}
    SmtpBoard .stages {{ width: {STAGES_WIDTH}; height: 1fr; background: $surface; padding: 0 1; }}
    SmtpBoard .why {{ height: auto; max-height: 5; background: $surface; color: $text-error;
        padding: 0 1; display: none; }}
    SmtpBoard Ring {{ width: 1fr; height: 1fr; }}
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "view", "view", id="smtp.view"),
        Binding("k", "tls", "TLS", id="smtp.tls"),
        Binding("s", "send_to", "send to", id="smtp.send"),
        Binding("y", "copy", "copy", id="smtp.copy"),
        Binding("e", "export", "export", id="smtp.export"),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.told: list[Event] = []
        self.stages: dict[str, Stage] = {}
        self.composed: Composed | None = None
        self.last: Event | None = None
        self.progress: Progress | None = None
        self._refused = 0
        self._lines: list[Line] = []
        self._message_shown = True

    def compose_body(self) -> ComposeResult:
        """The views, and the dialogue with its stages."""
        yield Views("dialogue", "message", "source")
        with ContentSwitcher(initial="dialogue"):
            with Horizontal(id="dialogue"):
                yield Ring(id="talk", empty="Connecting…")
                yield Static("", classes="stages", markup=False)
            yield Ring(id="message", empty="There is no message yet.")
            yield Ring(id="source", empty="There is no message yet.")
        yield Static("", classes="why", markup=False)

    def _ring(self, name: str) -> Ring:
        return self.query_one(f"#{name}", Ring)

    @property
    def _open(self) -> str:
        return self.query_one(ContentSwitcher).current or "dialogue"

    @property
    def focusable_view(self) -> Widget:
        """The view that is open."""
        name = self._open
        return self._ring("talk" if name == "dialogue" else name)

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.told, self._lines, self.stages = [], [], {}
        self.composed = self.last = self.progress = None
        self._refused = 0
        self._message_shown = True
        for ring in self.query(Ring):
            ring.clear()

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in [*batch.events, *([batch.ended] if batch.ended is not None else [])]:
            if len(self.told) < KEPT:
                self.told.append(event)
            match event:
                case Stage():
                    self.stages[event.name] = event
                case Progress():
                    self.progress = event
                case Composed():
                    self.composed = event
                    self._message_shown = False
                case Recipient() if not event.good:
                    self._refused += 1
            tone = _tone(event)
            self._lines += [
                Line(safe(text), tone, event) for text in event.line().split("\n") if text
            ]
        if batch.ended is not None:
            self.last = batch.ended

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        if self._lines:
            lines, self._lines = self._lines, []
            self._ring("talk").append(lines)
        if not self._message_shown and self.composed is not None:
            self._message_shown = True
            self._ring("message").append(parsed_lines(self.composed.data))
            self._ring("source").append(source_lines(self.composed.data, self.composed.length))
            for name in ("message", "source"):
                self._ring(name).action_jump(0)
        self.query_one(".head", Static).update(safe(self._head()))
        why = self.query_one(".why", Static)
        failed = isinstance(self.last, Failed)
        why.display = failed
        if self.last is not None and failed:
            why.update(safe(self.last.line()))
        size = amount(self.composed.length) if self.composed is not None else ""
        self.query_one(Views).show(self._open, f"{size}  v other view " if size else "")
        stages = self.query_one(".stages", Static)
        stages.update(safe("\n".join(self._stage_lines()), keep_newlines=True))

    def _head(self) -> str:
        target = self.run.request.target() if self.run is not None else ""
        if self.last is not None:
            word = "failed" if isinstance(self.last, Failed) else "ended"
            return f"smtp {target}   {word}   enter on the line sends again"
        if self.progress is not None:
            return f"smtp {target}   {self.progress.done:,.0f} sent   x stops"
        return f"smtp {target}   x stops"

    def _stage_lines(self) -> list[str]:
        """A line for each stage: a mark, its name, its time, its code."""
        lines = []
        for name in STAGES:
            stage = self.stages.get(name)
            title = _WORDS.get(name, name)
            if stage is None:
                lines.append(f"  {title}")
                continue
            mark = "+" if stage.good else "!"
            code = str(stage.code) if stage.code else ""
            lines.append(f"{mark} {title:<8}{duration(stage.took):>8} {code:>3}")
        if self._refused:
            lines += ["", f"{self._refused} refused"]
        return lines

    # -- keys ----------------------------------------------------------------------------------

    def on_views_chosen(self, message: Views.Chosen) -> None:
        """A view was clicked."""
        self._show(message.view)

    def action_view(self) -> None:
        """The next view."""
        self._show(self.query_one(Views).next())

    def _show(self, name: str) -> None:
        self.query_one(ContentSwitcher).current = name
        self.focusable_view.focus()

    def action_tls(self) -> None:
        """What the server's TLS is worth, in the TLS tab."""
        request = self.run.request if self.run is not None else None
        if not isinstance(request, Smtp) or request.server.is_unix:
            return
        end = request.server
        where = end.authority if end.port else f"{end.host}:{25}"
        line = f"tls {where}" if end.tls else f"tls {where} --starttls {_starttls(request)}"
        self.run_worker(cast("WorkbenchApp", self.app).take("tls", line, run=True))

    def action_send_to(self) -> None:
        """Send the server elsewhere."""
        from workbench.ui.sendto import offer

        request = self.run.request if self.run is not None else None
        if isinstance(request, Smtp):
            offer(cast("WorkbenchApp", self.app), request.server)

    def action_copy(self) -> None:
        """Copy the selected lines."""
        self.app.copy_to_clipboard(cast("Ring", self.focusable_view).selected_text())
        self.notify("copied")

    def action_export(self) -> None:
        """Save the dialogue, or the message."""
        from workbench.ui.export import ask_and_write

        app = cast("WorkbenchApp", self.app)
        events = list(self.told)
        formats = {
            ".jsonl": lambda: [encode(event) for event in events],
            ".txt": lambda: [text.encode() for event in events if (text := event.line())],
        }
        composed = self.composed
        if composed is not None and composed.length == len(composed.data):
            formats[".eml"] = lambda: composed.data.removesuffix(b"\n").split(b"\n")
        ask_and_write(app, "smtp.jsonl", formats)


def _starttls(request: Smtp) -> str:
    return "lmtp" if request.server.scheme.startswith("lmtp") else "smtp"


def _tone(event: Event) -> Tone:
    match event:
        case Spoken():
            if event.side == "client":
                return "out"
            code = event.text[:1]
            return "bad" if code == "5" else "warn" if code == "4" else ""
        case Linked() | Secured() | Composed():
            return "dim"
        case Recipient():
            return "" if event.good else "bad"
        case Failed():
            return "bad"
    return ""
