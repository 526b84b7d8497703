"""A text of several lines to write, in a dialog of its own."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static, TextArea

from workbench.ui.screens.dialog import Dialog


class Draft(Dialog[str]):
    """Ctrl+s closes it with the text, escape without.

    Args:
        line: where the cursor stands at first, from 0.
    """

    DEFAULT_CSS = """
    Draft > Vertical { width: 100%; max-width: 100; height: 100%; max-height: 40; }
    Draft TextArea { height: 1fr; border: none; padding: 0; background: $boost; }
    Draft TextArea:focus { border: none; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "done", "done", priority=True),
    ]

    def __init__(self, title: str, text: str, done: str, line: int = 0) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._done = done
        self._line = line

    def compose(self) -> ComposeResult:
        """The title, the text, the keys."""
        with Vertical():
            yield Static(self._title, classes="title", markup=False)
            yield TextArea(self._text, soft_wrap=True, tab_behavior="focus")
            keys = f"ctrl+s {self._done}   esc closes"
            yield Static(keys, classes="keys", markup=False)

    def on_mount(self) -> None:
        """Begin to write where something is missing."""
        area = self.query_one(TextArea)
        area.cursor_blink = False
        lines = self._text.split("\n")
        line = min(self._line, len(lines) - 1)
        area.move_cursor((line, len(lines[line])))
        area.focus()

    def action_done(self) -> None:
        """Close with the text."""
        self.dismiss(self.query_one(TextArea).text)
