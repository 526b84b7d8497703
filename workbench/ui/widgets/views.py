"""A line of views of one thing, one of them open."""

from __future__ import annotations

from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widget import Widget


class Views(Widget):
    """`[connections]  log  figures`, with a remark at the right end."""

    DEFAULT_CSS = """
    Views { height: 1; background: $panel; }
    """

    class Chosen(Message):
        """A view was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.view = name

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names = names
        self.active = names[0]
        self._remark = ""

    def show(self, active: str, remark: str) -> None:
        """Draw, if anything differs from what stands there."""
        if (active, remark) != (self.active, self._remark):
            self.active, self._remark = active, remark
            self.refresh()

    def next(self) -> str:
        """The name of the view after the open one."""
        return self.names[(self.names.index(self.active) + 1) % len(self.names)]

    def render(self) -> Content:
        """One line."""
        parts: list[tuple[str, str] | str] = []
        for name in self.names:
            text = f"[{name}]" if name == self.active else f" {name} "
            parts.append((text, "bold $text-accent" if name == self.active else "$text-muted"))
        used = sum(len(name) + 2 for name in self.names)
        parts.append(
            self._remark[: max(0, self.size.width - used - 1)].rjust(self.size.width - used)
        )
        return Content.assemble(*parts)

    def on_click(self, event: Click) -> None:
        """Find the view under the pointer."""
        left = 0
        for name in self.names:
            left += len(name) + 2
            if event.x < left:
                self.post_message(self.Chosen(name))
                return
