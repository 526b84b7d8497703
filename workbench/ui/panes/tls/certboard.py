"""The boards of certificates: `cert show`, and under a verdict those of a server in `tls`."""

from __future__ import annotations

import shlex
from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from workbench.core.endpoint import Endpoint
from workbench.core.events import Done, Failed, Note
from workbench.core.feed import Batch
from workbench.core.message import Event, encode
from workbench.core.text import safe
from workbench.core.units import duration
from workbench.tls.inspecting.events import CertificateSeen, Changed, Fact, Problem, Seen
from workbench.tls.show import Fault, Shown
from workbench.ui.panes.boards import RunBoard
from workbench.ui.panes.tls.chainview import (
    COLUMNS,
    SOON,
    Row,
    cell,
    details,
    problem_lines,
    value,
    wrapped,
)
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.table import Table

if TYPE_CHECKING:
    from workbench.tls.inspect import Tls
    from workbench.ui.app import WorkbenchApp

KEPT = 10_000
NAMES_SENT = 12
_MARKS = {"good": "", "fair": "", "bad": "! ", "unknown": "? "}


class CertBoard(RunBoard):
    """What is wrong, the certificates, and all of the one under the cursor."""

    DEFAULT_CSS = """
    CertBoard .verdict { height: auto; max-height: 4; background: $surface; padding: 0 1;
        display: none; }
    CertBoard .verdict.shown { display: block; }
    CertBoard .verdict.good { color: $text-success; text-style: bold; }
    CertBoard .verdict.warn { color: $text-warning; text-style: bold; }
    CertBoard .verdict.bad { color: $text-error; text-style: bold; }
    CertBoard #wrong { height: auto; max-height: 25%; min-height: 1; border-bottom: solid $panel; }
    CertBoard Table { height: auto; max-height: 40%; min-height: 3;
        border-bottom: solid $panel; }
    CertBoard #detail { height: 1fr; min-height: 3; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "send_to", "send to", id="cert.send"),
        Binding("y", "copy", "copy", id="cert.copy"),
        Binding("e", "export", "export", id="cert.export"),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.told: list[Event] = []
        self.rows: list[Row] = []
        self.facts: list[Fact] = []
        self.wrong: list[Problem | Fault] = []
        self.changed: list[Changed] = []
        self.seen: Seen | None = None
        self.last: Event | None = None
        self._version = 0
        self._drawn = -1

    def compose_body(self) -> ComposeResult:
        """Verdict, problems, certificates, details."""
        yield Static("", classes="verdict", markup=False)
        yield Ring(id="wrong", empty="Nothing was found wrong yet.")
        yield Table(COLUMNS, cell=cell, value=value, empty="Reading…", id="certificates")
        yield Ring(id="detail", empty="Nothing is selected.")

    @property
    def table(self) -> Table:
        """The certificates."""
        return self.query_one(Table)

    @property
    def detail(self) -> Ring:
        """All of the selected one."""
        return self.query_one("#detail", Ring)

    @property
    def focusable_view(self) -> Widget:
        """The certificates."""
        return self.table

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.told, self.rows, self.facts, self.wrong, self.changed = [], [], [], [], []
        self.seen = self.last = None
        self._version, self._drawn = 0, -1
        self.table.set_rows([])
        for ring in self.query(Ring):
            ring.clear()

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in [*batch.events, *([batch.ended] if batch.ended is not None else [])]:
            match event:
                case Seen():
                    self.seen = event
                case Problem() | Fault():
                    self.wrong.append(event)
                case CertificateSeen():
                    where = "" if event.sent else " (unsent)"
                    self.rows.append(Row(f"{event.role}{where}", event.fields))
                case Shown():
                    self.rows.append(Row(event.kind, event.fields))
                case Fact():
                    self.facts.append(event)
                case Changed():
                    self.changed.append(event)
                case Done() | Failed() | Note():
                    self.last = event
            if len(self.told) < KEPT:
                self.told.append(event)
        self._version += 1

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        if self._version == self._drawn:
            return
        self._drawn = self._version
        self.query_one(".head", Static).update(safe(self._head()))
        verdict = self.query_one(".verdict", Static)
        if self.seen is not None:
            verdict.update(safe(_verdict(self.seen), keep_newlines=True))
            verdict.add_class("shown")
            soon = self.seen.days is not None and self.seen.days < SOON
            verdict.set_class(self.seen.trusted and not soon, "good")
            verdict.set_class(self.seen.trusted and soon, "warn")
            verdict.set_class(not self.seen.trusted, "bad")
        else:
            verdict.remove_class("shown")
        self._draw_wrong()
        rows = [(at, row) for at, row in enumerate(self._marked())]
        if self.facts:
            bad = any(one.state == "bad" for one in self.facts)
            facts = tuple((one.name, _MARKS[one.state] + one.words) for one in self.facts)
            rows.append((len(rows), Row("the server", facts, bad, f"{len(facts)} facts")))
        self.table.set_rows(rows)
        nothing = isinstance(self.last, Failed) and not rows
        self.table.display = self.detail.display = not nothing
        self._draw_detail()

    def _marked(self) -> list[Row]:
        """The rows, those marked that something is wrong with."""
        bad = {one.at for one in self.wrong if one.weight == "error"}
        return [Row(row.what, row.fields, at in bad) for at, row in enumerate(self.rows)]

    def _draw_wrong(self) -> None:
        ring = self.query_one("#wrong", Ring)
        width = max(40, self.size.width - 2)
        lines: list[Line] = []
        for change in self.changed:
            lines += wrapped("~", change.line(), "bad" if change.grave else "warn", width)
        for one in self.wrong:
            lines += problem_lines(one.weight, one.words, one.advice, width)
        if isinstance(self.last, Failed) and not self.wrong:
            lines += problem_lines("error", self.last.cause, self.last.advice, width)
        ring.explain("Nothing is wrong with it." if self.last else "Nothing was found wrong yet.")
        ring.clear()
        ring.append(lines)
        ring.action_jump(0)
        ring.styles.height = max(2, min(len(lines) + 1, self.size.height // 3))

    def _draw_detail(self) -> None:
        key = self.table.cursor_key
        row = dict(self.table.rows).get(key) if key is not None else None
        self.detail.clear()
        if row is not None:
            self.detail.append(details(row, max(40, self.size.width - 2)))
            self.detail.action_jump(0)

    def on_table_highlighted(self, event: Table.Highlighted) -> None:
        """Another one is selected."""
        event.stop()
        self._draw_detail()

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Enter: read it."""
        event.stop()
        self.detail.focus()

    def _head(self) -> str:
        if self.run is None:
            return ""
        target = self.run.request.target()
        if self.last is None:
            return f"{self.run.job.name} {target}   x stops"
        ended = "failed" if isinstance(self.last, Failed) else "done"
        if self.rows and isinstance(self.last, Failed):
            ended = "not trusted"
        said = self.last.line() if isinstance(self.last, Done) else ""
        return f"{self.run.job.name} {target}   {said or ended}"

    # -- keys ----------------------------------------------------------------------------------

    def places(self) -> list[tuple[str, str]]:
        """Where the certificate's names can be sent."""
        from workbench.ui.sendto import word_choices

        return word_choices(self._names())

    def _names(self) -> list[str]:
        """The names and addresses of the first certificate."""
        for event in self.told:
            if isinstance(event, CertificateSeen):
                found = [name.partition(":")[2] for name in event.names]
            elif isinstance(event, Shown):
                fields = dict(event.fields).get("subject alternative name", "")
                found = [name.strip().partition(":")[2] for name in fields.split(",")]
            else:
                continue
            return [name for name in found if name and "*" not in name][:NAMES_SENT]
        return []

    def action_send_to(self) -> None:
        """Offer the server and the names to other tabs."""
        from workbench.ui.sendto import offer_lines

        offer_lines(cast("WorkbenchApp", self.app), self.places())

    def action_copy(self) -> None:
        """Copy the selected lines of the details, or the certificate in PEM."""
        rings = [ring for ring in self.query(Ring) if ring.has_focus]
        self.app.copy_to_clipboard(rings[0].selected_text() if rings else self._selected_text())
        self.notify("copied")

    def _selected_text(self) -> str:
        """The certificate under the cursor in PEM, where it is one of a server's."""
        key = self.table.cursor_key
        chain = [one for one in self.told if isinstance(one, CertificateSeen)]
        if isinstance(key, int) and key < len(chain):
            return chain[key].pem
        return "\n".join(line.text for line in self.detail.lines)

    def action_export(self) -> None:
        """Save what was found as JSON lines, as text, or the chain as PEM."""
        from workbench.ui.export import ask_and_write

        events = list(self.told)
        sent = [one for one in events if isinstance(one, CertificateSeen) and one.sent]
        formats = {
            ".jsonl": lambda: [encode(event) for event in events],
            ".txt": lambda: [f"{event.line()}".encode() for event in events if event.line()],
        }
        if sent:
            formats[".pem"] = lambda: [one.pem.rstrip().encode() for one in sent]
        name = self.run.job.name.replace(" ", "-") if self.run is not None else "certificate"
        ask_and_write(cast("WorkbenchApp", self.app), f"{name}.jsonl", formats)


