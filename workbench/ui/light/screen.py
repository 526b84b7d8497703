"""The app's base that keeps the line to the terminal light.

Textual sends a whole region for one changed cell. `LightScreen` puts itself before
`App._display`: it keeps the cells last sent and hands on only the runs that changed, at one frame
rate for the whole screen, and none while the terminal has not taken the last frame. What it cannot
send yet goes back to the compositor as dirty, so the next frame brings it in its newest state.
"""

from __future__ import annotations

import gc
import os
from inspect import signature
from time import monotonic
from typing import TYPE_CHECKING, Any

from rich.color import ColorSystem
from textual import events, messages
from textual.app import App
from textual.geometry import Region
from textual.reactive import Reactive

from workbench.ui.light.line import Line

if TYPE_CHECKING:
    from textual.screen import Screen
    from textual.timer import Timer

    from workbench.ui.light.frame import Frame

LOCAL_RATE = 20.0
REMOTE_RATE = 5.0
"""Frames a second, at most, that nobody waits for: on this machine, and in an SSH session."""

ANSWER_SECONDS = 0.3
"""How long after a key or click frames count as its answer."""

ANSWER_RATE = 30.0
"""Frames a second for answers in an SSH session; elsewhere they wait for nothing."""

JITTER = 0.5
"""Share of the frame period that a frame may come before its time; the mean rate stays."""

RETRY_SECONDS = 0.02
"""How often to look whether a busy line is free again."""


