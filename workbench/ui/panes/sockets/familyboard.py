"""The board of `families`: every kind of socket, is it to be had here, and what is it for."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from workbench import catalogue
from workbench.core.events import Done, Failed
from workbench.core.feed import Batch
from workbench.core.message import Event, encode
from workbench.core.text import safe
from workbench.sockets.families import Family
from workbench.ui.panes.boards import RunBoard
from workbench.ui.widgets.filterline import FilterLine
from workbench.ui.widgets.table import Cell, Column, Table
from workbench.ui.widgets.tones import Tone

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

COLUMNS = (
    Column("mark", "", width=1),
    Column("name", "family and type", width=22),
    Column("number", "AF", width=3, align="right", priority=1),
    Column("python", "Python", width=6),
    Column("kernel", "kernel", width=6),
    Column("said", "what to do with it, or why it is not there", width=30, flex=1),
)


class FamilyBoard(RunBoard):
    """The kinds in a table, all of the selected one below; enter puts its line above."""

    DEFAULT_CSS = """
    FamilyBoard Table { height: 1fr; min-height: 5; }
    FamilyBoard .about { height: 5; background: $surface; padding: 0 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", id="families.filter"),
        Binding("y", "copy", "copy", id="families.copy"),
        Binding("e", "export", "export", id="families.export"),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.kinds: dict[str, Family] = {}
        self.last: Event | None = None

    def compose_body(self) -> ComposeResult:
        """The kinds, and the selected one in words."""
        yield FilterLine()
        yield Table(COLUMNS, cell=_cell, empty="The kernel is being asked.", id="families")
        yield Static("", classes="about", markup=False)

    @property
    def table(self) -> Table:
        """The kinds."""
        return self.query_one("#families", Table)

    @property
    def selected(self) -> Family | None:
        """The kind under the cursor."""
        return self.kinds.get(cast(str, self.table.cursor_key))

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.kinds.clear()
        self.last = None
        self.table.set_rows([])

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in [*batch.events, *([batch.ended] if batch.ended is not None else [])]:
            match event:
                case Family():
                    self.kinds[event.name] = event
                case Done() | Failed():
                    self.last = event
        self.table.set_rows(list(self.kinds.items()))

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        had = sum(one.python and one.kernel for one in self.kinds.values())
        words = f"families   {had} of {len(self.kinds)} are to be had here"
        self.query_one(".head", Static).update(safe(words))
        about = self.query_one(".about", Static)
        about.update(safe(_about(self.selected), keep_newlines=True))

    # -- keys ----------------------------------------------------------------------------------

    async def on_table_chosen(self, event: Table.Chosen) -> None:
        """Enter: the line that does something with it, to look at and run."""
        event.stop()
        kind = self.selected
        if kind is None or not kind.use:
            self.notify("there is nothing here yet that uses it")
            return
        name, _ = catalogue.match(kind.use.split())
        await cast("WorkbenchApp", self.app).take(catalogue.load(name).tab, kind.use)

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(FilterLine).open()

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        """Filter the kinds."""
        event.stop()
        self.table.filter_text = event.text

    def on_filter_line_left(self, event: FilterLine.Left) -> None:
        """Back to the kinds."""
        event.stop()
        self.table.focus()

    def action_copy(self) -> None:
        """Copy all of the selected kind."""
        self.app.copy_to_clipboard(_about(self.selected))
        self.notify("copied")

    def action_export(self) -> None:
        """Save the kinds as JSON lines or as text."""
        from workbench.ui.export import ask_and_write

        kept = list(self.kinds.values())
        formats = {
            ".jsonl": lambda: map(encode, kept),
            ".txt": lambda: (one.line().encode() for one in kept),
        }
        ask_and_write(cast("WorkbenchApp", self.app), "families.txt", formats)


def _about(kind: Family | None) -> str:
    """All of a kind, in lines."""
    if kind is None:
        return ""
    lines = [f"{kind.name} (family {kind.number})", f"its address: {kind.address}"]
    if kind.why:
        lines.append(f"not here: {kind.why}")
    if kind.brings:
        lines.append(f"what brings it: {kind.brings}")
    if kind.use:
        lines.append(f"enter puts above: {kind.use}")
    return "\n".join(lines)


def _cell(row: Family, column: str, _: int) -> Cell:
    here = row.python and row.kernel
    tone: Tone = "" if here else "dim"
    match column:
        case "mark":
            return ("*", "good") if here else ("-", "dim")
        case "python" | "kernel":
            return ("yes", "good") if getattr(row, column) else ("no", "warn")
        case "said":
            return safe(row.use if here else row.why or row.brings), tone
        case _:
            return safe(str(getattr(row, column))), tone
