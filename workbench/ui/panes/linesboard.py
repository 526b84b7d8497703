"""The board of a job that has none of its own: what it tells, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from workbench.core.message import Event, encode
from workbench.ui.panes.boards import RunBoard
from workbench.ui.widgets.filterline import FilterLine
from workbench.ui.widgets.ring import Ring

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp


class LinesBoard(RunBoard):
    """/ narrows the lines down; s sends on what the selected ones name, y copies, e saves all."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", id="lines.filter"),
        Binding("s", "send_to", "send to", id="lines.send"),
        Binding("y", "copy", "copy", id="lines.copy"),
        Binding("e", "export", "export", id="lines.export"),
    ]

    def compose_body(self) -> ComposeResult:
        """The filter, and the lines."""
        yield FilterLine()
        yield Ring(empty="Nothing is told yet.")

    @property
    def ring(self) -> Ring:
        """The lines."""
        return self.query_one(Ring)

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(FilterLine).open()

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        """Filter the lines."""
        event.stop()
        self.ring.filter_text = event.text

    def on_filter_line_left(self, event: FilterLine.Left) -> None:
        """Back to the lines."""
        event.stop()
        self.ring.focus()

    def action_send_to(self) -> None:
        """Offer what the selected line names: addresses, names, endpoints, URLs, UUIDs."""
        from workbench.ui.sendto import offer_text

        line = self.ring.cursor_line
        offer_text(cast("WorkbenchApp", self.app), line.text.strip() if line is not None else "")

    def action_copy(self) -> None:
        """Copy the selected lines; all of them while the end is followed."""
        self.app.copy_to_clipboard(self.ring.selected_text())
        self.notify("copied")

    def action_export(self) -> None:
        """Save what is kept: the events as JSON, or the lines as text."""
        from workbench.ui.export import ask_and_write

        lines = list(self.ring.lines)
        # An event of many lines stands behind each of them.
        events = list({id(line.data): line.data for line in lines}.values())
        formats = {
            ".jsonl": lambda: (encode(event) for event in events if isinstance(event, Event)),
            ".txt": lambda: (line.text.encode() for line in lines),
        }
        name = self.run.job.name.replace(" ", "-") if self.run is not None else "lines"
        ask_and_write(cast("WorkbenchApp", self.app), f"{name}.jsonl", formats)
