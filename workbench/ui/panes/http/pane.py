"""The HTTP tab: requests in a table, and every layer of the selected one below."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from workbench.core.events import Failed
from workbench.core.feed import Batch
from workbench.core.job import Job, Request
from workbench.core.runner import Run
from workbench.core.text import safe
from workbench.core.units import amount, duration
from workbench.http.client.job import Http, http_kept
from workbench.http.collections.job import HttpRun, http_run_with_layers
from workbench.http.viewing.kept import KeptBody
from workbench.ui.panes.base import JobPane
from workbench.ui.panes.boards import Boards
from workbench.ui.panes.http.exchange import LINES_MOST, Exchange, status_tone
from workbench.ui.panes.http.viewer import BodyView
from workbench.ui.widgets.filterline import FilterLine
from workbench.ui.widgets.match import Pattern
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.table import Cell, Column, Table
from workbench.ui.widgets.tones import Tone
from workbench.ui.widgets.views import Views

KEPT = 100
"""Requests that are kept; the oldest goes first."""

HELP = """
Send a request and see every layer of it.

On the target line: a method and a URL; after them header fields as
NAME:VALUE, pairs of the query as NAME==VALUE, a JSON body as NAME=VALUE or
NAME:=JSON.
  GET http://127.0.0.1:8000/ Accept:text/html
  POST http://127.0.0.1:8001/hooks name=x count:=3
  GET https://127.0.0.1:8443/ --insecure --http 2 --verbose
  download http://127.0.0.1:8000/file --output file

  repeat http://127.0.0.1:8000/ --requests 1000     how long answers take
  robots http://127.0.0.1:8000/ /path --agent bot   who may fetch what
  cookies FILE http://127.0.0.1:8000/          what is sent, and why not

  run requests.http --env dev
  run FOLDER --list

^o has all options: body, form, files, login, redirects, proxy, address, TLS.
Passwords are typed there and are kept nowhere. c opens an editor with fields
for query, headers and body; f2 there sends, f3 saves in a .http file.

Above stand the requests that were sent, below the selected one: v goes
through what happened with its waterfall, body (JSON and XML laid out, HTML
as its words; h for hex, and once more as it came), headers both ways with
what each means (h hides that), wire, cookies; k shows the server's
certificates. / finds in all of it: enter goes on to the view that has it,
n and N to the next line and the one before. A long body is kept on disk, not
in memory, and all of it is there to read and to search; end goes to its end.
r sends one again, f follows a redirect one hop (--follow goes all the way),
s sends its URL elsewhere, y copies, p shows it as Python and as curl,
d forgets it; e exports by the name's ending:
.body, .jsonl, .har, .http, .py, .sh.

clients GET http://127.0.0.1:8000/ sends one request through urllib.request,
http.client and the workbench, and marks what differs; v has the bytes of each.

import FILE.har, or import 'curl -H "A: b" http://127.0.0.1:8000/', gives the
line that sends the same request, enter takes it; --save FILE.http keeps it.

Collections are .http files as the REST clients of VS Code and JetBrains have
them; run opens a file or a folder of them as a tree, --list sends none. There
r runs one, a all of them, enter edits, w writes a new one, d deletes, g
chooses the environment, v goes through result and layers, e exports JUnit XML
or HAR.

