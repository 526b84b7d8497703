"""The board of `library`: the modules of Python's networking library, and what to run for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from workbench import catalogue
from workbench.core.message import Event
from workbench.core.text import safe
from workbench.tools.library import AT, Module
from workbench.tools.words.entry import Entry
from workbench.ui.panes.tools.tableboard import TableBoard
from workbench.ui.sendto import offer_lines
from workbench.ui.widgets.table import Column

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp


class LibraryBoard(TableBoard):
    """Enter puts a module's example on the line of the tab where it runs; s offers its jobs."""

    named: ClassVar[tuple[Column, ...]] = (
        Column("name", "module", width=20),
        Column("meaning", "what it is for", width=44, flex=1),
        Column("source", "tab", width=9),
    )

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.modules: dict[str, Module] = {}

    def clear(self) -> None:
        """Nothing is known of the new run."""
        super().clear()
        self.modules.clear()

    def rows_of(self, event: Event) -> list[Entry]:
        """A row for a module."""
        if not isinstance(event, Module):
            return []
        self.modules[event.module] = event
        about = event.about if event.here else f"{event.about}; not in this Python"
        return [Entry(event.module, -1, about, event.tab, ", ".join(event.jobs), event.example)]

    def about(self, one: Entry) -> str:
        """The module, its jobs and its example."""
        lines = [f"{one.name}: {one.meaning}", f"jobs    {one.note}", f"enter   {one.python}"]
        beside = self.modules[one.name].with_
        return "\n".join(map(safe, [*lines, *([f"beside  {beside}"] if beside else [])]))

    async def choose(self) -> None:
        """The example, to look at and run; where it wants a server, that is told."""
        one = self._module
        if one is None:
            return
        place = _place(one)
        line = one.example.replace(AT, place)
        if one.with_:
            self.notify(f"run beside it: {one.with_.replace(_place(one, usual=False), place)}")
        name, _ = catalogue.match(line.split())
        await cast("WorkbenchApp", self.app).take(catalogue.load(name).tab, line)

    def action_send_to(self) -> None:
        """Offer the module's jobs, each with its own example."""
        one = self._module
        if one is None:
            self.notify("choose a row first")
            return
        jobs = [catalogue.load(name) for name in one.jobs]
        lines = [(job.example, f"{job.name}: {job.summary}") for job in jobs]
        offer_lines(cast("WorkbenchApp", self.app), lines)

    @property
    def _module(self) -> Module | None:
        row = self.selected
        return self.modules.get(row.name) if row is not None else None


def _place(one: Module, *, usual: bool = True) -> str:
    """Where the server beside an example listens: as its line says, on a usual port for port 0."""
    words = one.with_.split()
    place = words[2] if len(words) > 2 else ""
    if not usual:
        return place
    usuals = {"ftp": 2121, "http": 8000, "smtp": 2525, "nntp": 1119, "telnet": 2323}
    port = usuals.get(place.partition(":")[0], 7007)
    return place.replace("127.0.0.1:0", f"127.0.0.1:{port}")
