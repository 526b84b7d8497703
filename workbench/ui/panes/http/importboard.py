"""The board of `http import`: the lines that send what was read; enter takes one."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, cast

from workbench.http.interchange.job import HttpImported
from workbench.ui.panes.boards import RunBoard
from workbench.ui.widgets.ring import Ring

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp


class ImportBoard(RunBoard):
    """A line for each request; a password is typed into the options once more."""

    async def on_ring_chosen(self, event: Ring.Chosen) -> None:
        """Enter: put it on the target line."""
        event.stop()
        found = event.line.data
        if isinstance(found, HttpImported):
            await cast("WorkbenchApp", self.app).take("http", shlex.join(found.words))
            if found.secrets:
                names = ", ".join(one.removeprefix("--") for one in found.secrets)
                self.notify(f"type the {names} into the options (o)")
