"""The board of `xmlrpc`: the server's methods, what the selected one takes, and calls of it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from workbench.core.events import Failed
from workbench.core.feed import Batch
from workbench.core.message import Event, encode
from workbench.core.text import safe
from workbench.http.xmlrpc.client import FaultGiven, MethodTold, ValueGiven, Xml, XmlRpc
from workbench.ui.panes.boards import RunBoard
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.table import Cell, Column, Table
from workbench.ui.widgets.tones import Tone

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

METHODS = (
    Column("name", "method", width=16, flex=2),
    Column("takes", "takes", width=10, flex=2, priority=1),
    Column("gives", "gives", width=8, priority=2, flex=1),
)


class XmlRpcBoard(RunBoard):
    """Methods stay from call to call of one server; enter on one writes its call on the line."""

    DEFAULT_CSS = """
    XmlRpcBoard Table { width: 2fr; height: 1fr; max-width: 60; }
    XmlRpcBoard Vertical { width: 3fr; }
    XmlRpcBoard .about { height: auto; max-height: 8; background: $surface; padding: 0 1; }
    XmlRpcBoard Ring { height: 1fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "call", "call it", id="xmlrpc.call"),
        Binding("r", "again", "methods", id="xmlrpc.again"),
        Binding("s", "send_to", "send to", id="xmlrpc.send"),
        Binding("y", "copy", "copy", id="xmlrpc.copy"),
        Binding("e", "export", "export", id="xmlrpc.export"),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.methods: dict[str, MethodTold] = {}
        self.server = ""
        self.told: list[Event] = []
        self.last: Event | None = None
        self._lines: list[Line] = []

    def compose_body(self) -> ComposeResult:
        """The methods; beside them the selected one, and what calls gave."""
        with Horizontal():
            yield Table(METHODS, cell=_cell, empty="r asks for its methods.")
            with Vertical():
                yield Static("", classes="about", markup=False)
                yield Ring(empty="enter on a method writes its call on the line above.")

    @property
    def table(self) -> Table:
        """The methods."""
        return self.query_one(Table)

    @property
    def request(self) -> XmlRpc | None:
        """What runs, or ran last."""
        request = self.run.request if self.run is not None else None
        return request if isinstance(request, XmlRpc) else None

    @property
    def selected(self) -> MethodTold | None:
        """The method under the cursor."""
        return self.methods.get(str(self.table.cursor_key))

    def clear(self) -> None:
        """What calls gave stays, and the methods as long as it is the same server."""
        self.last = None

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        request = self.request
        server = str(request.where.without_password()) if request is not None else ""
        if server != self.server:
            self.server, self.methods, self.told = server, {}, []
            self.query_one(Ring).clear()
        for event in [*batch.events, *([batch.ended] if batch.ended is not None else [])]:
            if isinstance(event, MethodTold):
                self.methods[event.name] = event
                continue
            self.told.append(event)
            tone: Tone = ""
            if isinstance(event, Xml):
                tone = "out" if event.side == "client" else "in"
            elif isinstance(event, FaultGiven | Failed):
                tone = "bad"
            if isinstance(event, ValueGiven):
                self._lines.append(Line(safe(f"{event.method} gave {event.kind}"), "good", event))
            words = event.line()
            if isinstance(event, Failed):  # what was asked stands on the line above
                words = "" if isinstance(self.last, FaultGiven) else event.cause
            self._lines += [Line(safe(text), tone, event) for text in words.split("\n") if text]
            self.last = event
        self.table.set_rows(list(self.methods.items()))

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        if self._lines:
            lines, self._lines = self._lines, []
            self.query_one(Ring).append(lines)
        going = "" if self.run is None or self.run.ended is not None else "   asking"
        words = f"xmlrpc {self.server}   {len(self.methods)} methods{going}   enter calls one"
        self.query_one(".head", Static).update(safe(words))
        one = self.selected
        self.query_one(".about", Static).update(one.line() if one is not None else "")

    # -- keys ----------------------------------------------------------------------------------

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Write its call on the target line."""
        event.stop()
        self.action_call()

    def action_call(self) -> None:
        """Write the call of the selected method on the line, with a word for each parameter."""
        one, request = self.selected, self.request
        if one is None or request is None:
            self.notify("choose a method first; r asks for them")
            return
        takes = one.signatures[0][1:] if one.signatures else ()
        words = ["xmlrpc", str(request.url.without_password()), one.name, *takes]
        app = cast("WorkbenchApp", self.app)
        self.run_worker(app.take("tools", shlex.join(words), run=False))

    def action_again(self) -> None:
        """Ask the server for its methods."""
        request = self.request
        if request is not None:
            words = ["xmlrpc", str(request.url.without_password())]
            app = cast("WorkbenchApp", self.app)
            self.run_worker(app.take("tools", shlex.join(words), run=True))

    def action_send_to(self) -> None:
        """Send the server elsewhere, or what the selected line names."""
        from workbench.ui.sendto import offer

        request = self.request
        if request is not None:
            offer(cast("WorkbenchApp", self.app), request.where.without_password())

    def action_copy(self) -> None:
        """Copy the selected lines, or the method's signature."""
        ring, one = self.query_one(Ring), self.selected
        text = one.line() if one is not None and not ring.has_focus else ring.selected_text()
        self.app.copy_to_clipboard(text)
        self.notify("copied")

    def action_export(self) -> None:
        """Save methods and calls as JSON lines."""
        from workbench.ui.export import ask_and_write

        events = [*self.methods.values(), *self.told]
        formats = {".jsonl": lambda: (encode(event) for event in events)}
        ask_and_write(cast("WorkbenchApp", self.app), "xmlrpc.jsonl", formats)


def _cell(row: MethodTold, column: str, width: int) -> Cell:
    signature = row.signatures[0] if row.signatures else ()
    match column:
        case "name":
            return safe(row.name)
        case "takes":
            return safe(", ".join(signature[1:])) if signature else "?"
        case _:
            return safe(signature[0]) if signature else "?"
