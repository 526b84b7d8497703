"""The pane of a tab that is not built yet: one honest line."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Static

from workbench.catalogue import Tab
from workbench.ui.panes.base import Pane


class ComingPane(Pane):
    """Says what the tab will be for."""

    DEFAULT_CSS = """
    ComingPane { align: center middle; }
    ComingPane Static { width: auto; max-width: 100%; text-align: center; }
    """

    help_text: ClassVar[str] = "This tab is not built yet; nothing in it works."

    def __init__(self, tab: Tab) -> None:
        super().__init__()
        self._tab = tab

    def compose(self) -> ComposeResult:
        """What it will be for."""
        yield Static(f"Not built yet. {self._tab.purpose}", markup=False)
