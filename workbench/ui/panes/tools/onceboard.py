"""The board of `cgi` and `wsgi`: the answer, what the program was given, and how it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Static

from workbench.core.events import Failed
from workbench.core.feed import Batch
from workbench.core.message import Event, encode
from workbench.core.text import safe
from workbench.http.gateway.crash import Crash
from workbench.tools.once.asking import Breach, Environ, ProgramAnswer, ProgramBody
from workbench.ui.panes.boards import RunBoard
from workbench.ui.panes.crashlines import crash_lines
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.tones import Tone
from workbench.ui.widgets.views import Views

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

VIEWS = ("answer", "environment", "failure", "said")


class OnceBoard(RunBoard):
    """Opens on what matters: the failure if there is one, else the answer."""

    DEFAULT_CSS = """
    OnceBoard ContentSwitcher { height: 1fr; }
    OnceBoard Ring { height: 1fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "view", "view", id="once.view"),
        Binding("s", "send_to", "send to", id="once.send"),
        Binding("y", "copy", "copy", id="once.copy"),
        Binding("e", "export", "export", id="once.export"),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.told: list[Event] = []
        self.last: Event | None = None
        self._lines: dict[str, list[Line]] = {}

    def compose_body(self) -> ComposeResult:
        """The views."""
        yield Views(*VIEWS)
        with ContentSwitcher(initial="once-answer"):
            yield Ring(id="once-answer", empty="It has not answered.")
            yield Ring(id="once-environment", empty="Nothing was given yet.")
            yield Ring(id="once-failure", empty="Nothing failed.")
            yield Ring(id="once-said", empty="It wrote nothing to its standard error.")

    @property
    def view(self) -> str:
        """The view that is open."""
        return (self.query_one(ContentSwitcher).current or "once-answer").removeprefix("once-")

    @property
    def focusable_view(self) -> Widget:
        """What of it takes the focus."""
        return self.query_one(f"#once-{self.view}")

    def open(self, view: str) -> None:
        """Show one of the views."""
        had = self.focusable_view.has_focus
        self.query_one(ContentSwitcher).current = f"once-{view}"
        if had:
            self.focusable_view.focus()

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.told, self.last, self._lines = [], None, {}
        for ring in self.query(Ring):
            ring.clear()
        self.open("answer")

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in batch.events:
            self.told.append(event)
            match event:
                case Environ():
                    self._add("environment", event)
                case Crash():
                    self._lines.setdefault("failure", []).extend(crash_lines(event))
                    self.open("failure")
                case Breach():
                    self._add("failure", event, "bad")
                    self.open("failure")
                case ProgramAnswer():
                    self._add("answer", event, "in")
                case ProgramBody():
                    self._add("answer", event)
                case _:
                    self._add("said", event)
        if batch.ended is not None:
            self.last = batch.ended
            self.told.append(batch.ended)

    def _add(self, view: str, event: Event, tone: Tone = "") -> None:
        lines = [Line(safe(text), tone, event) for text in event.line().split("\n")]
        self._lines.setdefault(view, []).extend(lines)

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        lines, self._lines = self._lines, {}
        for view, more in lines.items():
            ring = self.query_one(f"#once-{view}", Ring)
            ring.append(more)
            ring.action_jump(0)
        count = sum(isinstance(one, Crash | Breach) for one in self.told)
        self.query_one(Views).show(self.view, f"{count} wrong " if count else "")
        words = self.run.request.tried() if self.run is not None else ""
        if self.last is not None:
            words += f"   {'failed' if isinstance(self.last, Failed) else self.last.line()}"
        self.query_one(".head", Static).update(safe(words))
        if isinstance(self.last, Failed) and not self.query_one("#once-failure", Ring).lines:
            self.query_one("#once-failure", Ring).append([Line(safe(self.last.line()), "bad")])
            self.open("failure")

    # -- keys ----------------------------------------------------------------------------------

    def on_views_chosen(self, message: Views.Chosen) -> None:
        """A view was clicked."""
        message.stop()
        self.open(message.view)

    def action_view(self) -> None:
        """The next view."""
        self.open(VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)])
        self.focusable_view.focus()

    def action_send_to(self) -> None:
        """Offer what the selected line names."""
        from workbench.ui.sendto import offer_text

        line = cast(Ring, self.focusable_view).cursor_line
        offer_text(cast("WorkbenchApp", self.app), line.text if line is not None else "")

    def action_copy(self) -> None:
        """Copy the selected lines of the view."""
        self.app.copy_to_clipboard(cast(Ring, self.focusable_view).selected_text())
        self.notify("copied")

    def action_export(self) -> None:
        """Save all of it as JSON lines, or the body as it came."""
        from workbench.ui.export import ask_and_write

        events = list(self.told)
        bodies = [one.data for one in events if isinstance(one, ProgramBody)]
        formats = {
            ".jsonl": lambda: (encode(event) for event in events),
            ".body": lambda: iter(bodies),
        }
        name = self.run.job.name if self.run is not None else "once"
        ask_and_write(cast("WorkbenchApp", self.app), f"{name}.jsonl", formats)