No server at hand? In the Servers tab, inspect http://127.0.0.1:8001/ shows
each request whole.
"""

Form = Literal["reading", "hex", "raw"]
READING: Form = "reading"
HEX: Form = "hex"
RAW: Form = "raw"
"""How a body is shown: laid out for reading, in hex, or as it came."""

SUMMARY, BODY, HEADERS, WIRE, COOKIES = VIEWS = ("summary", "body", "headers", "wire", "cookies")

COLUMNS = (
    Column("status", "", width=4, align="right"),
    Column("method", "method", width=7),
    Column("url", "url", width=24, flex=1),
    Column("type", "type", width=12, priority=2),
    Column("size", "size", width=7, align="right"),
    Column("took", "time", width=7, align="right"),
)
_OF_REQUESTS = frozenset(
    ("view", "hex", "again", "filter", "send_to", "copy", "export", "forget", "certificate")
)
"""Actions on the selected request."""

EMPTY = "No request yet: press enter on the line above to send this one. f1 tells more."


class HttpPane(JobPane):
    """Requests, each a run of `http` in a thread; other jobs have boards."""

    DEFAULT_CSS = """
    HttpPane Table { height: 1fr; min-height: 4; max-height: 10; }
    HttpPane Ring { height: 3fr; }
    """

    tab: ClassVar[str] = "http"
    verb: ClassVar[str] = "http"
    verbs: ClassVar[tuple[str, ...]] = ("cookies", "download", "repeat", "robots")
    first_line: ClassVar[str] = "GET http://127.0.0.1:8000/"
    help_text: ClassVar[str] = HELP

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "view", "view", id="http.view"),
        Binding("h", "hex", "hex", show=False, id="http.hex"),
        Binding("k", "certificate", "certificate", show=False, id="http.certificate"),
        Binding("r", "again", "send again", id="http.again"),
        Binding("f", "hop", "follow", show=False, id="http.hop"),
        Binding("c", "compose", "compose", id="http.compose"),
        Binding("slash", "filter", "find", id="http.filter"),
        Binding("s", "send_to", "send to", id="http.send"),
        Binding("y", "copy", "copy", id="http.copy"),
        Binding("e", "export", "export", id="http.export"),
        Binding("x", "stop", "stop", id="http.stop"),
        Binding("d", "forget", "forget", show=False, id="http.forget"),
        Binding("b", "board", "other board", show=False, id="http.board"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.exchanges: dict[int, Exchange] = {}
        self._count = 0
        self._view = SUMMARY
        self._form: Form = READING
        self._meanings = True
        self._sought: dict[str, int] = {}
        """Lines of each view that have what is looked for, but for a long body's."""
        self._sought_in = 0
        self._found = ""
        self._elsewhere = ""
        self._rows: tuple[tuple[int, int], ...] = ()
        self._drawn: tuple[object, ...] = ()

    def compose_body(self) -> ComposeResult:
        """The requests above, the selected one below."""
        with Boards(initial="exchanges"), Vertical(id="exchanges"):
            yield Table(COLUMNS, cell=_cell, value=_value, empty=EMPTY, id="requests")
            yield Views(*VIEWS)
            yield FilterLine("type to find in every view; enter goes there")
            yield Ring(
                id="layer",
                limit=LINES_MOST + 2,
                empty="What is sent and what comes back stands here.",
            )
            yield BodyView(id="long-body")

    # -- what is here --------------------------------------------------------------------------

    @property
    def boards(self) -> Boards:
        """The requests, and the boards of other jobs."""
        return self.query_one(Boards)

    @property
    def table(self) -> Table:
        """The requests."""
        return self.query_one("#requests", Table)

    @property
    def ring(self) -> Ring:
        """The open view of the selected request."""
        return self.query_one("#layer", Ring)

    @property
    def viewer(self) -> BodyView:
        """The body of the selected request, where it is too long for a log."""
        return self.query_one(BodyView)

    @property
    def reader(self) -> Ring:
        """What of the two is on the screen."""
        return self.viewer if self.viewer.display else self.ring

    @property
    def selected(self) -> Exchange | None:
        """The request under the cursor."""
        key = self.table.cursor_key
        return self.exchanges.get(key) if isinstance(key, int) else None

    # -- work ----------------------------------------------------------------------------------

    def submit(self, job: Job[Any], request: Request) -> None:
        """Send a request; other jobs have boards of their own."""
        if isinstance(request, HttpRun):
            job = replace(job, function=http_run_with_layers)
        if not isinstance(request, Http):
            self.run_worker(self._open_board(job, request))
            return
        self.boards.go_home()
        self._count += 1
        key = self._count
        found: list[Exchange] = []

        def take(batch: Batch) -> None:
            found[0].take(batch)
            self.workbench.progress = found[0].progress
            ended = batch.ended
            if isinstance(ended, Failed) and not ended.cancelled:
                self.show_error(safe(ended.line()))

        # The history keeps what was asked for; the screen keeps the wire and the body as well.
        kept = KeptBody()
        run = self.workbench.runs.start(replace(job, function=http_kept(kept)), request, take)
        found.append(Exchange(key, run, kept))
        self.exchanges[key] = found[0]
        while len(self.exchanges) > KEPT:
            del self.exchanges[next(iter(self.exchanges))]
        self._draw_rows()
        self.table.select(key)

    async def _open_board(self, job: Job[Any], request: Request) -> None:
        board = await self.boards.open(job, request, self.workbench.runs)
        board.focusable_view.focus()

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        if self.boards.board is not None:
            self.boards.board.pulse()
            return
        self._draw_rows()
        self._draw_layer()

    def _draw_rows(self) -> None:
        rows = tuple((one.key, one.version) for one in self.exchanges.values())
        if rows != self._rows:
            self._rows = rows
            self.table.set_rows([(key, one) for key, one in reversed(self.exchanges.items())])

    def _draw_layer(self) -> None:
        one = self.selected
        if (one.key if one else 0) != self._sought_in:
            self._sought_in = one.key if one else 0
            self._sought, self._found, self._elsewhere = {}, "", ""
        if self._draw_long(one):
            return
        drawn = (
            one.key if one else 0, one.version if one else 0, self._view, self._form,
            self._meanings,
        )  # fmt: skip
        if drawn == self._drawn:
            return
        before, self._drawn = self._drawn, drawn
        ring = self.ring
        ring.clear()
        if one is None:
            self.query_one(Views).show(self._view, "")
            return
        ring.append(list(self._lines(one, self._view)))
        if (before[:1] != drawn[:1] or before[2:] != drawn[2:]) and self._view != SUMMARY:
            ring.action_jump(0)  # what is read from its beginning, unlike what goes on
        self.query_one(Views).show(self._view, self._found or _remark(one))

    def _draw_long(self, one: Exchange | None) -> bool:
        """Show a body that is too long for a log; False where it is none, or not to be shown."""
        viewer = self.viewer
        if viewer.rows is not None and (one is None or viewer.rows.body is not one.kept):
            viewer.leave()
        shown = one is not None and self._view == BODY and one.paged
        if shown != viewer.display:
            had_focus = self.reader.has_focus
            viewer.display, self.ring.display = shown, not shown
            self._drawn = ()
            if had_focus:
                self.reader.focus()
        if viewer.rows is not None:
            viewer.follow_body()
        if one is None or not shown:
            if self._sought and one is not None and one.paged:
                self._draw_found(one)
                self._draw_remark()
            return False
        self._open_long(one)
        viewer.search_text = self.ring.search_text
        if self._sought:
            self._draw_found(one)
        self._draw_remark()
        return True

    def _open_long(self, one: Exchange) -> None:
        """Have the viewer read this request's body in the form that is chosen."""
        form = one.paged_form(as_hex=self._form == HEX, as_it_came=self._form == RAW)
        if one.kept is not None:
            self.viewer.open(one.kept, form, one.charset)

    def _lines(self, one: Exchange, view: str) -> Iterator[Line]:
        match view:
            case "summary":
                return one.summary()
            case "headers":
                return one.headers(meanings=self._meanings)
            case "wire":
                return one.wire()
            case "cookies":
                return one.cookies()
        return one.body_lines(as_hex=self._form == HEX, as_it_came=self._form == RAW)

    def cancel(self, *, hard: bool = False) -> bool:
        """End the selected request, or what the user waits for on a board."""
        if self.boards.board is not None:
            return self.boards.cancel(hard=hard)
        running = [one for one in self.exchanges.values() if one.run.ended is None]
        one = self.selected if self.selected in running else running[-1] if running else None
        if one is None:
            return False
        one.run.cancel()
        return True

    def select_run(self, run: Run) -> None:
        """Go to the request or the board that this run is."""
        if self.boards.show_run(run):
            return
        for key, one in self.exchanges.items():
            if one.run is run:
                self.boards.go_home()
                self.table.select(key)
                self.table.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What is about the selected request has no place on another job's board."""
        on_board = self.is_mounted and self.boards.board is not None
        return not (on_board and action in _OF_REQUESTS)

    def request_to_show(self) -> tuple[Job[Any], Request]:
        """What is open or selected, where the line is not being typed on."""
        board = self.boards.board
        if board is not None and board.run is not None and not self.target.has_focus_within:
            return board.run.job, board.run.request
        one = self.selected
        if one is not None and not self.target.has_focus_within:
            return one.run.job, one.run.request
        return self.request()

    # -- events of the widgets -----------------------------------------------------------------

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Enter: read the answer."""
        if event.table.id == "requests":
            self.reader.focus()

    def on_views_chosen(self, event: Views.Chosen) -> None:
        """A view was clicked."""
        self._open(event.view)

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        """Mark what is found, go to it, and say which views have it."""
        self.ring.search_text = event.text
        if self.viewer.display:
            self.viewer.search_text = event.text
            self.viewer.find_first()
        elif event.text:
            self.ring.find(-1)
        self._look_everywhere(event.text)

    def on_filter_line_left(self) -> None:
        """Back to the view, or on to the first that has what was looked for."""
        if self._elsewhere:
            self._open(self._elsewhere)
            if self.viewer.display:
                self.viewer.find_first()
            else:
                self.ring.find(1)
            self._elsewhere = ""
        self.reader.focus()

    def _look_everywhere(self, text: str) -> None:
        """Which views of the selected request have the text, and how many lines of each."""
        one = self.selected
        self._sought = {}
        self._found = self._elsewhere = ""
        if one is not None and text:
            pattern = Pattern(text)
            self._sought = {
                view: sum(pattern.within(line.text) for line in self._lines(one, view))
                for view in VIEWS
                if view != BODY or not one.paged
            }
            if one.paged:
                self._open_long(one)
                self.viewer.search_text = text
            self._draw_found(one)
        self._draw_remark()

    def _draw_found(self, one: Exchange) -> None:
        """Say what was found, with what a long body has so far."""
        counts = {**self._sought, **({BODY: self.viewer.count_matches()} if one.paged else {})}
        having = [f"{view} {counts[view]:,}" for view in VIEWS if counts[view]]
        if one.paged and not self.viewer.searched:
            having.append("searching")
        self._found = ", ".join(having) or "found nowhere"
        here = counts[self._view]
        self._elsewhere = "" if here else next((view for view in VIEWS if counts[view]), "")

    def _draw_remark(self) -> None:
        one = self.selected
        if one is None:
            return
        words = self._found or _remark(one)
        if self.viewer.display:
            if self._found:
                words = f"{self._found}  {self.viewer.row()}"
            else:
                words = f"{one.status}  {self.viewer.where()}"
        self.query_one(Views).show(self._view, words)

    # -- keys ----------------------------------------------------------------------------------

    def _open(self, view: str) -> None:
        self._view = view
        self._draw_layer()

    def action_view(self) -> None:
        """The next view of the selected request."""
        self._open(self.query_one(Views).next())

    def action_hex(self) -> None:
        """The body as text, in hex, as it came; of headers what they mean, or not."""
        if self._view == HEADERS:
            self._meanings = not self._meanings
            self._open(HEADERS)
            return
        one = self.selected
        forms: list[Form] = [READING, HEX, *([RAW] if one is not None and one.lays_out else [])]
        here = forms.index(self._form) if self._form in forms else -1
        self._form = forms[(here + 1) % len(forms)]
        self._open(BODY)

    def action_certificate(self) -> None:
        """Show the certificates that the server of the selected request sent."""
        from workbench.ui.panes.http.certificates import show_chain

        one = self.selected
        if one is not None:
            show_chain(self.workbench, one)

    def action_again(self) -> None:
        """Send the selected request once more."""
        one = self.selected
        if one is not None:
            self.submit(one.run.job, one.run.request)

    def action_hop(self) -> None:
        """Follow the redirect that the selected request ended with, this one hop."""
        from workbench.core.failure import JobError
        from workbench.http.client.stepping import next_hop

        one = self.selected
        if one is None or one.head is None or not isinstance(one.run.request, Http):
            self.notify("no answer is here that could be followed")
            return
        try:
            request, told = next_hop(one.run.request, one.head.status, one.head.fields)
        except JobError as problem:
            self.notify(safe(str(problem)), severity="warning")
            return
        self.submit(one.run.job, request)
        if told:
            self.notify(safe("; ".join(told)))

    def action_compose(self) -> None:
        """Open the editor with what is selected, or what stands on the target line."""
        from workbench.ui.panes.http.composer import compose

        compose(self)

    def action_filter(self) -> None:
        """Type what to look for."""
        self.query_one("#exchanges").query_one(FilterLine).open()

    def action_stop(self) -> None:
        """End it."""
        self.cancel(hard=True)

    def action_forget(self) -> None:
        """Take the selected request away."""
        one = self.selected
        if one is not None:
            one.run.cancel()
            del self.exchanges[one.key]

    def action_board(self) -> None:
        """Go to the next board: the requests, and each other job that has run."""
        self.boards.next()
        board = self.boards.board
        (board.focusable_view if board is not None else self.table).focus()

    def action_send_to(self) -> None:
        """Offer the selected request's URL to other tabs."""
        from workbench.ui.sendto import offer

        one = self.selected
        if one is not None and isinstance(one.run.request, Http):
            offer(self.workbench, one.run.request.url.without_password())

    def action_copy(self) -> None:
        """Copy the lines that are selected, or the URL."""
        one = self.selected
        if one is None:
            return
        text = self.reader.selected_text() if self.reader.has_focus else one.run.request.target()
        self.app.copy_to_clipboard(text)
        self.notify("copied")

    def action_export(self) -> None:
        """Save the body, the exchange, or the request as a file or as code."""
        from workbench.ui.panes.http.exporting import export

        one = self.selected
        if one is not None:
            export(self.workbench, one)


def _remark(one: Exchange) -> str:
    head = one.head
    if head is None:
        return "waiting" if one.ended is None else ""
    size = f"{amount(one.body_size)} of body" if one.body_size else ""
    return safe(f"{head.status} {head.reason}   {size}".strip(), limit=60)


def _cell(one: Exchange, column: str, width: int) -> Cell:
    request = one.run.request
    assert isinstance(request, Http)
    head = one.head
    match column:
        case "status":
            tone: Tone = status_tone(head.status) if head is not None else ""
            return (one.status, "bad" if isinstance(one.ended, Failed) else tone)
        case "method":
            return safe(request.method.upper(), limit=20)
        case "url":
            return safe(str(request.url.without_password()), limit=400)
        case "type":
            return safe(one.field("content-type").partition(";")[0], limit=40)
        case "size":
            return amount(one.body_size) if one.body_size else "-"
        case _:
            return duration(one.took) if one.phases else "-"


def _value(one: Exchange, column: str) -> Any:
    values: dict[str, Any] = {"size": one.body_size, "took": one.took, "status": one.status}
    return values[column] if column in values else _cell(one, column, 100)