def in_ssh_session() -> bool:
    """Whether the terminal is at the far end of an SSH session (environment, ssh(1))."""
    return any(os.environ.get(name) for name in ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"))


class LightScreen(App[None]):
    """An app that compares cells with the last frame and writes the runs that changed.

    `light` may be turned off and on at any time. `light_failure` is why the plain way is used for
    good: a Textual that does not fit, or an error in the comparison. `frame_rate` is frames a
    second for what nobody waits for; give timers that feed widgets the same rate. In an SSH session
    it is lower, and animations are off. No cursor blinks.
    """

    def __init__(
        self, *args: Any, light: bool = True, frame_rate: float | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.light = light
        self.remote = in_ssh_session()
        self.frame_rate = frame_rate or (REMOTE_RATE if self.remote else LOCAL_RATE)
        if self.remote:
            self.animation_level = "none"
        self.light_failure = misfit(self)
        self._frame: Frame | None = None
        self._line = Line()
        self._framed_at = self._due = self._pressed_at = float("-inf")
        self._retry_timer: Timer | None = None

    def repaint(self) -> None:
        """Forget what the terminal shows and draw all of it again."""
        self._frame = None
        self.screen.refresh()

    def action_repaint(self) -> None:
        """Draw the whole screen again, over what something else may have written there."""
        self.repaint()

    async def on_event(self, event: events.Event) -> None:
        """Note when somebody waits for an answer."""
        if isinstance(event, events.InputEvent) and not isinstance(event, events.MouseMove):
            self._pressed_at = monotonic()
        await super().on_event(event)

    # Textual calls the handlers of every base class by itself: no super() in these three.

    def _on_ready(self) -> None:
        # What the start has made is there for good. Left among what the collector walks, it would
        # make every full collection a pause that is felt between a key and its answer.
        gc.freeze()

    async def _on_resize(self, event: events.Resize) -> None:
        # Also sent on the return from a suspension: the terminal is blank then, and the answer to
        # a question from before is lost.
        self._frame = None
        self._line.answered()

    def _on_terminal_supports_synchronized_output(
        self, message: messages.TerminalSupportsSynchronizedOutput
    ) -> None:
        self._line.answered()
        if self._retry_timer is not None:
            self._retry()

    def _build_driver(self, *args: Any, **kwargs: Any) -> Any:
        driver = super()._build_driver(*args, **kwargs)
        if not driver.is_inline:
            self._line.watch(driver)
        return driver

    def _register_child(self, parent: Any, child: Any, *args: Any, **kwargs: Any) -> None:
        blink = getattr(type(child), "cursor_blink", None)
        if isinstance(blink, Reactive):
            child.set_reactive(blink, False)
        super()._register_child(parent, child, *args, **kwargs)

    def _display(self, *args: Any, **kwargs: Any) -> None:
        if not self.light or self.light_failure is not None:
            self._frame = None
            super()._display(*args, **kwargs)
        elif self._shows():
            self._display_lightly(*args, **kwargs)
        else:
            super()._display(*args, **kwargs)

    def _shows(self) -> bool:
        """Whether the plain way would write to a full-screen terminal now."""
        driver = self._driver
        return (
            driver is not None
            and not driver.is_headless
            and not driver.is_inline
            and not self._batch_count
            and not self._closed
            and self._running
        )

    def _display_lightly(self, screen: Screen[Any], renderable: Any) -> None:
        from textual._compositor import ChopsUpdate, LayoutUpdate

        from workbench.ui.light.frame import Written

        if renderable is not None and not isinstance(renderable, LayoutUpdate | ChopsUpdate):
            self._frame = None
            super()._display(screen, renderable)
            return
        delay = self._delay()
        if delay > 0:
            self._give_back(screen, renderable)
            self._retry_in(delay)
            self.post_display_hook()
            return
        try:
            sequences = self._changes(screen, renderable)
        except Exception as error:
            self.light_failure = f"comparing cells failed: {type(error).__name__}: {error}"
            self._frame = None
            super()._display(screen, self._full_update(screen))
            return
        cursor = self.screen.outer_size.clamp_offset(self.cursor_position)
        if not sequences and cursor == self._previous_cursor_position:
            self.post_display_hook()
            return
        self._count_frame()
        if self._sync_available:
            sequences = self._line.send(sequences)
        update: Any = Written(sequences)
        super()._display(screen, update)

    def _changes(self, screen: Screen[Any], update: Any) -> str:
        """The sequences from the last frame sent to this update."""
        from textual._compositor import LayoutUpdate

        from workbench.ui.light.frame import Frame

        size = screen._compositor.size
        if self._frame is None or self._frame.size != size:
            if not size:
                return ""
            if not isinstance(update, LayoutUpdate):
                # An update of a part says nothing about the rest, which is unknown now.
                update = self._full_update(screen)
            self._frame = Frame(*size)
        if update is None:
            return ""
        return self._frame.draw(update, self.console._color_system or ColorSystem.TRUECOLOR)

    def _full_update(self, screen: Screen[Any]) -> Any:
        return screen._compositor.render_update(full=True, screen_stack=self._background_screens)

    def _delay(self) -> float:
        """Seconds that a frame should still wait; 0 for none."""
        if self._line.busy:
            return RETRY_SECONDS
        if self._frame is None:
            return 0.0
        now = monotonic()
        if now - self._pressed_at < ANSWER_SECONDS:
            return max(0.0, self._framed_at + 1 / ANSWER_RATE - now) if self.remote else 0.0
        early = self._due - now
        return early if early > JITTER / self.frame_rate else 0.0

    def _count_frame(self) -> None:
        """Set when the next frame is due: a period after this one was, whenever it came."""
        now = self._framed_at = monotonic()
        self._stop_retrying()  # it brought what was given back, too
        period = 1 / self.frame_rate
        self._due = min(max(now, self._due) + period, now + (1 + JITTER) * period)

    def _give_back(self, screen: Screen[Any], update: Any) -> None:
        """Mark what an update would have drawn as still to be drawn."""
        from textual._compositor import ChopsUpdate

        if update is None:
            return
        dirty = screen._compositor._dirty_regions
        if isinstance(update, ChopsUpdate):
            dirty.update(Region(x1, y, x2 - x1, 1) for y, x1, x2 in update.spans)
        else:
            dirty.add(update.region)

    def _retry_in(self, seconds: float) -> None:
        if self._retry_timer is None:
            self._retry_timer = self.set_timer(seconds, self._retry, name="light_screen")

    def _stop_retrying(self) -> None:
        if self._retry_timer is not None:
            self._retry_timer.stop()
            self._retry_timer = None

    def _retry(self) -> None:
        """Draw what was given back, unless it must wait on."""
        self._stop_retrying()
        if not self._running or self._closed or not self._screen_stack:
            return
        delay = RETRY_SECONDS if self._batch_count else self._delay()
        if delay > 0:
            self._retry_in(delay)
            return
        screen = self.screen
        self._display(
            screen, screen._compositor.render_update(screen_stack=self._background_screens)
        )


def misfit(app: App[Any]) -> str | None:
    """Why the light way does not fit the installed Textual and Rich; None if it does."""
    try:
        from textual._compositor import ChopsUpdate, Compositor, LayoutUpdate

        import workbench.ui.light.frame  # noqa: F401
    except ImportError as error:
        return f"Textual or Rich does not fit: {error}"
    expected = (
        (App._display, ("self", "screen", "renderable")),
        (LayoutUpdate.__init__, ("self", "strips", "region")),
        (ChopsUpdate.__init__, ("self", "chops", "spans", "chop_ends")),
        (Compositor.render_update, ("self", "full", "screen_stack", "simplify")),
    )
    for function, names in expected:
        if tuple(signature(function).parameters) != names:
            return f"Textual does not fit: {function.__qualname__} takes other arguments"
    needed = (
        "_background_screens _batch_count _closed _driver _previous_cursor_position"
        " _running _screen_stack _sync_available"
    )
    for name in needed.split():
        if not hasattr(app, name):
            return f"Textual does not fit: App has no {name}"
    return None
