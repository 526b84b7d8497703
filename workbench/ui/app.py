"""The screen: tabs, the pane that is open, what runs, and the keys that work everywhere."""

from __future__ import annotations

import asyncio
import os
import platform
import signal
import sys
from collections import deque
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar, cast

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.notifications import SeverityLevel
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from workbench import catalogue
from workbench.catalogue import TABS
from workbench.core import settings as settings_file
from workbench.core.events import Progress
from workbench.core.failure import explain
from workbench.core.history import Record
from workbench.core.job import load_request
from workbench.core.runner import Run
from workbench.ui import fault, resume
from workbench.ui.keys import KeysInOrder, tell_alt_digits
from workbench.ui.light import LightScreen, in_ssh_session
from workbench.ui.panes import make
from workbench.ui.panes.base import Pane
from workbench.ui.pastes import Pastes
from workbench.ui.runs import Runs
from workbench.ui.widgets import glyphs
from workbench.ui.widgets.activity import ActivityBar
from workbench.ui.widgets.keybar import KeyBar
from workbench.ui.widgets.tabbar import TabBar

FIRST_TAB = "servers"
SWITCH = 0.001
"""Seconds after which a thread that works gives way to the screen's, where Python has 0.005: of
keys pressed while 100 MB came in, the slowest of a hundred waited half as long."""

HANGUP_PATIENCE = 1.0
STEPS_BACK = 50
"""How often one can go back to where something was sent from."""


