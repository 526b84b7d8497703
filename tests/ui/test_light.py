"""The light screen against the plain way, cell for cell, in a terminal emulator."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec

import pytest
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual.app import App
from textual.command import CommandPalette
from textual.events import Key, MouseMove, Resize
from textual.message import Message
from textual.messages import TerminalSupportsSynchronizedOutput
from textual.pilot import Pilot
from textual.widgets import Input, MaskedInput, TextArea

from tests.ui.light_demo import Compared, Demo, Emulator, MemoryDriver
from workbench.ui.light import LightScreen
from workbench.ui.light.frame import Frame
from workbench.ui.light.line import QUERY

P = ParamSpec("P")


def in_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an asynchronous test in an event loop of its own."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


KEYS = (
    *("f2", "f3", *["f4"] * 4, *["f5"] * 3, "f6", "f6", *["f7"] * 3, "f8", "f9", "f10"),
    *("ctrl+l", "ctrl+p", *["escape"] * 3, "tab", "tab", "shift+tab", "left", "right", "up"),
    *("down", "pageup", "pagedown", "home", "end", "enter", "backspace", "ctrl+u"),
    *"ab日é🚀ﾊ",
)
PALETTE_KEYS = tuple(name for name in KEYS if not name.startswith(("page", "enter")))
"""Without those that Textual's palette takes badly while it gathers its list (it raises)."""


class Pair:
    """Two emulators fed by one app: what the light screen wrote, and what the plain way would."""

    def __init__(self, app: Compared, columns: int, lines: int) -> None:
        self.app = app
        self.light = Emulator(columns, lines)
        self.plain = Emulator(columns, lines)

    def resize(self, columns: int, lines: int) -> None:
        self.take()
        for emulator in (self.light, self.plain):
            emulator.resize(lines, columns)

    def take(self) -> tuple[int, int]:
        """Feed both; returns how many characters each way wrote."""
        driver = self.app._driver
        assert isinstance(driver, MemoryDriver)
        light, plain = driver.take(), self.app.take_plain()
        self.light.feed(light)
        self.plain.feed("\x1b[?25l\x1b[?7l" + plain)
        return len(light), len(plain)

    def compare(self, told: str) -> tuple[int, int]:
        sizes = self.take()
        assert self.app.light_failure is None
        for y, (light, plain) in enumerate(
            zip(self.light.cells(), self.plain.cells(), strict=True)
        ):
            assert light == plain, f"line {y} after {told}"
        return sizes


async def turn_over(pilot: Pilot[Any], event: Message) -> None:
    """Send an event and let every widget work off what it has received.

    The screen need not be at rest then: both ways have had the same updates.
    """
    pilot.app.post_message(event)
    for _ in range(2):
        await pilot._wait_for_screen()
        pilot.app.screen._on_timer_update()


class Nothing(Message):
    """Changes nothing."""


def key(name: str) -> Key:
    return Key(name, name if len(name) == 1 else None)


def hover(x: int, y: int) -> MouseMove:
    return MouseMove(None, x, y, 0, 0, 0, False, False, False)


async def compare_random_keys(seed: int, steps: int) -> tuple[int, int]:
    """Drive the demo; returns the characters written by the light and by the plain way."""
    chance = random.Random(seed)
    app = Compared(seed, frame_rate=1e9)
    columns, lines = 50, 16
    light_sum = plain_sum = 0
    done: list[str] = []
    async with app.run_test(
        headless=False, size=(columns, lines), tooltips=True, notifications=True
    ) as pilot:
        pair = Pair(app, columns, lines)
        for step in range(steps):
            if step % 40 == 39:
                columns, lines = chance.randint(12, 70), chance.randint(4, 20)
                done.append(f"resize to {columns}x{lines}")
                pair.resize(columns, lines)
                await pilot.resize_terminal(columns, lines)
            elif step % 10 == 9:
                x, y = chance.randrange(columns), chance.randrange(lines)
                done.append(f"hover at {x},{y}")
                await turn_over(pilot, hover(x, y))
            else:
                palette = isinstance(app.screen, CommandPalette)
                done.append(chance.choice(PALETTE_KEYS if palette else KEYS))
                await turn_over(pilot, key(done[-1]))
            light, plain = pair.compare(f"seed {seed}, step {step}: {done[-8:]}")
            light_sum += light
            plain_sum += plain
    return light_sum, plain_sum


