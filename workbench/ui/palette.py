"""The command palette: every tab, every job, every open server, and what the screen can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual.await_complete import AwaitComplete
from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from workbench import catalogue
from workbench.ui import tasks

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp


class Palette(CommandPalette):
    """Textual's palette, less two faults of 8.2 that end a program on quick keys."""

    def __init__(self) -> None:
        super().__init__(providers=[WorkbenchCommands], placeholder="what do you want to do?")

    def _action_command_list(self, action: str) -> None:
        """A page key while the list is filled again finds it without a layout."""
        try:
            super()._action_command_list(action)
        except KeyError:
            pass

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """The second of two quick enters finds the palette closed."""
        return super().dismiss(result) if self.is_current else AwaitComplete()


class WorkbenchCommands(Provider):
    """What the palette finds, by what it is called and by what it does."""

    async def discover(self) -> Hits:
        """All of it, before anything is typed."""
        for text, help_line, run in self._entries():
            yield DiscoveryHit(Content(text), run, text, help_line)

    async def search(self, query: str) -> Hits:
        """What matches."""
        matcher = self.matcher(query)
        app = cast("WorkbenchApp", self.app)
        for fit, words, line in tasks.search(query):
            name, _ = catalogue.match(line.split())
            take = partial(app.take, catalogue.tab_of(name), line)
            yield Hit(fit, Content(words), take, words, line)
        for text, help_line, run in self._entries():
            # The help counts too, a little less: people search by what they want to do.
            score = max(matcher.match(text), 0.7 * matcher.match(help_line))
            if score > 0:
                yield Hit(score, matcher.highlight(text), run, text, help_line)

    def _entries(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        app = cast("WorkbenchApp", self.app)
        for run in app.runs.servers:
            text = run.request.target()
            yield f"Server: {run.job.name} {text}", "go to it", partial(app.go_to_run, run)
        for job in catalogue.briefs():
            yield job.name, job.summary, partial(app.take, job.tab, job.example)
        for tab in catalogue.TABS:
            yield f"Tab: {tab.title}", tab.purpose, partial(app.open_tab, tab.name)
        yield "History", "search what was run, run it again, forget it", app.action_history
        yield "Help", "what this pane is for, and its keys", app.action_help
        yield "Theme", "choose the colours", app.search_themes
        yield "Light screen", "write only changed cells: on or off", app.action_light
        yield "Screenshot", "save the screen as SVG", app.action_save_screen
        yield "Quit", "end the workbench and what runs in it", app.action_quit
