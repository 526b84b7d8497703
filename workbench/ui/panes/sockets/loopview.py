"""An event loop seen: its descriptors, its rounds, what callbacks cost."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from workbench.core.message import encode
from workbench.core.text import safe
from workbench.core.units import duration
from workbench.servers.seen import Registered, Round
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.spark import bar
from workbench.ui.widgets.table import Cell, Column, Table

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

KEPT = 5_000
BAR = 12
SLOW = 0.1
"""Seconds from which on a callback is marked: so long everybody else has waited."""

COLUMNS = (
    Column("fd", "fd", width=4, align="right"),
    Column("watched", "watched for", width=14),
    Column("ready", "ready", width=6, align="right"),
    Column("took", "in all", width=8, align="right", priority=1),
    Column("longest", "longest", width=8, align="right"),
    Column("bar", "", width=BAR, priority=2),
    Column("what", "what it is", width=16, flex=1),
)


@dataclass(slots=True)
class Watched:
    """A descriptor of the loop and what it has cost."""

    fd: int
    what: str
    watched: str
    ready: int = 0
    took: float = 0.0
    longest: float = 0.0
    rounds: list[int] = field(default_factory=list)


class LoopView(Vertical):
    """Descriptors above, rounds below; the line between them says what they mean."""

    DEFAULT_CSS = """
    LoopView { height: 1fr; }
    LoopView Table { height: 2fr; min-height: 4; }
    LoopView .about { height: auto; background: $surface; color: $text-muted; padding: 0 1; }
    LoopView Ring { height: 3fr; min-height: 3; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "hold", "hold", id="selectors.hold"),
        Binding("y", "copy", "copy", id="selectors.copy"),
        Binding("e", "export", "export", id="selectors.export"),
    ]

    def __init__(self, about: str) -> None:
        super().__init__()
        self._about = about
        self.watched: dict[int, Watched] = {}
        self.rounds: deque[Registered | Round] = deque(maxlen=KEPT)
        self.held = False
        self.count = 0
        self._waited = self._busy = 0.0
        self._fresh: list[Line] = []

    def compose(self) -> ComposeResult:
        """The descriptors, what it is about, the rounds."""
        yield Table(COLUMNS, cell=self._cell, empty="Nothing is registered yet.", id="descriptors")
        yield Static(self._about, classes="about", markup=False)
        yield Ring(empty="No round yet.")

    @property
    def table(self) -> Table:
        """The descriptors."""
        return self.query_one("#descriptors", Table)

    @property
    def ring(self) -> Ring:
        """The rounds."""
        return self.query_one(Ring)

    @property
    def busy(self) -> str:
        """How much of its time the loop spends in callbacks."""
        whole = self._waited + self._busy
        return f"{100 * self._busy / whole:.1f}% of it in callbacks" if whole else ""

    def clear(self) -> None:
        """Nothing is known of the loop."""
        self.watched.clear()
        self.rounds.clear()
        self._fresh.clear()
        self.held = False
        self.count, self._waited, self._busy = 0, 0.0, 0.0
        self.table.set_rows([])
        self.ring.clear()

    def take(self, event: Registered | Round) -> None:
        """Bring it up to date."""
        self.rounds.append(event)
        if isinstance(event, Registered):
            self._fresh.append(Line(event.line(), "dim", event))
            self._register(event)
        else:
            self._round(event)

    def _register(self, event: Registered) -> None:
        if not event.watched:
            self.watched.pop(event.fd, None)
        elif event.fd in self.watched and self.watched[event.fd].what == event.what:
            self.watched[event.fd].watched = event.watched
        else:
            self.watched[event.fd] = Watched(event.fd, event.what, event.watched)

    def _round(self, event: Round) -> None:
        self.count = event.number
        self._waited += event.waited
        slow = max(event.took, default=0.0)
        self._busy += sum(event.took) + event.rest
        self._fresh.append(
            Line(event.line(), "bad" if slow > SLOW else "" if event.ready else "dim", event)
        )
        for (fd, _), took in zip(event.ready, event.took, strict=False):
            one = self.watched.get(fd)
            if one is not None:
                one.ready += 1
                one.took += took
                one.longest = max(one.longest, took)

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        if self.held:
            return
        self.table.set_rows([(fd, self.watched[fd]) for fd in sorted(self.watched)])
        if self._fresh:
            self.ring.append(self._fresh)
            self._fresh = []

    def action_hold(self) -> None:
        """Hold the picture still to read it, or let it go on."""
        self.held = not self.held

    def action_copy(self) -> None:
        """Copy the lines of the rounds that are selected."""
        self.app.copy_to_clipboard(self.ring.selected_text())
        self.notify("copied")

    def action_export(self) -> None:
        """Save the rounds as JSON lines or as text."""
        from workbench.ui.export import ask_and_write

        kept = list(self.rounds)
        formats = {
            ".jsonl": lambda: map(encode, kept),
            ".txt": lambda: (event.line().encode() for event in kept),
        }
        ask_and_write(cast("WorkbenchApp", self.app), "rounds.jsonl", formats)

    def _cell(self, row: Watched, column: str, _: int) -> Cell:
        match column:
            case "took" | "longest":
                return duration(getattr(row, column)), "bad" if row.longest > SLOW else ""
            case "bar":
                longest = max((one.longest for one in self.watched.values()), default=0.0)
                return bar(row.longest / longest if longest else 0.0, BAR), "out"
            case "watched":
                return row.watched, "warn" if "write" in row.watched else ""
            case _:
                return safe(str(getattr(row, column)), limit=200)