@pytest.mark.parametrize("seed", range(4))
def test_random_keys_resizes_and_overlays_show_the_same_cells(seed: int) -> None:
    light, plain = asyncio.run(compare_random_keys(seed, 600))
    assert 0 < light < plain / 2


def whole(app: App[Any]) -> Emulator:
    """What the screen should show: all of it, drawn the plain way on a blank terminal."""
    emulator = Emulator(*app.size)
    dirty = app.screen._compositor._dirty_regions
    still_dirty = dirty.copy()
    assert isinstance(app, LightScreen)
    update = LightScreen._full_update(app, app.screen)
    dirty.update(still_dirty)
    emulator.feed("\x1b[?7l" + update.render_segments(app.console))
    return emulator


async def comes_to_show_all(pilot: Pilot[Any], emulator: Emulator) -> None:
    """Feed the emulator until it shows the whole screen; the app may have some to do yet."""
    async with asyncio.timeout(20):
        while True:
            emulator.feed(written(pilot.app))
            if emulator.cells() == whole(pilot.app).cells():
                return
            await pilot.pause()


def written(app: App[Any]) -> str:
    driver = app._driver
    assert isinstance(driver, MemoryDriver)
    return driver.take()


@in_loop
async def test_off_writes_as_textual_does() -> None:
    app = Compared(light=False)
    async with app.run_test(headless=False, size=(40, 12)) as pilot:
        for name in ("f4", "f5", "a", "f2"):
            written(app)
            app.plain.clear()
            await turn_over(pilot, key(name))
            data = written(app)
            assert app.plain
            assert all(update in data for update in app.plain)


@in_loop
async def test_turned_on_again_it_draws_all_once() -> None:
    app = Demo(light=False, frame_rate=1e9)
    async with app.run_test(headless=False, size=(40, 12)) as pilot:
        await turn_over(pilot, key("f4"))
        app.light = True
        written(app)
        await turn_over(pilot, key("f4"))
        emulator = Emulator(40, 12)
        await comes_to_show_all(pilot, emulator)


@in_loop
async def test_an_error_falls_back_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Compared(frame_rate=1e9)
    async with app.run_test(headless=False, size=(40, 12)) as pilot:
        emulator = Emulator(40, 12)
        emulator.feed(written(app))

        def fail(*_: object) -> str:
            raise ZeroDivisionError("no such luck")

        with monkeypatch.context() as patch:
            patch.setattr(Frame, "draw", fail)
            await turn_over(pilot, key("f4"))
        assert app.light_failure == "comparing cells failed: ZeroDivisionError: no such luck"
        await comes_to_show_all(pilot, emulator)
        app.plain.clear()
        await turn_over(pilot, key("f7"))
        data = written(app)
        assert app.plain
        assert all(update in data for update in app.plain)


@in_loop
async def test_a_textual_that_does_not_fit_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[object, ...]] = []

    def other(self: object, screen: object, renderable: object, urgent: bool = False) -> None:
        shown.append((screen, renderable, urgent))

    monkeypatch.setattr(App, "_display", other)
    app = Demo()
    assert app.light_failure == f"Textual does not fit: {other.__qualname__} takes other arguments"
    app._display("screen", "update", urgent=True)
    assert shown == [("screen", "update", True)]


@in_loop
async def test_a_missing_attribute_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(App, "_background_screens")
    assert Demo().light_failure == "Textual does not fit: App has no _background_screens"


@in_loop
async def test_repaint_covers_what_something_else_wrote() -> None:
    app = Demo(frame_rate=1e9)
    async with app.run_test(headless=False, size=(40, 12)) as pilot:
        emulator = Emulator(40, 12)
        emulator.feed(written(app) + "\x1b[3;3Hwall: the system goes down\x1b[2J")
        await turn_over(pilot, key("ctrl+l"))
        await comes_to_show_all(pilot, emulator)


