"""The board of `watch`: a row for each target, and the changes of the one that is selected."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from math import nan
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from workbench.core.endpoint import EndpointError, parse
from workbench.core.events import Note
from workbench.core.feed import Batch
from workbench.core.message import Command, Event, encode
from workbench.core.runner import Run
from workbench.core.text import safe
from workbench.core.units import duration
from workbench.servers.watch.events import (
    Acknowledge,
    AddTarget,
    CheckNow,
    RemoveTarget,
    Rest,
)
from workbench.ui.panes.boards import RunBoard
from workbench.ui.panes.servers.followed import Followed, Following
from workbench.ui.runs import Sink
from workbench.ui.widgets.filterline import FilterLine
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.spark import sparkline
from workbench.ui.widgets.table import Cell, Column, Table
from workbench.ui.widgets.tones import Tone

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

_MARKS: dict[str, tuple[str, Tone]] = {
    "up": ("*", "good"),
    "warn": ("~", "warn"),
    "down": ("!", "bad"),
    "unknown": ("?", "dim"),
}
_TONES: dict[str, Tone] = {"up": "good", "warn": "warn", "down": "bad"}

COLUMNS = (
    Column("severity", "!", width=1),
    Column("name", "name", width=20, flex=1, most=32),
    Column("target", "target", width=18, flex=1, priority=3, most=40),
    Column("line", "latency", width=8, flex=1, priority=2, most=30),
    Column("latency", "now", width=6, align="right"),
    Column("uptime", "24 h", width=6, align="right"),
    Column("uptime_week", "7 days", width=6, align="right", priority=4),
    Column("since", "since", width=6, align="right"),
    Column("error", "last error", width=20, flex=4),
)
_EXPORTED = (
    *("name", "target", "state", "since", "latency", "uptime", "uptime_week"),
    *("detail", "error", "error_at", "paused", "acknowledged"),
)


class WatchBoard(RunBoard):
    """Targets above; below, what has changed with the one that is selected."""

    DEFAULT_CSS = """
    WatchBoard Table { height: 3fr; min-height: 4; }
    WatchBoard .about { height: 2; background: $surface; padding: 0 1; }
    WatchBoard Ring { height: 1fr; min-height: 3; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "check", "check now", id="watch.check"),
        Binding("R", "check_all", "check all", show=False, id="watch.all"),
        Binding("a", "rest", "pause", id="watch.pause"),
        Binding("k", "acknowledge", "known", id="watch.acknowledge"),
        Binding("d", "remove", "remove", id="watch.remove"),
        Binding("plus", "add", "add", key_display="+", id="watch.add"),
        Binding("slash", "filter", "filter", id="watch.filter"),
        Binding("s", "send_to", "send to", id="watch.send"),
        Binding("y", "copy", "copy", show=False, id="watch.copy"),
        Binding("e", "export", "export", id="watch.export"),
    ]

    settles = True

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.following = Following()
        self._drawn: tuple[object, ...] = ()
        self._shown: tuple[object, int] = (None, 0)
        """The row whose changes are shown, and how many of them."""

    def compose_body(self) -> ComposeResult:
        """The targets, the selected one in words, its changes."""
        yield FilterLine()
        yield Table(COLUMNS, cell=_cell, value=_value, empty="No target is followed.", id="watched")
        yield Static("", classes="about", markup=False)
        yield Ring(line=_line, empty="Nothing has changed yet.", id="changes")

    # -- what is here --------------------------------------------------------------------------

    @property
    def table(self) -> Table:
        """The targets."""
        return self.query_one("#watched", Table)

    @property
    def selected(self) -> Followed | None:
        """The target under the cursor."""
        return self.following.rows.get(str(self.table.cursor_key or ""))

    # -- a run ---------------------------------------------------------------------------------

    def begin(self, start: Callable[[Sink], Run]) -> None:
        """Show another run, and go to its targets."""
        super().begin(start)
        self.call_later(self.table.focus)

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.following = Following()
        self._drawn, self._shown = (), (None, 0)
        self.table.set_rows([])
        self.query_one(Ring).clear()

    def take(self, batch: Batch) -> None:
        """Bring it up to date; drawn with the next frame."""
        started = bool(self.following.rows)
        if self.following.take(batch):
            self.app.bell()
        for event in batch.events:
            if started and isinstance(event, Note):  # an answer to a key, or trouble with a file
                self.notify(safe(event.text), severity="warning", markup=False)

    def pulse(self) -> None:
        """Draw what has changed since the last frame; ages count whole seconds."""
        drawn = (self.following, self.following.version, int(time.time()))
        if drawn != self._drawn:
            self._drawn = drawn
            self.table.set_rows(list(self.following.rows.items()))
            self.query_one(".head", Static).update(self._head())
        self._draw_changes()

    def _head(self) -> str:
        """How many targets are in which state, and what the run came to."""
        own = self.following
        parts = [f"watch {len(own.rows):,}"]
        parts += [f"{count:,} {state}" for state, count in own.counts().items()]
        if own.dropped:
            parts.append(f"{own.dropped:,} events dropped")
        if own.ended is not None:
            parts.append(f"ended{': ' if own.ended.line() else ''}{safe(own.ended.line())}")
        else:
            parts.append("b other board   x stops")
        return "   ".join(parts)

    def _draw_changes(self) -> None:
        """What has changed with the selected target; with none, what the run itself says."""
        row = self.selected
        ring, about = self.query_one(Ring), self.query_one(".about", Static)
        about.update(_about(row))
        source: Any = row.changes if row is not None else self.following.notes
        total = row.changed if row is not None else len(self.following.notes)
        owner = row if row is not None else self.following
        before, count = self._shown
        if owner is not before:
            ring.clear()
            count = 0
        fresh = min(total - count, len(source))
        if fresh > 0:
            ring.append(list(source)[-fresh:])
        self._shown = (owner, total)

    # -- events of the widgets -----------------------------------------------------------------

    def on_table_highlighted(self, event: Table.Highlighted) -> None:
        """Another target: its changes are shown with the next frame."""
        event.stop()

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Enter: look at it at once."""
        event.stop()
        self.action_check()

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        """Filter the targets."""
        event.stop()
        self.table.filter_text = event.text

    def on_filter_line_left(self, event: FilterLine.Left) -> None:
        """Back to the targets."""
        event.stop()
        self.table.focus()

    # -- keys ----------------------------------------------------------------------------------

    def _tell(self, command: Command) -> None:
        """Tell the run something; say so where that cannot be."""
        if self.run is None or self.run.ended is not None or not self.run.send(command):
            self.notify("this watch has ended: it cannot be told anything", severity="warning")

    def _tell_of(self, make: Callable[[Followed], Command]) -> None:
        row = self.selected
        if row is None:
            self.notify("choose a target first")
        else:
            self._tell(make(row))

    def action_check(self) -> None:
        """Check the selected target at once."""
        self._tell_of(lambda row: CheckNow(row.name))

    def action_check_all(self) -> None:
        """Check every target at once."""
        self._tell(CheckNow())

    def action_rest(self) -> None:
        """Pause the checks of the selected target, or have them go on."""
        self._tell_of(lambda row: Rest(not row.paused, row.name))

    def action_acknowledge(self) -> None:
        """Somebody knows how the selected target stands."""
        if self.selected is not None and self.selected.state == "up":
            self.notify("it is up: there is nothing to acknowledge")
        else:
            self._tell_of(lambda row: Acknowledge(row.name))

    def action_remove(self) -> None:
        """Follow the selected target no more."""
        self._tell_of(lambda row: RemoveTarget(row.name))

    def action_add(self) -> None:
        """Follow another target as well."""
        from workbench.ui.screens.dialog import Ask

        def answered(text: str | None) -> None:
            if text and text.strip():
                self._tell(AddTarget(text.strip()))

        hint = "as https://HOST/, tcp://HOST:PORT, icmp://HOST   enter adds   esc closes"
        self.app.push_screen(Ask("Follow which target as well?", "", hint), answered)

    def action_filter(self) -> None:
        """Type a filter for the targets."""
        self.query_one(FilterLine).open()

    def action_copy(self) -> None:
        """Copy the lines that are selected below, or the selected target."""
        ring = self.query_one(Ring)
        text = ring.selected_text() if ring.has_focus else ""
        row = self.selected
        if text or row is not None:
            self.app.copy_to_clipboard(text or cast(Followed, row).target)
            self.notify("copied")

    def action_send_to(self) -> None:
        """Offer the selected target to other tabs."""
        from workbench.ui.sendto import offer

        row = self.selected
        if row is None:
            self.notify("choose a target first")
            return
        try:
            offer(cast("WorkbenchApp", self.app), parse(row.target))
        except EndpointError as problem:
            self.notify(str(problem), severity="warning")

    def action_export(self) -> None:
        """Save the targets as CSV, or what has changed as JSON lines."""
        from workbench.ui.export import ask_and_write, csv_lines

        own = self.following

        def targets() -> Iterable[bytes]:
            rows = list(own.rows.values())
            return csv_lines(_EXPORTED, ([getattr(row, key) for key in _EXPORTED] for row in rows))

        formats = {".csv": targets, ".jsonl": lambda: [encode(event) for event in own.log]}
        ask_and_write(cast("WorkbenchApp", self.app), "watch.csv", formats)


def _cell(row: Followed, column: str, width: int) -> Cell:
    """One cell of the table of targets."""
    match column:
        case "severity":
            return _mark(row)
        case "target" if row.target == row.name:
            return None
        case "name" | "target":
            return safe(getattr(row, column), limit=200)
        case "line":
            values = [nan if one is None else one for one in row.latencies]
            return sparkline(values, width)
        case "latency":
            return duration(row.latency) if row.latency is not None else "-"
        case "uptime" | "uptime_week":
            return _per_cent(getattr(row, column))
        case "since":
            return duration(int(max(0.0, time.time() - row.since))) if row.since else "-"
        case _:
            return _error(row)


def _mark(row: Followed) -> Cell:
    if row.paused:
        return "=", "dim"
    mark, tone = _MARKS[row.state]
    if row.acknowledged:
        return "k", "dim"
    return (mark, "warn") if row.retry else (mark, tone)


def _per_cent(value: float | None) -> Cell:
    """What is not all is never shown as 100%."""
    if value is None:
        return "-"
    text = "100%" if value >= 100 else f"{min(value, 99.99):.2f}%"
    return text, "" if value >= 99.9 else "warn"


def _error(row: Followed) -> Cell:
    """What was last wrong: as it is now, or how long ago."""
    if row.retry:
        return f"retry {row.retry}: {safe(row.detail, limit=200)}", "warn"
    if row.state in ("down", "warn"):
        return safe(row.detail or row.error, limit=200), _TONES[row.state]
    if row.state == "unknown":
        return safe(row.detail or "not checked yet", limit=200), "dim"
    if not row.error:
        return "-", "dim"
    ago = duration(int(max(0.0, time.time() - row.error_at)))
    return f"{ago} ago: {safe(row.error, limit=200)}", "dim"


def _value(row: Followed, column: str) -> Any:
    """What a row is sorted by."""
    match column:
        case "line":
            return row.latency
        case "since":
            return -row.since if row.since else None
        case "error":
            return -row.error_at if row.error_at else None
        case "name" | "target":
            return getattr(row, column).lower()
        case _:
            return getattr(row, column)


def _about(row: Followed | None) -> str:
    """The selected target in words."""
    if row is None:
        return ""
    state = f"{row.state}{', known' if row.acknowledged else ''}{', paused' if row.paused else ''}"
    name = "" if row.name == row.target else f"{safe(row.name, limit=80)}  "
    every = f"every {duration(row.interval)}"
    detail = safe(row.detail, limit=300)
    return f"{name}{safe(row.target, limit=200)}  {every}  {state}{': ' if detail else ''}{detail}"


def _line(event: Event) -> Line:
    """One change."""
    text = safe(event.line().partition("\n")[0])
    if event.type != "changed":
        text = f"{time.strftime('%H:%M:%S', time.localtime(event.time))} {text}"
    tone = _TONES.get(getattr(event, "state", ""), "")
    return Line(text, "bad" if event.type in ("failed", "reacted") else tone, event)
