"""The line of tabs on top, with what runs at its right."""

from __future__ import annotations

from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widget import Widget

from workbench.catalogue import TABS


class TabBar(Widget):
    """The tabs' titles; a click or a key chooses one."""

    DEFAULT_CSS = """
    TabBar { height: 1; background: $panel; color: $foreground; }
    """

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.tab = name

    def __init__(self) -> None:
        super().__init__(id="tabbar")
        self._active = ""
        self._summary = ""

    @property
    def active(self) -> str:
        """The name of the tab that is open."""
        return self._active

    def show(self, active: str, summary: str) -> None:
        """Draw, if anything differs from what stands there."""
        if (active, summary) != (self._active, self._summary):
            self._active, self._summary = active, summary
            self.refresh()

    def render(self) -> Content:
        """One line: the open tab reversed and in brackets of its own colour."""
        parts: list[tuple[str, str] | str] = []
        used = 0
        for tab in TABS:
            # A mark as well as a colour: the open tab is told apart without either.
            text = f"[{tab.title}]" if tab.name == self._active else f" {tab.title} "
            parts.append((text, "bold $text on $primary" if tab.name == self._active else ""))
            used += len(text)
        room = self.size.width - used - 1
        summary = self._summary if len(self._summary) <= room else ""
        parts.append(summary.rjust(max(0, room)))
        return Content.assemble(*parts)

    def on_click(self, event: Click) -> None:
        """Find the tab under the pointer."""
        left = 0
        for tab in TABS:
            left += len(tab.title) + 2
            if event.x < left:
                self.post_message(self.Chosen(tab.name))
                return
