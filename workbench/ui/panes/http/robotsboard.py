"""The board of `robots`: what was judged above, the file with the line that decides below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from workbench.core.feed import Batch
from workbench.core.message import Event, encode
from workbench.core.text import safe
from workbench.http.robots.job import (
    RobotsDelay,
    RobotsFault,
    RobotsFile,
    RobotsSitemap,
    RobotsVerdict,
)
from workbench.ui.panes.boards import RunBoard
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.table import Cell, Column, Table
from workbench.ui.widgets.tones import Tone

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

COLUMNS = (
    Column("rfc", "RFC 9309", width=8),
    Column("python", "urllib", width=8),
    Column("agent", "agent", width=6, flex=1, most=24),
    Column("path", "path", width=16, flex=3),
    Column("why", "decided by", width=20, flex=3),
)
_MARK = "> "


class RobotsBoard(RunBoard):
    """Verdicts in a table, the text below; the cursor marks the line that decides."""

    DEFAULT_CSS = """
    RobotsBoard Table { height: 2fr; min-height: 4; }
    RobotsBoard Ring { height: 3fr; }
    RobotsBoard .about { height: auto; max-height: 4; background: $surface; padding: 0 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "copy", id="robots.copy"),
        Binding("e", "export", "export", id="robots.export"),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.verdicts: list[RobotsVerdict] = []
        self.faults: dict[int, str] = {}
        self.file: RobotsFile | None = None
        self.told: list[Event] = []
        self.last: Event | None = None
        self._version = self._drawn = 0
        self._marked: object = None

    def compose_body(self) -> ComposeResult:
        """Verdicts, what else the file says, its text."""
        yield Table(COLUMNS, cell=_cell, value=_value, empty="Nothing is judged yet.", id="judged")
        yield Static("", classes="about", markup=False)
        yield Ring(empty="The file stands here; > marks the line that decides, ! a fault.")

    @property
    def table(self) -> Table:
        """The verdicts."""
        return self.query_one("#judged", Table)

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.verdicts, self.faults, self.told = [], {}, []
        self.file = self.last = None
        self._version += 1
        self._marked = None
        self.table.set_rows([])
        self.query_one(Ring).clear()

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in batch.events:
            self.told.append(event)
            match event:
                case RobotsVerdict():
                    self.verdicts.append(event)
                case RobotsFault():
                    self.faults[event.number] = event.why
                case RobotsFile():
                    self.file = event
        if batch.ended is not None:
            self.last = batch.ended
        self._version += 1

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        if self._version != self._drawn:
            self._drawn = self._version
            self.table.set_rows(list(enumerate(self.verdicts)))
            head = f"robots {self.run.request.target()}" if self.run is not None else "robots"
            ended = f"   {self.last.line()}" if self.last is not None else "   x stops"
            self.query_one(".head", Static).update(safe(head + ended))
            self.query_one(".about", Static).update(safe(self._about(), keep_newlines=True))
            self._marked = None
        one = self.selected
        marked = one.number if one is not None else 0
        if self.file is not None and marked != self._marked:
            self._marked = marked
            self._draw_text(self.file, marked)

    def _about(self) -> str:
        lines = [self.file.line()] if self.file is not None else []
        for kind in (RobotsDelay, RobotsSitemap):
            found = [one.line() for one in self.told if isinstance(one, kind)]
            lines += [f"{found[0]}   and {len(found) - 1} more"] if found[1:] else found
        return "\n".join(lines)

    def _draw_text(self, file: RobotsFile, marked: int) -> None:
        lines = []
        for number, text in enumerate(file.text.split("\n"), 1):
            fault = self.faults.get(number, "")
            tone: Tone = "good" if number == marked else "warn" if fault else ""
            mark = _MARK if number == marked else "! " if fault else "  "
            more = f"   <- {fault}" if fault else ""
            lines.append(Line(safe(f"{mark}{number:>4} {text}{more}"), tone, text))
        ring = self.query_one(Ring)
        ring.clear()
        ring.append(lines)
        ring.action_jump(max(0, marked - 1 - ring.size.height // 2))

    @property
    def selected(self) -> RobotsVerdict | None:
        """The verdict under the cursor."""
        key = self.table.cursor_key
        return self.verdicts[key] if isinstance(key, int) and key < len(self.verdicts) else None

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Enter: read the file."""
        event.stop()
        self.query_one(Ring).focus()

    def action_copy(self) -> None:
        """Copy the selected verdict, or the selected lines of the file."""
        ring, one = self.query_one(Ring), self.selected
        text = ring.selected_text() if ring.has_focus or one is None else one.line()
        self.app.copy_to_clipboard(text)
        self.notify("copied")

    def action_export(self) -> None:
        """Save what was found as JSON lines, or the file itself."""
        from workbench.ui.export import ask_and_write

        events, text = list(self.told), self.file.text if self.file is not None else ""
        formats = {
            ".jsonl": lambda: [encode(event) for event in events],
            ".txt": lambda: [line.encode() for line in text.split("\n")],
        }
        ask_and_write(cast("WorkbenchApp", self.app), "robots.jsonl", formats)


def _cell(row: RobotsVerdict, column: str, width: int) -> Cell:
    match column:
        case "rfc":
            return ("allowed", "good") if row.allowed else ("refused", "bad")
        case "python":
            if row.python is None:
                return "raises", "warn"
            same = row.python == row.allowed
            return "allowed" if row.python else "refused", "dim" if same else "warn"
        case "path":
            return row.path
        case "agent":
            return row.agent
        case _:
            return row.why


def _value(row: RobotsVerdict, column: str) -> Any:
    if column == "rfc":
        return row.allowed
    return str(row.python) if column == "python" else getattr(row, column)
