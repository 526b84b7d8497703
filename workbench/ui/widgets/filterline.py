"""A line to type a filter on; hidden while there is none."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label


class FilterLine(Horizontal):
    """Filters as it is typed: enter keeps the filter, escape takes it away."""

    DEFAULT_CSS = """
    FilterLine { height: 1; display: none; background: $boost; }
    FilterLine Label { padding: 0 1; color: $text-accent; }
    FilterLine Input { width: 1fr; border: none; height: 1; padding: 0; background: $boost; }
    FilterLine Input:focus { border: none; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear", "drop it", id="filter.clear"),
    ]

    class Changed(Message):
        """Another text to filter by; empty for none."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The user goes back to what is filtered."""

    def __init__(self, hint: str = "type to filter; enter keeps it, esc drops it") -> None:
        super().__init__()
        self._hint = hint

    def compose(self) -> ComposeResult:
        """A slash and the text."""
        yield Label("/", markup=False)
        yield Input(compact=True, placeholder=self._hint)

    def open(self) -> None:
        """Show the line and type on it."""
        self.display = True
        self.query_one(Input).focus()

    def action_clear(self) -> None:
        """No filter any more."""
        self.query_one(Input).value = ""
        self.display = False
        self.post_message(self.Left())

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        event.stop()
        self.post_message(self.Changed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the filter."""
        event.stop()
        if not event.value:
            self.display = False
        self.post_message(self.Left())