class WorkbenchApp(KeysInOrder, LightScreen, App[None], inherit_bindings=False):
    """The workbench on the screen."""

    TITLE = "workbench"
    CSS_PATH = "workbench.tcss"
    ENABLE_COMMAND_PALETTE = True
    COMMANDS: ClassVar = set()
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1,question_mark", "help", "help", key_display="f1", id="app.help"),
        Binding("f10", "quit", "quit", id="app.quit"),
        Binding("ctrl+c", "interrupt", "cancel or quit", show=False, id="app.interrupt"),
        Binding("escape", "cancel", "cancel", show=False, id="app.cancel"),
        Binding("ctrl+r", "history", "history", show=False, id="app.history"),
        Binding("ctrl+l", "repaint", "repaint", show=False, id="app.repaint"),
        Binding("0,alt+0", "back", "back", show=False, id="app.back"),
        Binding("ctrl+pagedown", "next_tab(1)", "next tab", show=False, id="app.next"),
        Binding("ctrl+pageup", "next_tab(-1)", "previous tab", show=False, id="app.previous"),
        *(
            Binding(f"{n},alt+{n}", f"tab({n - 1})", tab.title, show=False, id=f"app.tab{n}")
            for n, tab in enumerate(TABS, 1)
        ),
    ]

    def __init__(self, settings: settings_file.Settings | None = None) -> None:
        problems: list[str] = []
        if settings is None:
            settings, problems = settings_file.load()
        screen = settings.screen
        super().__init__(
            light=screen.light,
            frame_rate=screen.frames_per_second_ssh
            if in_ssh_session()
            else screen.frames_per_second,
        )
        if not screen.animations:
            self.animation_level = "none"
        self.settings = settings
        self.problems = problems
        self.runs = Runs(settings)
        self.pastes = Pastes()
        self._came_from: deque[tuple[str, Widget | None]] = deque(maxlen=STEPS_BACK)
        """Tabs that sent something to another, and what had the focus there."""
        self.place = resume.load() if settings.history.enabled else resume.Place()
        tell_alt_digits()
        if screen.ascii:
            glyphs.choose(ascii=True)
        self.progress: Progress | None = None
        self._answered = False
        self.fault = ""
        """The line that says what went wrong in the workbench itself."""

    def compose(self) -> ComposeResult:
        """Tabs, pane, activity, keys."""
        yield TabBar()
        yield ContentSwitcher(id="panes")
        yield ActivityBar()
        yield KeyBar()

    async def on_mount(self) -> None:
        """Open the first tab, and begin to keep time."""
        if self.settings.screen.theme in self.available_themes:
            self.theme = self.settings.screen.theme
        self.set_keymap(self.settings.keys)
        self._catch_signals()
        await self.open_tab(self.place.tab or FIRST_TAB)
        for problem in self.problems:
            self.notify(problem, severity="warning", timeout=15)
        self.set_interval(1 / self.frame_rate, self._pulse)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a short message, never read as markup.

        A moment later, because the answer to a dialog comes while the dialog still covers the
        pane: the message would go away with it.
        """
        show = partial(super().notify, title=title, severity=severity, timeout=timeout)
        self.set_timer(1 / self.frame_rate, partial(show, message, markup=markup))

    # -- tabs ----------------------------------------------------------------------------------

    @property
    def pane(self) -> Pane | None:
        """The pane that is open."""
        found = self.query_one("#panes", ContentSwitcher).visible_content
        return found if isinstance(found, Pane) else None

    async def open_tab(self, tab: str) -> Pane:
        """Show a tab; its pane is made when it is first opened."""
        switcher = self.query_one("#panes", ContentSwitcher)
        name = f"pane-{tab}"
        found = switcher.query(f"#{name}")
        if found:
            pane = found.first(Pane)
        else:
            pane = make(tab)
            pane.id = name
            await switcher.add_content(pane)
        switcher.current = name
        self.place.tab = tab
        self._show_bar(tab)
        pane.pulse()
        focusable = [one for one in pane.query("*") if one.focusable]
        if focusable:
            focusable[0].focus()
        return pane

    async def take(self, tab: str, line: str, *, run: bool = False) -> None:
        """Open a tab with a command line on its target line, and run it if asked to."""
        if self.pane is not None and self.pane.tab != tab:
            self._came_from.append((self.pane.tab, self.focused))
        pane = await self.open_tab(tab)
        pane.take(line, run=run)

    async def action_back(self) -> None:
        """To the place from where something was sent here."""
        if not self._came_from:
            self.notify("nothing was sent here")
            return
        tab, focused = self._came_from.pop()
        await self.open_tab(tab)
        if focused is not None and focused.is_attached:
            focused.focus()

    async def go_to_run(self, run: Run) -> None:
        """Open the tab where a run shows, with it selected."""
        pane = await self.open_tab(run.job.tab)
        select = getattr(pane, "select_run", None)
        if select is not None:
            select(run)

    async def action_tab(self, number: int) -> None:
        """Open a tab by its place."""
        await self.open_tab(TABS[number].name)

    async def action_next_tab(self, step: int) -> None:
        """Open the tab beside this one."""
        names = [tab.name for tab in TABS]
        here = names.index(self.query_one(TabBar).active)
        await self.open_tab(names[(here + step) % len(names)])

    async def on_tab_bar_chosen(self, event: TabBar.Chosen) -> None:
        """A tab was clicked."""
        await self.open_tab(event.tab)

    # -- time ----------------------------------------------------------------------------------

    def _pulse(self) -> None:
        """One frame: hand out events, then let what is visible draw itself."""
        try:
            self.runs.pulse()
            self._draw()
        except NoMatches:
            pass  # the screen is being built or taken down: there is nothing to draw on

    def _draw(self) -> None:
        if self.pane is not None:
            self.pane.pulse()
        self._show_bar(self.query_one(TabBar).active)
        waited_for = [run.request.tried() for run in self.runs.waited_for]
        self.query_one(ActivityBar).show(waited_for, self.progress if waited_for else None)

    def _show_bar(self, tab: str) -> None:
        up, jobs = len(self.runs.servers), len(self.runs.others)
        counts = [f"{up} up"] if up else []
        if jobs:
            counts.append(f"{jobs} job{'s' if jobs > 1 else ''}")
        self.query_one(TabBar).show(tab, "  ".join([*counts, platform.node()[:20]]))

    # -- keys that work everywhere -------------------------------------------------------------

    def action_help(self) -> None:
        """What the pane is for, and its keys."""
        from workbench.ui.screens.help import HelpScreen

        if self.pane is not None and len(self.screen_stack) == 1:
            self.push_screen(HelpScreen(self.pane, self.settings.keys))

    def action_command_palette(self) -> None:
        """Open the palette; what it finds is imported only now."""
        from workbench.ui.palette import Palette

        if not Palette.is_open(cast("App[object]", self)):
            self.push_screen(Palette())

    def action_cancel(self) -> None:
        """End what the user waits for in this pane."""
        if self.pane is not None:
            self.pane.cancel()

    async def action_interrupt(self) -> None:
        """Ctrl+C: end what runs here, an open session too; with nothing to end, quit."""
        if self.pane is None or not self.pane.cancel(hard=True):
            await self.action_quit()

    def action_history(self) -> None:
        """Search the history, and run something of it again."""
        from workbench.ui.screens.history import HistoryScreen

        async def chosen(record: Record | None) -> None:
            if record is None:
                return
            job = catalogue.load(record.job)
            pane = await self.open_tab(job.tab)
            pane.take(f"{record.job} {record.target}")
            try:
                request = load_request(job, record.request)
            except ValueError:
                self.notify("its options were not kept: look at the line before you run it")
            else:
                pane.submit(job, request)

        self.push_screen(HistoryScreen(), chosen)

    def action_light(self) -> None:
        """Turn the light screen on or off, and remember it."""
        self.light = not self.light
        self.repaint()
        self._remember(light=self.light)
        self.notify(f"light screen {'on' if self.light else 'off'}")

    def watch_theme(self, theme: str) -> None:
        """Remember the theme that was chosen."""
        if self.is_running and theme != self.settings.screen.theme:
            self._remember(theme=theme)

    def _remember(self, **values: object) -> None:
        """Save settings of the screen, in a thread: the disk may be slow."""
        screen = replace(self.settings.screen, **values)  # type: ignore[arg-type]
        self.settings = replace(self.settings, screen=screen)

        def save() -> None:
            try:
                settings_file.save(self.settings)
            except (OSError, settings_file.SettingsError) as problem:
                text = explain("save the settings", problem).line()
                self.call_later(self.notify, text, severity="error")

        self.run_worker(save, thread=True)

    def action_save_screen(self) -> None:
        """Save the screen as an SVG file in the current folder."""
        name = self.save_screenshot(path=".")
        self.notify(f"saved as {Path(name).name}", markup=False)

    async def action_quit(self) -> None:
        """Quit; with servers running, ask once."""
        from workbench.ui.screens.dialog import Confirm

        servers = self.runs.servers
        if not servers or self._answered:
            self.exit()
            return
        self._answered = True
        names = "\n".join(f"  {run.job.name} {run.request.target()}" for run in servers[:8])

        def answered(yes: bool | None) -> None:
            self._answered = False
            if yes:
                self.exit()

        count = f"{len(servers)} server{'s' if len(servers) > 1 else ''}"
        self.push_screen(
            Confirm(f"Quit? {count} will stop:", names, "quit", "stay"),
            answered,
        )

    # -- the end -------------------------------------------------------------------------------

    def _fatal_error(self) -> None:
        """End on an exception: one line, when the terminal is itself again."""
        if self._exception is not None:
            self.fault = fault.record(self._exception)
        self._close_messages_no_wait()

    def _catch_signals(self) -> None:
        """SIGTERM and SIGHUP end the program as quitting does, and soon even so if it hangs."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            try:
                loop.add_signal_handler(number, self._end_by_signal, number)
            except (ValueError, NotImplementedError):
                return  # not in the main thread: a test drives us

    def _end_by_signal(self, number: signal.Signals) -> None:
        self._return_code = 128 + number
        # A terminal that is gone may hold the writer up for ever.
        asyncio.get_running_loop().call_later(HANGUP_PATIENCE, self._leave, 128 + number)
        self.exit(return_code=128 + number)

    def _leave(self, status: int) -> None:
        self.close()
        os._exit(status)

    def close(self) -> None:
        """End all that runs, and keep where the user was and what was served."""
        served = [run.request for run in self.runs.servers if run.request.job.startswith("serve ")]
        self.runs.close()
        self.pastes.close()
        if self.settings.history.enabled:
            try:
                resume.save(self.place, served)
            except OSError:
                pass  # a full disk, no home: the next start begins anew, that is all


def run() -> int:
    """Run the screen; returns the exit status."""
    sys.setswitchinterval(SWITCH)
    app = WorkbenchApp()
    try:
        app.run()
    finally:
        app.close()
    if app.fault:
        print(app.fault, file=sys.stderr)
    return app.return_code or 0
