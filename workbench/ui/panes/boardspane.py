"""A pane that is nothing but the boards of its tab's jobs, and a word on what the tab is for."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.widgets import Static

from workbench.core.job import Job, Request
from workbench.core.runner import Run
from workbench.ui.panes.base import JobPane
from workbench.ui.panes.boards import Boards


class BoardsPane(JobPane):
    """Each job has a board; `empty_text` stands there until one has run.

    Its keys, with ids of the tab's own, are `stop` and `board`.
    """

    DEFAULT_CSS = """
    BoardsPane .empty { height: 1fr; content-align: center middle; color: $text-muted; }
    """

    empty_text: ClassVar[str] = ""

    def compose_body(self) -> ComposeResult:
        """What the tab is for, until a job has run."""
        home = f"{self.tab}-home"
        with Boards(initial=home):
            yield Static(self.empty_text, classes="empty", markup=False, id=home)

    @property
    def boards(self) -> Boards:
        """The boards of jobs that have run."""
        return self.query_one(Boards)

    def submit(self, job: Job[Any], request: Request) -> None:
        """Run it on its board."""
        self.run_worker(self._open_board(job, request))

    async def _open_board(self, job: Job[Any], request: Request) -> None:
        board = await self.boards.open(job, request, self.workbench.runs)
        board.focusable_view.focus()

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        if self.boards.board is not None:
            self.boards.board.pulse()

    def cancel(self, *, hard: bool = False) -> bool:
        """End what runs on the open board."""
        return self.boards.cancel(hard=hard)

    def select_run(self, run: Run) -> None:
        """Open the board where a run shows."""
        self.boards.show_run(run)

    def request_to_show(self) -> tuple[Job[Any], Request]:
        """What runs on the open board, unless the line is being typed on."""
        board = self.boards.board
        if board is not None and board.run is not None and not self.target.has_focus_within:
            return board.run.job, board.run.request
        return self.request()

    def action_stop(self) -> None:
        """End it."""
        self.cancel(hard=True)

    def action_board(self) -> None:
        """The next board."""
        self.boards.next()
        if self.boards.board is not None:
            self.boards.board.focusable_view.focus()