class TlsBoard(CertBoard):
    """The verdict on a server above its certificates."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "scan", "scan", id="tls.scan"),
        Binding("r", "again", "again", id="tls.again"),
    ]

    @property
    def endpoint(self) -> Endpoint | None:
        """The server that was looked at."""
        from workbench.tls.target import place

        found = getattr(self.run.request, "endpoint", None) if self.run is not None else None
        return place(found) if isinstance(found, Endpoint) else None

    def places(self) -> list[tuple[str, str]]:
        """The server, then the names."""
        from workbench.ui.sendto import choices

        end = self.endpoint
        if end is None:
            return super().places()
        found = [(self._scan_line(end), "TLS: versions, suites and weaknesses")]
        if end.transport == "tcp" and not (self.seen and self.seen.starttls):
            secure = Endpoint("tls", host=end.host, port=end.port)
            found += choices(secure)[:1]
            line = f"watch {shlex.quote(str(secure))}"
            found.append((line, "Servers: watch it, also for its end"))
        return found + super().places()

    def _scan_line(self, end: Endpoint) -> str:
        """The scan of the same server, asked in the same way."""
        assert self.run is not None
        request = cast("Tls", self.run.request)
        words = ["tls-scan", str(end)]
        if request.sni is not None:
            words += ["--sni", request.sni]
        if request.starttls != "auto":
            words += ["--starttls", request.starttls]
        return shlex.join(words)

    def action_scan(self) -> None:
        """Scan the same server."""
        end = self.endpoint
        if end is not None:
            app = cast("WorkbenchApp", self.app)
            self.run_worker(app.take("tls", self._scan_line(end), run=True))

    def action_again(self) -> None:
        """Look once more."""
        if self.run is not None:
            runs = cast("WorkbenchApp", self.app).runs
            self.begin(partial(runs.start, self.run.job, self.run.request))


def _verdict(seen: Seen) -> str:
    """The verdict, then what was agreed on and how fast."""
    through = f" through STARTTLS ({seen.starttls})" if seen.starttls else ""
    name = f"{seen.name} at {seen.peer}" if seen.name not in seen.peer else seen.peer
    first, _, more = seen.why.partition("; ")
    others = f" (and {more.count('; ') + 1} more)" if more else ""
    headline = seen.headline() if seen.trusted else f"NOT TRUSTED: {first}{others}"
    return f"{headline}\n{seen.agreed()}{through}\n{name}, {duration(seen.took)}"