@in_loop
async def test_a_resize_to_the_same_size_draws_all() -> None:
    app = Demo(frame_rate=1e9)
    async with app.run_test(headless=False, size=(40, 12)) as pilot:
        written(app)
        app.post_message(Resize(app.size, app.size))
        await turn_over(pilot, key("f12"))
        await pilot.pause()
        emulator = Emulator(40, 12)
        await comes_to_show_all(pilot, emulator)


@in_loop
async def test_frames_wait_for_their_time_and_a_key_does_not() -> None:
    app = Demo(frame_rate=1e-6)
    async with app.run_test(headless=False, size=(40, 12)) as pilot:
        await turn_over(pilot, key("f12"))
        emulator = Emulator(40, 12)
        emulator.feed(written(app))
        app._pressed_at = float("-inf")
        for _ in range(5):
            app.action_odd()
            app.action_cell()
            await turn_over(pilot, Nothing())
        assert written(app) == ""
        await turn_over(pilot, key("f12"))
        app.action_odd()
        await turn_over(pilot, Nothing())
        await comes_to_show_all(pilot, emulator)


@in_loop
async def test_a_frame_held_back_comes_by_itself() -> None:
    app = Demo(frame_rate=50)
    async with app.run_test(headless=False, size=(40, 12)) as pilot:
        emulator = Emulator(40, 12)
        for _ in range(10):
            app.action_odd()
            await turn_over(pilot, Nothing())
        while app._retry_timer is not None:
            app.displayed.clear()
            await app.displayed.wait()
        await comes_to_show_all(pilot, emulator)


@in_loop
async def test_nothing_is_sent_until_the_terminal_has_taken_the_last_frame() -> None:
    app = Demo(frame_rate=1e9)
    async with app.run_test(headless=False, size=(80, 24)) as pilot:
        app.post_message(TerminalSupportsSynchronizedOutput())
        await turn_over(pilot, key("ctrl+l"))
        data = written(app)
        assert QUERY in data
        emulator = Emulator(80, 24)
        emulator.feed(data)
        for name in ("f4", "f7", "a", "f6"):
            await turn_over(pilot, key(name))
        assert written(app) == ""
        await turn_over(pilot, TerminalSupportsSynchronizedOutput())
        data = written(app)
        assert data.startswith(SYNC_START)
        assert data.endswith(SYNC_END)
        emulator.feed(data)
        await comes_to_show_all(pilot, emulator)


@in_loop
async def test_no_cursor_blinks() -> None:
    app = Demo()
    async with app.run_test(headless=False, size=(40, 12)) as pilot:
        await app.mount(TextArea(), MaskedInput("9"))
        await turn_over(pilot, key("ctrl+p"))
        await pilot.pause()
        assert isinstance(app.screen, CommandPalette)
        for widget in (*app.query(Input), *app.screen.query(Input), *app.query(TextArea)):
            assert widget.cursor_blink is False


@pytest.mark.parametrize("name", ["SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"])
@in_loop
async def test_an_ssh_session_has_fewer_frames_and_no_animations(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"):
        monkeypatch.delenv(other, raising=False)
    near = LightScreen()
    monkeypatch.setenv(name, "/dev/pts/0")
    far = LightScreen()
    assert far.frame_rate < near.frame_rate
    assert far.animation_level == "none"
    assert LightScreen(frame_rate=7.0).frame_rate == 7.0


@in_loop
async def test_headless_apps_and_screenshots_go_on() -> None:
    app = Demo(frame_rate=1e9)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("f2")
        assert "inside" in app.export_screenshot()
        assert app.light_failure is None


@in_loop
async def test_inline_mode_is_left_alone() -> None:
    class Inline(MemoryDriver):
        @property
        def is_inline(self) -> bool:
            return True

    app = Demo(frame_rate=1e9)
    app.driver_class = Inline
    async with app.run_test(headless=False, size=(40, 12)) as pilot:
        written(app)
        await turn_over(pilot, key("f7"))
        # What Textual ends each inline update with: back to the first line, and ask where that is.
        assert "\x1b[6n" in written(app)
