"""The event loop of a server, a listener or a session that runs, looked into for a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from workbench.core.message import Event
from workbench.core.runner import Run
from workbench.core.text import safe
from workbench.servers.events import Peek
from workbench.servers.seen import Registered, Round
from workbench.ui.panes.sockets.loopview import LoopView

ABOUT = (
    "The loop hands these descriptors to the kernel, sleeps until one is ready, then calls back "
    "for each. While a callback runs nobody else is served; what is watched for write has bytes "
    "waiting that its peer had no room for."
)
FRAME = 0.1

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp


class LoopScreen(ModalScreen[None]):
    """Asks the run to tell of its loop while it is open; costs nothing when it is closed."""

    DEFAULT_CSS = """
    LoopScreen { align: center middle; background: $background 60%; }
    LoopScreen > Vertical {
        width: 100%; max-width: 120; height: 90%; border: round $primary; background: $surface;
    }
    LoopScreen .head { height: 1; background: $panel; padding: 0 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "close", "close")]

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run
        self._release: Callable[[], None] = lambda: None

    def compose(self) -> ComposeResult:
        """A head and the loop."""
        with Vertical():
            yield Static("", classes="head", markup=False)
            yield LoopView(ABOUT)

    def on_mount(self) -> None:
        """Begin to look."""
        loop = self.query_one(LoopView)
        runs = cast("WorkbenchApp", self.app).runs
        self._release = runs.tap(self.run, (Registered, Round), self._take)
        self.run.send(Peek())
        loop.table.focus()
        self.set_interval(FRAME, self._pulse)

    def _take(self, event: Event) -> None:
        if isinstance(event, Registered | Round):
            self.query_one(LoopView).take(event)

    def _pulse(self) -> None:
        loop = self.query_one(LoopView)
        loop.pulse()
        mark = "held: space goes on   " if loop.held else ""
        ended = "   ended" if self.run.ended is not None else ""
        busy = f"   {loop.busy}" if loop.busy else ""
        head = f"{mark}{self.run.request.tried()}   {loop.count:,} rounds{busy}{ended}   esc closes"
        self.query_one(".head", Static).update(safe(head))

    def action_close(self) -> None:
        """Look no longer."""
        self.run.send(Peek(on=False))
        self._release()
        self.dismiss()
