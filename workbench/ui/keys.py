"""Keys in the order in which they were pressed, and those that Textual takes for something else."""

from __future__ import annotations

from collections import deque
from functools import partial
from types import SimpleNamespace
from typing import Any

from textual import events
from textual.app import App
from textual.message_pump import MessagePump

PATIENCE = 0.5
"""Seconds after which a key that nobody has finished with holds the others up no longer."""


class KeysInOrder(App[None]):
    """An app in which a key is looked at when the one before it has done its work.

    A line of input takes a letter at once, but a key that is bound (enter, tab) comes up from
    widget to widget before it acts. Of keys that arrive together, as over a slow line, the letters
    would overtake it: "one", enter, "two" would send "onetwo".
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._key: events.Event | None = None
        self._waiting: deque[events.Event] = deque()

    async def on_event(self, event: events.Event) -> None:
        """Hold a key back while one is under way; note when one has come up to the app."""
        if not isinstance(event, events.Key | events.Paste):
            await super().on_event(event)
        elif event.is_forwarded:
            await super().on_event(event)
            self._finished(event)
        elif self._key is not None or self._waiting:
            self._waiting.append(event)
            self.set_timer(PATIENCE, partial(self._finished, self._key))
        else:
            await self._begin(event)

    async def _begin(self, event: events.Event) -> None:
        self._key = event
        target = self.focused or self.screen
        await super().on_event(event)
        if event.is_forwarded:
            self._follow(target, event)
        else:
            self._finished(event)

    def _follow(self, target: MessagePump, event: events.Event) -> None:
        """Look again when this widget has dealt with the key."""
        if target is not self and not target.call_later(self._look, target, event):
            self._finished(event)

    def _look(self, target: MessagePump, event: events.Event) -> None:
        if event._stop_propagation or target._parent is None:
            self._finished(event)
        else:
            self._follow(target._parent, event)

    def _finished(self, event: events.Event | None) -> None:
        """Go on to the next key, after what this one has asked the app to do."""
        if event is not None and event is self._key:
            self._key = None
            self.call_later(self._next)

    async def _next(self) -> None:
        if self._key is None and self._waiting:
            await self._begin(self._waiting.popleft())


def tell_alt_digits() -> None:
    """Have ESC and a digit be alt and that digit.

    Textual takes them for the characters that option and a digit give on a Mac (ESC 3 for a pound
    sign), where every other terminal sends them for alt.
    """
    try:
        from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
    except ImportError:
        return
    sequences: Any = ANSI_SEQUENCES_KEYS
    for digit in "0123456789":
        sequences[f"\x1b{digit}"] = (SimpleNamespace(value=f"alt+{digit}"),)
