"""The keys that work here and now, in one line at the bottom."""

from __future__ import annotations

from typing import Any

from textual.binding import Binding
from textual.content import Content
from textual.events import Click
from textual.widget import Widget

_SHORT = {"question_mark": "?", "slash": "/", "escape": "esc", "delete": "del"}


class KeyBar(Widget):
    """One line drawn from the active bindings: a widget a key would cost the start too much."""

    DEFAULT_CSS = """
    KeyBar { height: 1; background: $panel; color: $foreground; }
    """

    def __init__(self) -> None:
        super().__init__(id="keybar")
        self._line: tuple[tuple[str, str, str], ...] = ()

    def on_mount(self) -> None:
        """Follow the bindings as the focus moves."""
        self.screen.bindings_updated_signal.subscribe(self, self._update)
        self.call_after_refresh(self._update)

    def _update(self, _: Any = None) -> None:
        line: list[tuple[str, str, str]] = []
        focused = self.screen.focused
        # Textual leaves out the keys that a line of input takes as text, all but this one.
        types_slash = focused is not None and focused.check_consume_key("slash", "/")
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if binding.key == "slash" and types_slash:
                continue
            if binding.show and active.enabled and binding.description:
                entry = (key_name(binding), binding.description, binding.action)
                if not any(entry[1:] == other[1:] for other in line):
                    line.append(entry)
        line.sort(key=lambda entry: entry[2] not in ("app.help", "help"))
        if tuple(line) != self._line:
            self._line = tuple(line)
            self.refresh()

    def render(self) -> Content:
        """As many keys as fit."""
        parts: list[tuple[str, str] | str] = []
        room = self.size.width
        for key, description, _ in self._line:
            room -= len(key) + len(description) + 3
            if room < 0:
                break
            parts += [(f" {key}", "bold $accent"), f" {description} "]
        return Content.assemble(*parts)

    async def on_click(self, event: Click) -> None:
        """Do what the key under the pointer does."""
        left = 0
        for key, description, action in self._line:
            left += len(key) + len(description) + 3
            if event.x < left:
                await self.app.run_action(action, self.screen.focused or self.screen)
                return


def key_name(binding: Binding) -> str:
    """A key as people write it."""
    if binding.key_display:
        return binding.key_display
    key = binding.key.partition(",")[0]
    return _SHORT.get(key, key.replace("ctrl+", "^"))
