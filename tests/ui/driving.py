"""The whole app, driven as a user does it: keys in, text on the screen out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import TypeVar

from textual.pilot import Pilot
from textual.widgets import Input

from workbench.core.settings import Settings
from workbench.ui.app import WorkbenchApp
from workbench.ui.panes.base import JobPane
from workbench.ui.panes.servers.board import Server
from workbench.ui.panes.servers.pane import ServersPane
from workbench.ui.panes.sockets.pane import SocketsPane
from workbench.ui.panes.sockets.session import SessionView

PATIENCE = 30.0
"""Seconds after which what is waited for will not come: far more than a loaded machine needs."""

T = TypeVar("T")


class Driver:
    """A running app, and what a test does with it."""

    def __init__(self, app: WorkbenchApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def text(self) -> str:
        """What stands on the screen, a line for each line."""
        return screen_text(self.app)

    async def until(self, found: Callable[[], T], what: str = "") -> T:
        """Wait until this gives something true, and return it."""
        deadline = monotonic() + PATIENCE
        while not (result := found()):
            if monotonic() > deadline:
                raise AssertionError(f"{what or 'it'} never came; the screen:\n{self.text}")
            await self.pilot.pause(0.01)
        return result

    async def see(self, *texts: str) -> None:
        """Wait until all of these stand on the screen."""
        await self.until(lambda: all(text in self.text for text in texts), repr(texts))

    async def settle(self, frames: int = 5) -> None:
        """Wait until so many looks at the screen, a frame apart, are alike, colours too."""
        before, alike = None, 0
        while alike < frames:
            await self.pilot.pause(1 / self.app.frame_rate)
            strips = [list(strip) for strip in self.app.screen._compositor.render_strips()]
            alike = alike + 1 if strips == before else 0
            before = strips

    async def press(self, *keys: str) -> None:
        """Press keys."""
        await self.pilot.press(*keys)

    async def write(self, text: str) -> None:
        """Put text on the line that has the focus, as a paste does."""
        line = self.app.focused
        assert isinstance(line, Input), f"{line} is no line to write on"
        line.value = text
        line.cursor_position = len(text)
        await self.pilot.pause()

    async def submit(self, text: str) -> None:
        """Put text on the line that has the focus, and press enter."""
        await self.write(text)
        await self.press("enter")

    async def open(self, tab: str) -> JobPane:
        """Open a tab."""
        pane = await self.app.open_tab(tab)
        await self.pilot.pause()
        assert isinstance(pane, JobPane)
        return pane

    # -- the two panes -------------------------------------------------------------------------

    @property
    def servers(self) -> ServersPane:
        """The Servers pane."""
        return self.app.query_one(ServersPane)

    @property
    def sockets(self) -> SocketsPane:
        """The Sockets pane."""
        return self.app.query_one(SocketsPane)

    async def target(self, pane: JobPane, line: str) -> None:
        """Put text on the target line, and press enter."""
        pane.target.edit()
        await self.until(lambda: self.app.focused is pane.target.query_one(Input), "the target")
        await self.submit(line)

    async def serve(self, line: str) -> Server:
        """Start a server from the target line; it is up when this returns."""
        pane = self.servers
        before = len(pane.board.servers)
        await self.target(pane, line)
        await self.until(lambda: len(pane.board.servers) > before, f"a server for {line}")
        server = pane.server
        assert server is not None
        await self.until(lambda: server.state != "starting", f"the start of {line}")
        return server

    async def connect(self, target: str) -> SessionView:
        """Open a session from the target line; it has begun when this returns."""
        pane = self.sockets
        before = len(pane.sessions)
        await self.target(pane, target)
        await self.until(lambda: len(pane.sessions) > before, f"a session with {target}")
        view = pane.sessions[-1]
        await self.until(lambda: view.query("SendLine:focus"), "the line that sends")
        return view


@asynccontextmanager
async def driving(
    size: tuple[int, int] = (120, 40), settings: Settings | None = None
) -> AsyncIterator[Driver]:
    """Run the app for a test; what it started has ended afterwards."""
    app = WorkbenchApp(settings or Settings())
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            driver = Driver(app, pilot)
            await driver.until(lambda: app.pane is not None, "the first pane")
            yield driver
    finally:
        await asyncio.to_thread(app.close)


def screen_text(app: WorkbenchApp) -> str:
    """What stands on the topmost screen."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)
