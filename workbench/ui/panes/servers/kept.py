"""What a server keeps whole: requests, crashes of what it called, visitors' TLS handshakes."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical

from workbench.core.text import hexdump, safe
from workbench.core.units import amount, duration
from workbench.ui.panes.servers.board import Kept
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.table import Cell, Column, Table

BODY_LINES = 2_000

REQUEST_COLUMNS = (
    Column("number", "#", width=5, align="right"),
    Column("at", "at", width=8, priority=2),
    Column("method", "method", width=7),
    Column("target", "target", width=16, flex=3),
    Column("length", "body", width=8, align="right"),
    Column("status", "answer", width=6, align="right"),
    Column("took", "took", width=8, align="right", priority=1),
    Column("peer", "peer", width=21, priority=3),
)
CRASH_COLUMNS = (
    Column("at", "at", width=8),
    Column("request", "request", width=20, flex=1, most=50),
    Column("title", "what happened", width=30, flex=3, tone="bad"),
)
VISITOR_COLUMNS = (
    Column("id", "#", width=5, align="right"),
    Column("at", "at", width=8, priority=3),
    Column("version", "version", width=7),
    Column("suite", "suite, or why there is no TLS", width=28, flex=3),
    Column("server_name", "server name", width=12, flex=1, priority=1),
    Column("protocol", "ALPN", width=8, priority=2),
    Column("ja4", "JA4", width=36, priority=4),
)


class KeptView(Vertical):
    """A table of events, and all of the selected one below it."""

    DEFAULT_CSS = """
    KeptView { height: 1fr; }
    KeptView Table { height: 2fr; min-height: 3; }
    KeptView Ring { height: 3fr; border-top: solid $panel; }
    """

    def __init__(
        self,
        columns: tuple[Column, ...],
        lines: Callable[[Any], Iterator[Line]],
        empty: str,
        *,
        id: str,
    ) -> None:
        super().__init__(id=id)
        self._columns = columns
        self._lines = lines
        self._empty = empty
        self._shown: tuple[int, int] = (0, -1)
        self._open: Any = None

    def compose(self) -> ComposeResult:
        """The table, the details."""
        yield Table(self._columns, cell=_cell, value=_value, empty=self._empty)
        yield Ring()

    @property
    def table(self) -> Table:
        """The events, the newest first."""
        return self.query_one(Table)

    @property
    def ring(self) -> Ring:
        """All of the selected one."""
        return self.query_one(Ring)

    def show(self, server: int, kept: Kept) -> None:
        """Bring the table up to date."""
        if (server, kept.total) == self._shown:
            return
        self._shown = (server, kept.total)
        first = kept.dropped
        rows = [(first + place, event) for place, event in enumerate(kept.events)]
        self.table.set_rows(rows[::-1])
        if not rows:
            self._detail(None)

    def on_table_highlighted(self, event: Table.Highlighted) -> None:
        """Show another one whole."""
        event.stop()
        self._detail(event.row)

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Go on to its lines."""
        event.stop()
        self.ring.focus()

    def _detail(self, event: Any) -> None:
        if event is self._open:
            return
        self._open = event
        self.ring.clear()
        if event is not None:
            self.ring.append(list(self._lines(event)))
            self.ring.action_jump(0)


def request_lines(event: Any) -> Iterator[Line]:
    """A request whole, as it arrived; a body that is no text in hex."""
    yield Line(safe(event.summary()), "dim", event)
    for text in event.head.splitlines():
        yield Line(safe(text), "", event)
    if event.body:
        yield Line("", "", event)
        yield from _body(event)
    if event.length > len(event.body):
        more = f"{amount(event.length - len(event.body))} more"
        where = f" in {safe(event.path)}" if event.path else " are not kept"
        yield Line(f"- {more}{where}", "dim", event)
    if event.curl:
        yield Line("", "", event)
        yield Line("once more:", "dim", event)
        for text in event.curl.splitlines():
            yield Line(safe(text), "good", event)


def _body(event: Any) -> Iterator[Line]:
    try:
        text = event.body.decode()
    except UnicodeDecodeError:
        lines: Iterator[str] = hexdump(event.body)
    else:
        lines = (safe(line) for line in text.splitlines())
    for line in islice(lines, BODY_LINES):
        yield Line(line, "in", event)
    if next(lines, None) is not None:
        yield Line(f"- the rest of these {amount(len(event.body))} is not drawn", "dim", event)


def visitor_lines(event: Any) -> Iterator[Line]:
    """A visitor's handshake whole: what came of it, and all that its ClientHello offered."""
    yield Line(event.line(), "bad" if event.failed else "good", event)
    rows = (
        ("alert", (event.alert,)),
        ("agreed on", (event.version, event.suite, event.protocol, "resumed" * event.resumed)),
        ("certificate", (event.certificate,)),
        ("server name", (event.server_name,)),
        ("JA4", (event.ja4,)),
        ("versions", event.versions),
        ("suites", event.suites),
        ("groups", event.groups),
        ("signatures", event.signatures),
        ("ALPN", event.protocols),
        ("extensions", event.extensions),
        ("GREASE", ("sent" * event.grease,)),
    )
    for name, values in rows:
        for text in textwrap.wrap(", ".join(filter(None, map(safe, values))), 60):
            yield Line(f"{name:<13}{text}", "", event)
            name = ""


def _cell(event: Any, column: str, _: int) -> Cell:
    match column:
        case "at":
            return time.strftime("%H:%M:%S", time.localtime(event.time))
        case "length":
            return amount(event.length)
        case "took":
            return duration(event.took)
        case "suite" if event.why:
            return safe(event.why), "bad"
        case "status":
            if not event.status:
                return "none", "warn"
            return str(event.status), "bad" if event.status >= 500 else ""
        case _:
            return safe(str(getattr(event, column)), limit=300)


def _value(event: Any, column: str) -> Any:
    return event.time if column == "at" else getattr(event, column)
