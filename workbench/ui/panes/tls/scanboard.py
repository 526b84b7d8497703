"""The board of `tls-scan`: verdict and weaknesses above, all that was found below, coloured."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from workbench.core.endpoint import Endpoint
from workbench.core.events import Done, Failed, Note, Progress
from workbench.core.feed import Batch
from workbench.core.message import Event, encode
from workbench.core.text import safe
from workbench.tls.inspecting.events import Changed
from workbench.tls.scanning.events import (
    FeatureTold,
    GroupFound,
    Looked,
    SuiteFound,
    Verdict,
    VersionTold,
    Weakness,
)
from workbench.ui.panes.boards import RunBoard
from workbench.ui.widgets.filterline import FilterLine
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.spark import bar
from workbench.ui.widgets.tones import Tone

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

KEPT = 10_000
BAR = 16
_GRADES: dict[str, Tone] = {"good": "good", "fair": "", "weak": "warn", "broken": "bad"}
_SEVERITIES: dict[str, Tone] = {
    "critical": "bad",
    "high": "bad",
    "medium": "warn",
    "low": "warn",
    "info": "dim",
}
_LEVELS: dict[str, Tone] = {
    "modern": "good",
    "intermediate": "good",
    "old": "warn",
    "none": "bad",
}
_OLD = ("SSLv2", "SSLv3", "TLS 1.0", "TLS 1.1")


class TlsScanBoard(RunBoard):
    """What is weak stands first, as it is for this that people scan."""

    DEFAULT_CSS = """
    TlsScanBoard .verdict { height: auto; max-height: 3; background: $surface; padding: 0 1; }
    TlsScanBoard .verdict.good { color: $text-success; }
    TlsScanBoard .verdict.warn { color: $text-warning; }
    TlsScanBoard .verdict.bad { color: $text-error; }
    TlsScanBoard #weak { height: 1fr; max-height: 9; border-bottom: solid $panel; }
    TlsScanBoard #found { height: 2fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", id="tlsscan.filter"),
        Binding("t", "inspect", "inspect", id="tlsscan.inspect"),
        Binding("s", "send_to", "send to", id="tlsscan.send"),
        Binding("y", "copy", "copy", id="tlsscan.copy"),
        Binding("e", "export", "export", id="tlsscan.export"),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.told: list[Event] = []
        self.looked: Looked | None = None
        self.verdict: Verdict | None = None
        self.progress: Progress | None = None
        self.last: Event | None = None
        self._weak: list[Line] = []
        self._found: list[Line] = []

    def compose_body(self) -> ComposeResult:
        """The verdict, what is weak, all that was found."""
        yield Static("", classes="verdict", markup=False)
        yield Ring(id="weak", empty="Nothing weak was found yet.")
        yield FilterLine()
        yield Ring(id="found", empty="Asking…")

    @property
    def found(self) -> Ring:
        """Everything, line by line."""
        return self.query_one("#found", Ring)

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.told, self._weak, self._found = [], [], []
        self.looked = self.verdict = self.progress = self.last = None
        for ring in self.query(Ring):
            ring.clear()

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in [*batch.events, *([batch.ended] if batch.ended is not None else [])]:
            match event:
                case Progress():
                    self.progress = event
                    continue
                case Weakness():
                    self._weak += _lines(event, _SEVERITIES[event.severity])
                case Looked():
                    self.looked = event
                    self._found += _lines(event, "")
                case Verdict():
                    self.verdict = event
                    self._found += _lines(event, _LEVELS[event.level])
                case Changed():
                    self._weak += _lines(event, "warn")
                case Done() | Failed():
                    self.last = event
                    self._found += _lines(event, "bad" if isinstance(event, Failed) else "dim")
                case _:
                    self._found += _lines(event, _tone(event))
            if len(self.told) < KEPT:
                self.told.append(event)

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        if self._weak:
            lines, self._weak = self._weak, []
            self.query_one("#weak", Ring).append(lines)
        if self._found:
            lines, self._found = self._found, []
            self.found.append(lines)
        self.query_one(".head", Static).update(safe(self._head()))
        verdict = self.query_one(".verdict", Static)
        verdict.update(safe(self._verdict(), keep_newlines=True))
        for level in ("good", "warn", "bad"):
            tone = _LEVELS[self.verdict.level] if self.verdict is not None else ""
            verdict.set_class(tone == level, level)

    def _head(self) -> str:
        target = self.run.request.target() if self.run is not None else ""
        if self.last is not None:
            return f"tls-scan {target}   {self.last.line() or 'ended'}"
        one = self.progress
        if one is None or not one.total:
            return f"tls-scan {target}   x stops"
        share = min(1.0, one.done / one.total)
        return f"tls-scan {target}   {bar(share, BAR)} {100 * share:.0f}%   x stops"

    def _verdict(self) -> str:
        if self.verdict is not None:
            return self.verdict.line()
        return self.looked.line() if self.looked is not None else "the first look is under way"

    # -- keys ----------------------------------------------------------------------------------

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(FilterLine).open()

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        """Filter as it is typed."""
        event.stop()
        self.found.filter_text = event.text

    def on_filter_line_left(self, event: FilterLine.Left) -> None:
        """Back to the lines."""
        event.stop()
        self.found.focus()

    def action_inspect(self) -> None:
        """Inspect the same server: its certificate, and until when."""
        import shlex

        from workbench.tls.scan import TlsScan

        request = self.run.request if self.run is not None else None
        if isinstance(request, TlsScan):
            words = ["tls", str(request.place())]
            if request.sni is not None:
                words += ["--sni", request.sni]
            if request.starttls != "auto":
                words += ["--starttls", request.starttls]
            app = cast("WorkbenchApp", self.app)
            self.run_worker(app.take("tls", shlex.join(words), run=True))

    def action_send_to(self) -> None:
        """Offer the server to other tabs."""
        from workbench.ui.sendto import offer

        endpoint = getattr(self.run.request, "endpoint", None) if self.run is not None else None
        if isinstance(endpoint, Endpoint):
            offer(cast("WorkbenchApp", self.app), endpoint)

    def action_copy(self) -> None:
        """Copy the selected lines."""
        rings = [ring for ring in self.query(Ring) if ring.has_focus] or [self.found]
        self.app.copy_to_clipboard(rings[0].selected_text())
        self.notify("copied")

    def action_export(self) -> None:
        """Save what was found as JSON lines, or as text."""
        from workbench.ui.export import ask_and_write

        events = list(self.told)
        formats = {
            ".jsonl": lambda: [encode(event) for event in events],
            ".txt": lambda: [f"{event.line()}".encode() for event in events if event.line()],
        }
        ask_and_write(cast("WorkbenchApp", self.app), "tls-scan.jsonl", formats)


def _tone(event: Event) -> Tone:
    match event:
        case SuiteFound():
            return _GRADES[event.grade]
        case VersionTold():
            return "bad" if event.told == "yes" and event.version in _OLD else ""
        case GroupFound():
            return "good" if event.post_quantum else ""
        case FeatureTold():
            return ""
        case Note():
            return "dim"
    return ""


def _lines(event: Event, tone: Tone) -> list[Line]:
    return [Line(safe(text), tone, event) for text in event.line().split("\n") if text]
